#include "engine/device/thread_team.h"

#include <algorithm>
#include <utility>

namespace vggroove {

ThreadTeam::ThreadTeam(unsigned num_threads) {
  for (unsigned member = 1; member < num_threads; ++member) {
    others_.emplace_back([this, member] { wait_for_work(member); });
  }
}

ThreadTeam::~ThreadTeam() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_available_.notify_all();
}

void ThreadTeam::run(std::size_t num_pieces,
                     const std::function<void(std::size_t, unsigned)>& piece) {
  if (others_.empty() || num_pieces <= 1) {
    for (std::size_t i = 0; i < num_pieces; ++i) {
      piece(i, 0);
    }
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    piece_ = &piece;
    next_ = 0;
    num_pieces_ = num_pieces;
    num_working_ = num_threads();
    ++num_calls_;
  }
  work_available_.notify_all();
  work(0);
  std::unique_lock lock(mutex_);
  all_done_.wait(lock, [this] { return num_working_ == 0; });
  if (failure_) {
    std::rethrow_exception(std::exchange(failure_, nullptr));
  }
}

void ThreadTeam::wait_for_work(unsigned member) {
  std::size_t calls_seen = 0;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      work_available_.wait(lock, [&] { return stopping_ || num_calls_ != calls_seen; });
      if (stopping_) {
        return;
      }
      calls_seen = num_calls_;
    }
    work(member);
  }
}

void ThreadTeam::work(unsigned member) {
  std::unique_lock lock(mutex_);
  while (next_ < num_pieces_) {
    const std::size_t i = next_++;
    lock.unlock();
    try {
      (*piece_)(i, member);
      lock.lock();
    } catch (...) {
      lock.lock();
      next_ = num_pieces_;
      if (!failure_) {
        failure_ = std::current_exception();
      }
    }
  }
  if (--num_working_ == 0) {
    all_done_.notify_one();
  }
}

}  // namespace vggroove
