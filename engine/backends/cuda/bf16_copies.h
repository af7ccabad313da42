#pragma once

#include <cstddef>
#include <map>

#include "engine/backends/cuda/owners.h"
#include "kernels/common/bfloat16.h"

namespace vggroove::cuda {

// Parameters rounded to bf16, for products: the masters are fp32. A copy is made when it is first
// asked for and follows its master from then on, for every write goes through the backend, which
// tells. So a step of the optimiser, and a captured graph, find it always up to date.
class Bf16Copies {
 public:
  // The copy of master [count]; stays where it is until the master is freed. Throws
  // OutOfDeviceMemory.
  BFloat16* of(const CudaStream& stream, const float* master, std::size_t count);
  // The same for who writes master [count] and can write the copy along with it, which then needs
  // no written(); null: there is no such copy.
  BFloat16* find(const float* master, std::size_t count) const;

  // The range was written, in this stream: its copies follow.
  void written(const CudaStream& stream, const void* begin, std::size_t bytes);
  // It was freed: its copies are too.
  void freed(const void* begin, std::size_t bytes);

 private:
  struct Copy {
    std::size_t count = 0;
    DeviceBuffer values;
  };
  std::map<const float*, Copy> copies_;  // by master
};

}  // namespace vggroove::cuda
