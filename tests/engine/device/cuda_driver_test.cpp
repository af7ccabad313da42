#include "engine/device/cuda_driver.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/environment.h"

namespace vggroove {
namespace {

using testing::EnvironmentVariable;

const std::string kFakeDriver = std::string(VGGROOVE_TOY_PLUGINS) + "/driver/libcuda.so.1";

void expect_trouble(const CudaDriver& driver, const std::string& words) {
  EXPECT_FALSE(driver.usable());
  EXPECT_NE(driver.trouble.find(words), std::string::npos) << driver.trouble;
}

TEST(CudaDriver, a_machine_without_one_says_so) {
  const CudaDriver driver = query_cuda_driver("libcuda-of-nobody.so.1");
  expect_trouble(driver, "no NVIDIA driver (libcuda-of-nobody.so.1)");
  EXPECT_TRUE(driver.devices.empty());
}

TEST(CudaDriver, a_library_that_is_no_driver_is_refused) {
  expect_trouble(query_cuda_driver("libm.so.6"), "not a driver");
}

TEST(CudaDriver, lists_the_devices) {
  const EnvironmentVariable two("FAKE_CUDA_DEVICES", "2");
  const CudaDriver driver = query_cuda_driver(kFakeDriver.c_str());
  EXPECT_TRUE(driver.usable()) << driver.trouble;
  ASSERT_EQ(driver.devices.size(), 2u);
  EXPECT_EQ(driver.devices[1].name, "Fake GPU 1");
  EXPECT_EQ(driver.devices[1].capability_major, 9);
  EXPECT_EQ(driver.devices[1].capability_minor, 0);
  EXPECT_EQ(driver.devices[1].memory_bytes, std::size_t{8} << 30);
}

TEST(CudaDriver, says_what_is_wrong_with_a_driver_or_its_devices) {
  {
    const EnvironmentVariable old("FAKE_CUDA_VERSION", "12080");
    expect_trouble(query_cuda_driver(kFakeDriver.c_str()), "supports CUDA 12.8 and 13.0 is needed");
  }
  {
    const EnvironmentVariable none("FAKE_CUDA_DEVICES", "0");
    expect_trouble(query_cuda_driver(kFakeDriver.c_str()), "sees no device");
  }
  {
    const EnvironmentVariable none("FAKE_CUDA_INIT", "100");  // CUDA_ERROR_NO_DEVICE
    expect_trouble(query_cuda_driver(kFakeDriver.c_str()), "sees no device");
  }
  {
    const EnvironmentVariable broken("FAKE_CUDA_INIT", "999");
    expect_trouble(query_cuda_driver(kFakeDriver.c_str()), "CUDA_ERROR_FAKE (999)");
  }
  {
    const EnvironmentVariable old("FAKE_CUDA_CAPABILITY", "7.5");
    expect_trouble(query_cuda_driver(kFakeDriver.c_str()),
                   "Fake GPU 0 has compute capability 7.5 and 8.0 is needed");
  }
}

}  // namespace
}  // namespace vggroove
