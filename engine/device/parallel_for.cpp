#include "engine/device/parallel_for.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace vggroove {

void parallel_for(std::size_t num_pieces, const std::function<void(std::size_t)>& piece,
                  int max_threads) {
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
  const std::size_t num_cores = std::max(1u, std::thread::hardware_concurrency());
  const std::size_t limit = max_threads > 0 ? static_cast<std::size_t>(max_threads) : num_cores;
  const std::size_t num_threads = std::min({num_pieces, num_cores, limit});
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
