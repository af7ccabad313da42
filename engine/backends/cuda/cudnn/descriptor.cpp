#include "engine/backends/cuda/cudnn/descriptor.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/error.h"

namespace vggroove::cudnn {
namespace {

ErrorClass error_class_of(cudnnStatus_t status) {
  switch (static_cast<int>(status) / 1000) {
    case 1:  // not initialised, wrong version, library missing
    case 3:
      return ErrorClass::kUnsupported;
    case 2:
      return ErrorClass::kUsage;
    case 5:
      return ErrorClass::kIo;
    default:
      return ErrorClass::kInvalid;
  }
}

std::string last_message() {
  std::array<char, 1024> message{};
  cudnnGetLastErrorString(message.data(), message.size());
  std::string text = message.data();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

void check(cudnnStatus_t status, std::string_view call, CallSite where) {
  if (status == CUDNN_STATUS_SUCCESS) {
    return;
  }
  std::string_view file = where.file;
  file.remove_prefix(file.rfind('/') + 1);
  const std::string message = last_message();
  throw Error(error_class_of(status),
              fmt::format("cuDNN {}: {}{}{} at {}:{}", call, cudnnGetErrorString(status),
                          message.empty() ? "" : ": ", message, file, where.line));
}

Descriptor::Descriptor(cudnnBackendDescriptorType_t type, CallSite where) {
  check(cudnnBackendCreateDescriptor(type, &handle_),
        fmt::format("cudnnBackendCreateDescriptor({})", static_cast<int>(type)), where);
}

Descriptor::~Descriptor() {
  if (handle_ != nullptr) {
    cudnnBackendDestroyDescriptor(handle_);
  }
}

void Descriptor::finalize(CallSite where) {
  check(cudnnBackendFinalize(handle_), "cudnnBackendFinalize", where);
}

void Descriptor::set_descriptors(cudnnBackendAttributeName_t name,
                                 std::span<const Descriptor> values, CallSite where) {
  std::vector<cudnnBackendDescriptor_t> handles;
  for (const Descriptor& value : values) {
    handles.push_back(value.handle_);
  }
  set_raw(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, handles.size(), handles.data(), where);
}

void Descriptor::set_raw(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                         std::size_t count, const void* values, CallSite where) {
  const cudnnStatus_t status =
      cudnnBackendSetAttribute(handle_, name, type, static_cast<std::int64_t>(count), values);
  if (status != CUDNN_STATUS_SUCCESS) {
    check(status, fmt::format("cudnnBackendSetAttribute({})", static_cast<int>(name)), where);
  }
}

std::size_t Descriptor::get_raw(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                                std::size_t count, void* values, CallSite where) const {
  std::int64_t num_present = 0;
  const cudnnStatus_t status = cudnnBackendGetAttribute(
      handle_, name, type, static_cast<std::int64_t>(count), &num_present, values);
  if (status != CUDNN_STATUS_SUCCESS) {
    check(status, fmt::format("cudnnBackendGetAttribute({})", static_cast<int>(name)), where);
  }
  return static_cast<std::size_t>(num_present);
}

Descriptor Descriptor::get_descriptor(cudnnBackendAttributeName_t name,
                                      cudnnBackendDescriptorType_t type, CallSite where) const {
  Descriptor inner(type, where);
  get_raw(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &inner.handle_, where);
  return inner;
}

std::vector<Descriptor> Descriptor::get_descriptors(cudnnBackendAttributeName_t name,
                                                    cudnnBackendDescriptorType_t type,
                                                    CallSite where) const {
  std::vector<Descriptor> inner;
  std::vector<cudnnBackendDescriptor_t> handles;
  const std::size_t num_present = get_raw(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, nullptr, where);
  for (std::size_t i = 0; i < num_present; ++i) {
    inner.emplace_back(type, where);
    handles.push_back(inner.back().handle_);
  }
  if (num_present == 0) {
    return inner;
  }
  // cuDNN fills the descriptors that it is given, and may fill fewer than it announced.
  const std::size_t num_filled =
      get_raw(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, num_present, handles.data(), where);
  inner.erase(inner.begin() + static_cast<std::ptrdiff_t>(std::min(num_filled, num_present)),
              inner.end());
  return inner;
}

}  // namespace vggroove::cudnn
