#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace vggroove {

// Threads that wait for work between calls: a training step is some hundred short loops, and
// starting threads for each would take as long as some of them. For one caller at a time.
class ThreadTeam {
 public:
  explicit ThreadTeam(unsigned num_threads);  // the caller's thread is one of them
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  unsigned num_threads() const { return static_cast<unsigned>(others_.size()) + 1; }

  // Runs piece(0, member), ... piece(num_pieces - 1, member), each once, in no particular order;
  // 0 <= member < num_threads() names the thread, for its scratch memory. Returns when all are
  // done. The first exception is thrown again here; pieces not yet begun are then left out.
  void run(std::size_t num_pieces, const std::function<void(std::size_t, unsigned)>& piece);

 private:
  void work(unsigned member);
  void wait_for_work(unsigned member);

  std::mutex mutex_;  // guards everything below but others_
  std::condition_variable work_available_, all_done_;
  const std::function<void(std::size_t, unsigned)>* piece_ = nullptr;
  std::size_t next_ = 0, num_pieces_ = 0;
  std::size_t num_calls_ = 0;  // of run()
  unsigned num_working_ = 0;
  bool stopping_ = false;
  std::exception_ptr failure_;
  std::vector<std::jthread> others_;
};

}  // namespace vggroove
