#pragma once

#include <cstddef>
#include <memory>

#include "engine/backends/cuda/owners.h"
#include "engine/device/communicator.h"

namespace vggroove::cuda {

// The devices of all processes of a training, one of each process. Destroyed while an exception is
// under way, it ends the sums that wait for processes which will not come.
class DeviceGroup {
 public:
  virtual ~DeviceGroup() = default;

  // values [count] = their sum over all processes, when the stream comes to it. In place, and
  // nothing but an operation of the stream: it can be captured.
  virtual void all_reduce_sum(float* values, std::size_t count, const CudaStream& stream) = 0;

  // Returns when the stream has done everything; throws Error(kDevice) where it never will, because
  // the connection broke. For every wait of the host: a plain one would last for ever.
  virtual void wait_for(const CudaStream& stream) = 0;
};

// A collective call: this process' current device joins those of the others. Throws
// Error(kUnsupported) in a build without NCCL, Error(kDevice) where it fails.
std::unique_ptr<DeviceGroup> join_devices(Communicator& processes);

}  // namespace vggroove::cuda
