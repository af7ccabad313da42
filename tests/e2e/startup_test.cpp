// The program with a plugin installed, with and without a driver: what it takes, how quickly, and
// which libraries it loads for the answer.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/device/cuda_driver.h"
#include "tests/e2e/shared_files.h"
#include "tests/support/run_program.h"
#include "tests/support/sanitized.h"

namespace vggroove::testing {
namespace {

namespace fs = std::filesystem;

const fs::path kToys = VGGROOVE_TOY_PLUGINS;
const std::string kToyFolder = "VGGROOVE_PLUGIN_DIR=" + (kToys / "toy").string();
// The real plugin, with NVIDIA's libraries behind it, where this build has one.
const fs::path kBuilt = fs::path(VGGROOVE_PROGRAM).parent_path();
const std::string kPluginFolder = fs::exists(kBuilt / "libvggroove_cuda.so")
                                      ? "VGGROOVE_PLUGIN_DIR=" + kBuilt.string()
                                      : kToyFolder;
const std::string kFakeDriver = "LD_LIBRARY_PATH=" + (kToys / "driver").string();

class Startup : public ::testing::Test {
 protected:
  void SetUp() override {
    if (query_cuda_driver().usable()) {
      GTEST_SKIP() << "this machine has a driver";
    }
  }
};

std::vector<std::string> classify(const char* device) {
  const SharedFiles& shared = SharedFiles::get();
  return {"classify", shared.good(), "--model", shared.model(), "--device", device, "-j", "1"};
}

TEST_F(Startup, without_a_driver_takes_20_ms) {
  if (kSanitized) {
    GTEST_SKIP() << "sanitizers take their own time to start";
  }
  double least_s = 1;  // the program's own processor time, which other work hardly changes
  for (int i = 0; i < 10; ++i) {
    const ProgramResult run = run_vggroove({"info", "--json"}, {kPluginFolder});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    const nlohmann::json cuda = nlohmann::json::parse(run.out)["devices"]["cuda"];
    ASSERT_FALSE(cuda["usable"]);
    ASSERT_NE(cuda["trouble"], "");
    least_s = std::min(least_s, run.cpu_s);
  }
  RecordProperty("least_ms", std::to_string(1e3 * least_s));
  EXPECT_LE(least_s, 0.020);
}

TEST_F(Startup, without_a_driver_auto_computes_on_cpu_loads_no_vendor_library_and_says_so_once) {
  const TemporaryFolder folder;
  const ProgramResult run = run_vggroove(
      classify("auto"),
      {kPluginFolder, "LD_DEBUG=files", "LD_DEBUG_OUTPUT=" + (folder / "loaded").string()});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  const std::vector<std::string> lines = lines_of(run.err);
  EXPECT_EQ(std::count_if(lines.begin(), lines.end(),
                          [](const std::string& line) {
                            return line.find(" on cpu (") != std::string::npos &&
                                   line.find("; not on cuda: no NVIDIA driver") !=
                                       std::string::npos;
                          }),
            1)
      << run.err;
  ASSERT_FALSE(fs::is_empty(folder.path()));
  for (const fs::path& log : fs::directory_iterator(folder.path())) {
    const std::string loaded = read_file(log);
    EXPECT_NE(loaded.find("libsndfile"), std::string::npos) << "this is no list of libraries";
    for (const char* vendor : {"libvggroove_cuda", "libcudnn", "libcublas", "libcufft", "libcudart",
                               "libnvrtc", "libnccl"}) {
      EXPECT_EQ(loaded.find(vendor), std::string::npos) << vendor;
    }
  }
}

TEST_F(Startup, without_a_driver_device_cuda_is_an_error) {
  const ProgramResult run = run_vggroove(classify("cuda"), {kPluginFolder});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.out, "");
  const std::vector<std::string> lines = lines_of(run.err);
  ASSERT_EQ(lines.size(), 1u) << run.err;
  EXPECT_TRUE(lines[0].starts_with("vggroove: cannot compute on cuda: no NVIDIA driver"))
      << lines[0];
}

TEST(StartupWithADriver, auto_takes_cuda) {
  const ProgramResult run = run_vggroove(classify("auto"), {kToyFolder, kFakeDriver});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.err.find(" on cpu"), std::string::npos) << run.err;
  std::vector<std::string> verbose = classify("auto");
  verbose.emplace_back("-v");
  EXPECT_NE(run_vggroove(verbose, {kToyFolder, kFakeDriver}).err.find(" on a toy, fp32"),
            std::string::npos);
  const nlohmann::json info =
      nlohmann::json::parse(run_vggroove({"info", "--json"}, {kToyFolder, kFakeDriver}).out);
  EXPECT_TRUE(info["devices"]["cuda"]["usable"]);
  EXPECT_EQ(info["devices"]["cuda"]["gpus"][0]["name"], "Fake GPU 0");
}

TEST(StartupWithADriver, auto_falls_back_to_cpu_where_the_plugin_is_of_another_build) {
  const ProgramResult run = run_vggroove(
      classify("auto"), {"VGGROOVE_PLUGIN_DIR=" + (kToys / "other_build").string(), kFakeDriver});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_NE(run.err.find("not on cuda: " + (kToys / "other_build").string()), std::string::npos)
      << run.err;
}

TEST(StartupWithoutPlugins, a_device_that_needs_one_is_an_error_and_tf32_needs_a_device) {
  const TemporaryFolder empty;
  const std::string no_plugins = "VGGROOVE_PLUGIN_DIR=" + empty.path().string();
  for (const char* device : {"cuda", "sim"}) {
    const ProgramResult run = run_vggroove(classify(device), {no_plugins});
    EXPECT_EQ(run.exit_code, 1) << device;
    EXPECT_NE(
        run.err.find("no libvggroove_" + std::string(device) + ".so in " + empty.path().string()),
        std::string::npos)
        << run.err;
  }
  std::vector<std::string> tf32 = classify("auto");
  tf32.insert(tf32.end(), {"--precision", "tf32"});
  const ProgramResult run = run_vggroove(tf32, {no_plugins});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_NE(run.err.find("tf32"), std::string::npos) << run.err;
}

}  // namespace
}  // namespace vggroove::testing
