#pragma once

#include <cudnn.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

// cuDNN's backend descriptors with an owner, and its status codes as vggroove::Error.

// VGGROOVE_CUDNN(cudnnSetStream(handle, stream)): throws Error unless the call succeeds.
#define VGGROOVE_CUDNN(call) ::vggroove::cudnn::check((call), #call)

namespace vggroove::cudnn {

// The place of a call: as a default argument, the caller's. clang 14 has no std::source_location.
struct CallSite {
  const char* file;
  int line;
  static constexpr CallSite here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
};

// Throws Error unless `status` is success: kUsage for what cuDNN calls a bad parameter,
// kUnsupported for what it does not offer or cannot load here, kInvalid for its internal errors and
// kIo when a device failed. The message has the call, its file and line, cuDNN's status and last
// message.
void check(cudnnStatus_t status, std::string_view call, CallSite where = CallSite::here());

// cuDNN's name of a C++ type in cudnnBackendSetAttribute. A void* has none: it is a device pointer
// or a descriptor, which the members below tell apart.
template <class T>
inline constexpr cudnnBackendAttributeType_t kAttributeType = [] {
  static_assert(!sizeof(T), "no cuDNN attribute has this type");
  return CUDNN_TYPE_INT64;
}();
template <>
inline constexpr auto kAttributeType<std::int64_t> = CUDNN_TYPE_INT64;
template <>
inline constexpr auto kAttributeType<std::int32_t> = CUDNN_TYPE_INT32;
template <>
inline constexpr auto kAttributeType<float> = CUDNN_TYPE_FLOAT;
template <>
inline constexpr auto kAttributeType<bool> = CUDNN_TYPE_BOOLEAN;
template <>
inline constexpr auto kAttributeType<char> = CUDNN_TYPE_CHAR;
template <>
inline constexpr auto kAttributeType<cudnnDataType_t> = CUDNN_TYPE_DATA_TYPE;
template <>
inline constexpr auto kAttributeType<cudnnConvolutionMode_t> = CUDNN_TYPE_CONVOLUTION_MODE;
template <>
inline constexpr auto kAttributeType<cudnnPointwiseMode_t> = CUDNN_TYPE_POINTWISE_MODE;
template <>
inline constexpr auto kAttributeType<cudnnBackendHeurMode_t> = CUDNN_TYPE_HEUR_MODE;
template <>
inline constexpr auto kAttributeType<cudnnBackendNumericalNote_t> = CUDNN_TYPE_NUMERICAL_NOTE;
template <>
inline constexpr auto kAttributeType<cudnnBackendBehaviorNote_t> = CUDNN_TYPE_BEHAVIOR_NOTE;

// Owns one backend descriptor. Every member throws Error as check() does, with the place of its
// caller.
class Descriptor {
 public:
  explicit Descriptor(cudnnBackendDescriptorType_t type, CallSite where = CallSite::here());
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }

  cudnnBackendDescriptor_t handle() const { return handle_; }

  template <class T>
  void set(cudnnBackendAttributeName_t name, const T& value, CallSite where = CallSite::here()) {
    set_all(name, std::span(&value, 1), where);
  }
  void set(cudnnBackendAttributeName_t name, const Descriptor& value,
           CallSite where = CallSite::here()) {
    set_raw(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value.handle_, where);
  }
  void set_descriptors(cudnnBackendAttributeName_t name, std::span<const Descriptor> values,
                       CallSite where = CallSite::here());
  void set_pointers(cudnnBackendAttributeName_t name, std::span<void* const> device_pointers,
                    CallSite where = CallSite::here()) {
    set_raw(name, CUDNN_TYPE_VOID_PTR, device_pointers.size(), device_pointers.data(), where);
  }
  template <class T, std::size_t kExtent>
  void set_all(cudnnBackendAttributeName_t name, std::span<T, kExtent> values,
               CallSite where = CallSite::here()) {
    set_raw(name, kAttributeType<std::remove_const_t<T>>, values.size(), values.data(), where);
  }
  void finalize(CallSite where = CallSite::here());

  template <class T>
  T get(cudnnBackendAttributeName_t name, CallSite where = CallSite::here()) const {
    T value{};
    get_raw(name, kAttributeType<T>, 1, &value, where);
    return value;
  }
  template <class T>
  std::vector<T> get_all(cudnnBackendAttributeName_t name,
                         CallSite where = CallSite::here()) const {
    std::vector<T> values(get_raw(name, kAttributeType<T>, 0, nullptr, where));
    if (!values.empty()) {
      values.resize(get_raw(name, kAttributeType<T>, values.size(), values.data(), where));
    }
    return values;
  }
  // A descriptor within this one: `type` is what its attribute holds.
  Descriptor get_descriptor(cudnnBackendAttributeName_t name, cudnnBackendDescriptorType_t type,
                            CallSite where = CallSite::here()) const;
  std::vector<Descriptor> get_descriptors(cudnnBackendAttributeName_t name,
                                          cudnnBackendDescriptorType_t type,
                                          CallSite where = CallSite::here()) const;

 private:
  void set_raw(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
               std::size_t count, const void* values, CallSite where);
  std::size_t get_raw(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                      std::size_t count, void* values, CallSite where) const;

  cudnnBackendDescriptor_t handle_ = nullptr;
};

}  // namespace vggroove::cudnn
