#pragma once

// Streams are not the executor's business: who plays them stands in front of it. Needs none of
// CUDA's words, so that it goes together with CUDA's own headers.

#include <functional>
#include <vector>

#include "kernels/common/stream.h"

namespace vggroove::simt {

// A pointer among a kernel's parameters, and whether the kernel may write through it.
struct PointerParameter {
  const void* pointer;
  bool writable;
};
// A launch on its way to its stream.
struct StreamLaunch {
  const void* kernel;
  Stream stream;
  std::vector<PointerParameter> pointers;
  std::function<void()> run;  // at once or later, and as often as wanted
};
// Who plays the streams takes launches here (engine/backends/sim). Null: each runs at once.
extern void (*stream_player)(StreamLaunch launch);

}  // namespace vggroove::simt
