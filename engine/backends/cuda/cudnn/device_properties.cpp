#include "engine/backends/cuda/cudnn/device_properties.h"

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace vggroove::cudnn {

DeviceProperties DeviceProperties::from_json(std::string_view json) {
  Descriptor descriptor(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  descriptor.set_all(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, std::span(json));
  descriptor.finalize();
  return DeviceProperties(std::move(descriptor));
}

DeviceProperties DeviceProperties::of_device(int device) {
  Descriptor descriptor(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  descriptor.set(CUDNN_ATTR_DEVICEPROP_DEVICE_ID, std::int32_t{device});
  descriptor.finalize();
  return DeviceProperties(std::move(descriptor));
}

DeviceProperties::DeviceProperties(Descriptor descriptor) : descriptor_(std::move(descriptor)) {
  const std::vector<char> json =
      descriptor_.get_all<char>(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION);
  json_.assign(json.begin(), json.end());
}

}  // namespace vggroove::cudnn
