#include "engine/device/parallel_for.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace vggroove {

void parallel_for(std::size_t num_pieces, const std::function<void(std::size_t)>& piece) {
  std::atomic<std::size_t> next{0};
  std::exception_ptr failure;
  std::mutex failure_mutex;
  const auto work = [&] {
    try {
      for (std::size_t i = next++; i < num_pieces; i = next++) {
        piece(i);
      }
    } catch (...) {
      next = num_pieces;
      const std::lock_guard lock(failure_mutex);
      if (!failure) {
        failure = std::current_exception();
      }
    }
  };
  // Loading is bound by memory: more than four threads bring nothing.
  const std::size_t num_threads =
      std::min<std::size_t>({num_pieces, std::max(1u, std::thread::hardware_concurrency()), 4});
  {
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < num_threads; ++i) {
      others.emplace_back(work);
    }
    work();
  }
  if (failure) {
    std::rethrow_exception(failure);
  }
}

}  // namespace vggroove
