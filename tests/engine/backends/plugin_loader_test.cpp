#include "engine/backends/plugin_loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "engine/device/cuda_driver.h"
#include "engine/device/out_of_device_memory.h"
#include "kernels/dsp/logmel.h"
#include "tests/support/environment.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace vggroove {
namespace {

namespace fs = std::filesystem;
using testing::EnvironmentVariable;
using testing::expect_error;

fs::path toy(const char* name) {
  return fs::path(VGGROOVE_TOY_PLUGINS) / name / "libvggroove_cuda.so";
}
EnvironmentVariable plugin_folder(const fs::path& folder) {
  return {"VGGROOVE_PLUGIN_DIR", folder.string()};
}

TEST(PluginLoader, networks_and_errors_cross_the_border) {
  const Plugin& plugin = open_plugin(toy("toy"));
  std::vector<std::string> asked;
  const TensorReader tensors = [&](std::string_view name, std::int64_t, std::span<float> out) {
    asked.emplace_back(name);
    std::fill(out.begin(), out.end(), 0.0f);
  };
  const auto net = plugin.load_vggish(tensors, {});
  EXPECT_EQ(asked, std::vector<std::string>{"vggish/fc2/biases"});
  EXPECT_EQ(net->device_description(), "a toy");
  std::vector<float> logmel(2 * LogMelSpec::kExampleValues), embeddings(2 * kEmbeddingSize);
  logmel[LogMelSpec::kExampleValues] = 3;
  net->new_session(2)->embed(logmel.data(), 2, embeddings.data());
  EXPECT_EQ(std::count(embeddings.begin(), embeddings.end(), 3.0f), kEmbeddingSize);
  VggishOptions tf32;
  tf32.precision = Precision::kTf32;
  expect_error(ErrorClass::kUnsupported, "a toy has no tf32",
               [&] { plugin.load_vggish(tensors, tf32); });
  // By its class: a smaller batch is the answer to it.
  EXPECT_THROW(plugin.new_training(Precision::kFp32, {}, single_process()), OutOfDeviceMemory);
}

TEST(PluginLoader, refuses_strangers_and_other_builds) {
  const testing::TemporaryFolder folder;
  std::ofstream(folder / "text.so") << "no library\n";
  expect_error(ErrorClass::kUnsupported, "text.so: cannot be loaded",
               [&] { open_plugin(folder / "text.so"); });
  expect_error(ErrorClass::kUnsupported, "is no plugin of vggroove",
               [] { open_plugin(toy("stranger")); });
  expect_error(ErrorClass::kUnsupported,
               "another build of vggroove (contract " + std::to_string(kPluginContract + 1) +
                   "; this is contract " + std::to_string(kPluginContract),
               [] { open_plugin(toy("other_contract")); });
  expect_error(ErrorClass::kUnsupported,
               "another build of vggroove (version 0.0.1; this is version",
               [] { open_plugin(toy("other_build")); });
}

TEST(PluginLoader, looks_beside_the_program_and_in_the_installation_only) {
  const std::vector<fs::path> folders = plugin_folders();
  const fs::path program = fs::read_symlink("/proc/self/exe").parent_path();
  ASSERT_EQ(folders.size(), 2u);
  EXPECT_EQ(folders[0], program);
  const std::string inside = folders[1].lexically_relative(program.parent_path()).string();
  EXPECT_TRUE(inside.starts_with("lib") && inside.ends_with("/vggroove")) << inside;
  for (const fs::path& folder : folders) {
    EXPECT_TRUE(folder.is_absolute()) << folder;
  }
}

TEST(PluginLoader, a_named_folder_is_the_only_one_and_must_be_absolute) {
  {
    const EnvironmentVariable named = plugin_folder(toy("toy").parent_path());
    EXPECT_EQ(plugin_folders(), std::vector<fs::path>{toy("toy").parent_path()});
    EXPECT_EQ(find_plugin(Device::kCuda), toy("toy"));
  }
  {
    const testing::TemporaryFolder empty;
    const EnvironmentVariable named = plugin_folder(empty.path());
    EXPECT_EQ(find_plugin(Device::kCuda), fs::path());
    expect_error(ErrorClass::kNotFound, empty.path().string(), [] { open_plugin(Device::kSim); });
  }
  const EnvironmentVariable named = plugin_folder("plugins");
  expect_error(ErrorClass::kUsage, "VGGROOVE_PLUGIN_DIR=plugins: not an absolute path",
               [] { plugin_folders(); });
}

TEST(DeviceChoice, cpu_needs_nothing_and_auto_expects_no_gpu_without_the_plugin) {
  const testing::TemporaryFolder empty;
  const EnvironmentVariable named = plugin_folder(empty.path());
  for (const Device device : {Device::kCpu, Device::kAuto}) {
    const DeviceChoice choice = choose_device(device);
    EXPECT_EQ(choice.device, Device::kCpu);
    EXPECT_EQ(choice.why_not_cuda, "");
  }
  for (const Device device : {Device::kCuda, Device::kSim}) {
    expect_error(ErrorClass::kNotFound, "libvggroove_", [&] { choose_device(device); });
  }
}

TEST(DeviceChoice, without_a_driver_auto_takes_cpu_and_says_why) {
  if (query_cuda_driver().usable()) {
    GTEST_SKIP() << "this machine has a driver";
  }
  const EnvironmentVariable named = plugin_folder(toy("toy").parent_path());
  const DeviceChoice choice = choose_device(Device::kAuto);
  EXPECT_EQ(choice.device, Device::kCpu);
  EXPECT_EQ(choice.why_not_cuda, query_cuda_driver().trouble);
  expect_error(ErrorClass::kUnsupported, "cannot compute on cuda: " + choice.why_not_cuda,
               [] { choose_device(Device::kCuda); });
}

}  // namespace
}  // namespace vggroove
