#pragma once

#include <string>
#include <string_view>

#include "engine/backends/cuda/cudnn/descriptor.h"

namespace vggroove::cudnn {

// What cuDNN has to know of a GPU to choose and build kernels for it. Plans can be made from a
// description alone, on a machine without a GPU or a driver.
class DeviceProperties {
 public:
  // From cuDNN's JSON description: see tests/engine/backends/cuda/cudnn/devices/. Throws Error.
  static DeviceProperties from_json(std::string_view json);
  // Of a CUDA device of this machine. Throws Error(kUnsupported) without a driver or device.
  static DeviceProperties of_device(int device);

  const Descriptor& descriptor() const { return descriptor_; }
  const std::string& json() const { return json_; }  // as cuDNN writes it

 private:
  explicit DeviceProperties(Descriptor descriptor);

  Descriptor descriptor_;
  std::string json_;
};

}  // namespace vggroove::cudnn
