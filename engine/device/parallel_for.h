#pragma once

#include <cstddef>
#include <functional>

namespace vggroove {

// Runs piece(0), ... piece(num_pieces - 1), each once, in no particular order, on up to as many
// threads as there are cores; returns when all are done. The first exception is thrown again here;
// pieces not yet begun are then left out. For loading: a forward pass stays on its caller's thread.
void parallel_for(std::size_t num_pieces, const std::function<void(std::size_t)>& piece);

}  // namespace vggroove
