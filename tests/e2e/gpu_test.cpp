// The program with --device cuda, on a GPU, against its cpu backend.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "engine/device/cuda_driver.h"
#include "tests/e2e/shared_files.h"
#include "tests/support/compare.h"
#include "tests/support/run_program.h"
#include "weights/npz.h"

namespace vggroove::testing {
namespace {

namespace fs = std::filesystem;

class Gpu : public ::testing::Test {
 protected:
  void SetUp() override {
    const CudaDriver driver = query_cuda_driver();
    if (!driver.usable()) {
      GTEST_SKIP() << "no device: " << driver.trouble;
    }
  }

  static std::vector<float> embed(const char* device, const char* precision,
                                  const char* logmel = "own") {
    const TemporaryFolder folder;
    const fs::path out = folder / "embeddings.npy";
    const SharedFiles& shared = SharedFiles::get();
    const ProgramResult run = run_vggroove(
        {"embed", shared.good(), shared.good2(), "--model", shared.model(), "--device", device,
         "--precision", precision, "--logmel", logmel, "--out", out, "--verbose"});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_NE(run.err.find(" on " + std::string(device) + " ("), std::string::npos) << run.err;
    const weights::Tensor rows = weights::read_npy(out).tensor;
    std::vector<float> values(rows.data.size() / sizeof(float));
    std::memcpy(values.data(), rows.data.data(), rows.data.size());
    return values;
  }

  static void expect_close(const std::vector<float>& actual, double tolerance, const char* what) {
    static const std::vector<float> expected = embed("cpu", "fp32");
    expect_within(relative_l2(std::span<const float>(actual), std::span<const float>(expected)),
                  tolerance, what);
  }
};

TEST_F(Gpu, fp32_embeddings_equal_those_of_the_cpu) {
  expect_close(embed("cuda", "fp32"), 1e-5, "fp32");
}

TEST_F(Gpu, log_mels_through_cufft_give_the_same) {
  expect_close(embed("cuda", "fp32", "cufft"), 1e-5, "cufft");
}

// Nine layers, each rounding its inputs to 11 and to 8 bits.
TEST_F(Gpu, tf32_and_bf16_embeddings_are_close) {
  expect_close(embed("cuda", "tf32"), 2e-3, "tf32");
  expect_close(embed("cuda", "bf16"), 1.5e-2, "bf16");
}

TEST_F(Gpu, the_same_bits_come_out_of_every_run) {
  EXPECT_EQ(embed("cuda", "bf16"), embed("cuda", "bf16"));
}

}  // namespace
}  // namespace vggroove::testing
