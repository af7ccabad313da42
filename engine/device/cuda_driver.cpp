#include "engine/device/cuda_driver.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>

namespace vggroove {
namespace {

// The part of cuda.h that is asked for here; its numbers are the driver's binary interface. Taken
// from the library at run time, so that a build without a CUDA toolkit can ask too.
using Result = int;
constexpr Result kSuccess = 0, kNoDevice = 100;
constexpr int kCapabilityMajor = 75, kCapabilityMinor = 76;  // of CUdevice_attribute

class DriverLibrary {
 public:
  // The library stays loaded: a driver that has begun to work cannot be unloaded safely.
  explicit DriverLibrary(const char* name) : handle_(dlopen(name, RTLD_LAZY | RTLD_LOCAL)) {
    if (handle_ == nullptr) {
      return;
    }
    complete_ =
        bind(init, "cuInit") && bind(driver_version, "cuDriverGetVersion") &&
        bind(device_count, "cuDeviceGetCount") && bind(device_get, "cuDeviceGet") &&
        bind(device_name, "cuDeviceGetName") && bind(device_memory, "cuDeviceTotalMem_v2") &&
        bind(device_attribute, "cuDeviceGetAttribute") && bind(error_name, "cuGetErrorName");
  }

  bool found() const { return handle_ != nullptr; }
  bool complete() const { return complete_; }

  std::string text_of(Result result) const {
    const char* name = nullptr;
    const bool known = error_name(result, &name) == kSuccess && name != nullptr;
    return known ? fmt::format("{} ({})", name, result) : fmt::format("error {}", result);
  }

  Result (*init)(unsigned) = nullptr;
  Result (*driver_version)(int*) = nullptr;
  Result (*device_count)(int*) = nullptr;
  Result (*device_get)(int*, int) = nullptr;
  Result (*device_name)(char*, int, int) = nullptr;
  Result (*device_memory)(std::size_t*, int) = nullptr;
  Result (*device_attribute)(int*, int, int) = nullptr;
  Result (*error_name)(Result, const char**) = nullptr;

 private:
  template <class Function>
  bool bind(Function& function, const char* name) {
    function = reinterpret_cast<Function>(dlsym(handle_, name));
    return function != nullptr;
  }

  void* handle_;
  bool complete_ = false;
};

GpuInfo describe(const DriverLibrary& driver, int index) {
  GpuInfo info;
  int device = 0;
  std::array<char, 256> name{};
  driver.device_get(&device, index);
  driver.device_name(name.data(), static_cast<int>(name.size()) - 1, device);
  driver.device_memory(&info.memory_bytes, device);
  driver.device_attribute(&info.capability_major, kCapabilityMajor, device);
  driver.device_attribute(&info.capability_minor, kCapabilityMinor, device);
  info.name = name.data();
  return info;
}

}  // namespace

CudaDriver query_cuda_driver(const char* library) {
  CudaDriver answer;
  const DriverLibrary driver(library);
  if (!driver.found()) {
    answer.trouble = fmt::format("no NVIDIA driver ({}) on this machine", library);
    return answer;
  }
  int version = 0;
  if (!driver.complete() || driver.driver_version(&version) != kSuccess) {
    answer.trouble = fmt::format("{} is not a driver that we know", library);
    return answer;
  }
  if (version < kLeastCudaVersion) {
    answer.trouble = fmt::format(
        "the NVIDIA driver supports CUDA {}.{} and {}.{} is needed; install a newer driver",
        version / 1000, version % 1000 / 10, kLeastCudaVersion / 1000,
        kLeastCudaVersion % 1000 / 10);
    return answer;
  }
  int count = 0;
  Result result = driver.init(0);
  if (result == kSuccess) {
    result = driver.device_count(&count);
  }
  if (result == kNoDevice || (result == kSuccess && count == 0)) {
    answer.trouble = "the NVIDIA driver sees no device (is CUDA_VISIBLE_DEVICES set?)";
    return answer;
  }
  if (result != kSuccess) {
    answer.trouble = "the NVIDIA driver does not start: " + driver.text_of(result);
    return answer;
  }
  for (int i = 0; i < count; ++i) {
    answer.devices.push_back(describe(driver, i));
  }
  const GpuInfo& first = answer.devices.front();
  if (first.capability_major < kLeastCapabilityMajor) {
    answer.trouble =
        fmt::format("{} has compute capability {}.{} and {}.0 is needed", first.name,
                    first.capability_major, first.capability_minor, kLeastCapabilityMajor);
  }
  return answer;
}

}  // namespace vggroove
