// Plays libcuda.so.1 with as many devices as $FAKE_CUDA_DEVICES says, of the compute capability
// $FAKE_CUDA_CAPABILITY ("9.0"), for CUDA $FAKE_CUDA_VERSION (13000); cuInit answers
// $FAKE_CUDA_INIT.
#include <cstdio>
#include <cstdlib>

namespace {
int number(const char* name, int otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoi(text);
}
}  // namespace

extern "C" {
int cuInit(unsigned) {
  return number("FAKE_CUDA_INIT", 0);
}
int cuDriverGetVersion(int* version) {
  *version = number("FAKE_CUDA_VERSION", 13000);
  return 0;
}
int cuDeviceGetCount(int* count) {
  *count = number("FAKE_CUDA_DEVICES", 1);
  return 0;
}
int cuDeviceGet(int* device, int index) {
  *device = index;
  return 0;
}
int cuDeviceGetName(char* name, int size, int device) {
  std::snprintf(name, static_cast<std::size_t>(size), "Fake GPU %d", device);
  return 0;
}
int cuDeviceTotalMem_v2(std::size_t* bytes, int) {
  *bytes = std::size_t{8} << 30;
  return 0;
}
int cuDeviceGetAttribute(int* value, int attribute, int) {
  int major = 9, minor = 0;
  if (const char* const text = std::getenv("FAKE_CUDA_CAPABILITY"); text != nullptr) {
    std::sscanf(text, "%d.%d", &major, &minor);
  }
  *value = attribute == 75 ? major : minor;
  return 0;
}
int cuGetErrorName(int, const char** name) {
  *name = "CUDA_ERROR_FAKE";
  return 0;
}
}
