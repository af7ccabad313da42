#pragma once

#include <cstddef>
#include <functional>

namespace vggroove {

// Loading is bound by memory: more than four threads bring nothing.
inline constexpr int kLoadingThreads = 4;

// Runs piece(0), ... piece(num_pieces - 1), each once, in no particular order, on at most as many
// threads as there are cores and as max_threads (0: no limit) says; this thread is one of them.
// Returns when all are done. The first exception is thrown again here; pieces not yet begun are
// then left out. For loading and for training: a forward pass stays on its caller's thread.
void parallel_for(std::size_t num_pieces, const std::function<void(std::size_t)>& piece,
                  int max_threads = kLoadingThreads);

}  // namespace vggroove
