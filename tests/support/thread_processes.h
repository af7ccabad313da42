#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstring>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/device/communicator.h"

namespace vggroove::testing {

// Processes of a training, played by threads of this one: what the trainer does as one of several,
// without a launcher. Sums are made in the order of the ranks.
class ThreadProcesses {
 public:
  explicit ThreadProcesses(int size) : size_(size), slots_(static_cast<std::size_t>(size)) {}

  // Runs body(communicator) as every process and returns when all are done. Where one throws, the
  // others are aborted at their next collective call, and its exception is thrown again here.
  void run(const std::function<void(Communicator&)>& body) {
    std::vector<std::jthread> threads;
    for (int rank = 0; rank < size_; ++rank) {
      threads.emplace_back([this, rank, &body] {
        Process process(*this, rank);
        try {
          body(process);
        } catch (const Aborted&) {
        } catch (...) {
          const std::lock_guard lock(mutex_);
          failure_ = failure_ ? failure_ : std::current_exception();
          all_there_.notify_all();
        }
      });
    }
    threads.clear();
    if (failure_) {
      std::rethrow_exception(failure_);
    }
  }

 private:
  struct Aborted {};

  class Process : public Communicator {
   public:
    Process(ThreadProcesses& all, int rank) : all_(all), rank_(rank) {}
    int rank() const override { return rank_; }
    int size() const override { return all_.size_; }
    int local_rank() const override { return rank_; }
    unsigned num_cores() const override { return 1; }
    void abort(int) override { throw Aborted(); }
    void all_reduce_sum(std::span<float> values) override { all_reduce(values); }
    void all_reduce_sum(std::span<double> values) override { all_reduce(values); }
    void broadcast(std::span<std::byte> bytes) override {
      all_.slots_[static_cast<std::size_t>(rank_)] = bytes.data();
      all_.wait_for_all();
      if (rank_ > 0) {
        std::memcpy(bytes.data(), all_.slots_[0], bytes.size());
      }
      all_.wait_for_all();
    }

   private:
    template <class T>
    void all_reduce(std::span<T> values) {
      all_.slots_[static_cast<std::size_t>(rank_)] = values.data();
      all_.wait_for_all();
      std::vector<T> sums(values.size());
      for (const void* const slot : all_.slots_) {
        const T* const other = static_cast<const T*>(slot);
        for (std::size_t i = 0; i < sums.size(); ++i) {
          sums[i] += other[i];
        }
      }
      all_.wait_for_all();
      std::copy(sums.begin(), sums.end(), values.begin());
    }

    ThreadProcesses& all_;
    const int rank_;
  };

  void wait_for_all() {
    std::unique_lock lock(mutex_);
    const std::size_t call = num_calls_;
    if (++num_there_ == size_) {
      num_there_ = 0;
      ++num_calls_;
      all_there_.notify_all();
    }
    all_there_.wait(lock, [&] { return num_calls_ != call || failure_; });
    if (num_calls_ == call) {
      throw Aborted();
    }
  }

  const int size_;
  std::vector<const void*> slots_;  // [ranks]: what each has to give
  std::mutex mutex_;                // guards everything below
  std::condition_variable all_there_;
  int num_there_ = 0;
  std::size_t num_calls_ = 0;  // of wait_for_all by all
  std::exception_ptr failure_;
};

}  // namespace vggroove::testing
