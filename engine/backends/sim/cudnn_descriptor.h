#pragma once

#include <cudnn.h>
#include <fmt/format.h>

#include <cstddef>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/backends/sim/violation.h"

namespace vggroove::sim {

// A descriptor of cuDNN's backend API: named attributes, then finalised, then read-only.
struct Descriptor {
  using Shared = std::shared_ptr<Descriptor>;

  struct Attribute {
    std::int64_t count = 0;
    std::vector<std::byte> bytes;     // as they were given
    std::vector<Shared> descriptors;  // in place of bytes, for CUDNN_TYPE_BACKEND_DESCRIPTOR
  };

  explicit Descriptor(cudnnBackendDescriptorType_t descriptor_type) : type(descriptor_type) {}

  bool has(cudnnBackendAttributeName_t name) const { return attributes.contains(name); }

  template <class T>
  std::vector<T> values(cudnnBackendAttributeName_t name) const {
    const Attribute& attribute = attributes.at(name);
    std::vector<T> read(attribute.bytes.size() / sizeof(T));
    std::memcpy(read.data(), attribute.bytes.data(), read.size() * sizeof(T));
    return read;
  }
  template <class T>
  T value(cudnnBackendAttributeName_t name) const {
    return values<T>(name).at(0);
  }
  template <class T>
  T value_or(cudnnBackendAttributeName_t name, T otherwise) const {
    return has(name) ? value<T>(name) : otherwise;
  }
  const Shared& descriptor(cudnnBackendAttributeName_t name) const {
    return attributes.at(name).descriptors.at(0);
  }

  cudnnBackendDescriptorType_t type;
  bool finalized = false;
  std::map<cudnnBackendAttributeName_t, Attribute> attributes;
};

// Keeps an attribute. Throws Violation where the descriptor is finalised, does not have such an
// attribute, or the type or a descriptor in it is wrong.
void set_attribute(Descriptor& descriptor, cudnnBackendAttributeName_t name,
                   cudnnBackendAttributeType_t type, std::int64_t count, const void* values);

// Throws Violation where an attribute is missing.
void check_complete(const Descriptor& descriptor);

// Handles are addresses of live descriptors. Throws Violation where this is none.
const Descriptor::Shared& live_descriptor(cudnnBackendDescriptor_t handle, const char* call);
cudnnBackendDescriptor_t create_descriptor(cudnnBackendDescriptorType_t type);
void destroy_descriptor(cudnnBackendDescriptor_t handle);

}  // namespace vggroove::sim
