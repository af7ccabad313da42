#pragma once

#include <cstddef>
#include <span>
#include <utility>

namespace vggroove {

// The processes that train one network together, as one of them sees them. The calls below the line
// are collective: every process makes the same ones, in the same order and with the same sizes, and
// each waits for the others. They throw Error(kIo) where the connection fails; what the others then
// wait for never comes, so that whoever fails, in whatever way, must abort().
class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;  // 0 .. size() - 1
  virtual int size() const = 0;
  virtual int local_rank() const = 0;  // the place among the processes of this machine
  // For this process' threads: the cores that it may run on, divided among those that share them.
  virtual unsigned num_cores() const = 0;
  // Ends all processes at once; does not return.
  virtual void abort(int exit_code) = 0;

  // ---
  // values = their sums over all processes: the same bits in each of them, and in every run.
  virtual void all_reduce_sum(std::span<float> values) = 0;
  virtual void all_reduce_sum(std::span<double> values) = 0;
  // Everybody gets what rank 0 has.
  virtual void broadcast(std::span<std::byte> bytes) = 0;
};

// The one process of a program that was started by itself: sums of one, nobody to wait for.
class SingleProcess : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  int local_rank() const override { return 0; }
  unsigned num_cores() const override;
  void abort(int exit_code) override;
  void all_reduce_sum(std::span<float>) override {}
  void all_reduce_sum(std::span<double>) override {}
  void broadcast(std::span<std::byte>) override {}
};
Communicator& single_process();

// [first, end) of `count` things: the part of this process. Parts are in the order of the ranks,
// differ by one at most, and together are all.
std::pair<std::size_t, std::size_t> share_of(const Communicator& processes, std::size_t count);

}  // namespace vggroove
