// The CPU's operations of training against the double-precision reference, and the promise that
// the number of threads does not matter.
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "engine/backends/cpu/cpu_training.h"
#include "engine/backends/reference_training.h"
#include "engine/device/cpu_info.h"
#include "tests/engine/backends/training_backend_suite.h"
#include "tests/support/expect_error.h"
#include "tests/support/simd_targets.h"

namespace vggroove {
namespace {

using cpu::CpuTraining;
using testing::expect_close;
using testing::run_conv;
using testing::run_dense;
using testing::run_small_operations;

// Winograd rounds values up to 20 times the result's size: as in layers_test.cpp, where forward
// measured 4e-7 to 8e-7. The filters' gradient is summed over up to 100 tiles besides.
constexpr double kWinogradTolerance = 4e-6;
// bf16 rounds the factors of Winograd's products by up to 2^-9, which the transforms enlarge:
// measured 1.2e-2 to 1.5e-2.
constexpr double kBf16Tolerance = 3e-2;

constexpr Conv3x3Shape kFirstConv{3, 8, 12, 1, 64};
constexpr Conv3x3Shape kSmallConv{3, 4, 8, 64, 128};
constexpr Conv3x3Shape kDeepConv{33, 4, 4, 128, 64};
constexpr DenseShape kPanels{33, 1056, 96};  // two blocks of inputs and of examples, both ragged

struct CpuDevice {
  static constexpr double kConvTolerance = kWinogradTolerance, kDirectTolerance = 1e-6;
  static constexpr auto kInputs = testing::Inputs::kFp32;

  static void for_each_variant(const std::function<void(TrainingBackend&)>& body) {
    testing::for_each_simd_target([&] {
      CpuTraining backend(2);
      body(backend);
    });
  }
  static std::vector<Conv3x3Shape> convs() { return {kFirstConv, kSmallConv}; }
  static std::vector<DenseShape> dense() { return {kPanels, {1, 32, 32}, {3, 33, 10}}; }
  static std::vector<MaxPoolShape> pools() { return {{2, 6, 4, 64}, {1, 2, 2, 8}}; }
};
}  // namespace

namespace testing {
INSTANTIATE_TYPED_TEST_SUITE_P(Cpu, TrainingDevice, CpuDevice);
}  // namespace testing

namespace {

// The network's own widths, and more tiles than one block of wgrad takes.
TEST(CpuTraining, convolutions_match_the_reference_in_blocks) {
  ReferenceTraining reference;
  CpuTraining backend(2);
  for (const Conv3x3Shape& shape :
       {kDeepConv, Conv3x3Shape{1, 4, 8, 512, 64}, Conv3x3Shape{17, 16, 16, 64, 64}}) {
    SCOPED_TRACE(shape.in_channels);
    expect_close(run_conv(backend, shape), run_conv(reference, shape), kWinogradTolerance);
  }
}

// An odd number of tiles (the last one has no partner), and blocks of them.
TEST(CpuTraining, convolutions_in_bf16_match_the_reference_on_every_simd_target) {
  if (!cpu_info().has_bf16_dot) {
    GTEST_SKIP() << "this processor has no bf16 dot product";
  }
  ReferenceTraining reference;
  const auto small = run_conv(reference, kSmallConv);
  const auto deep = run_conv(reference, kDeepConv);
  testing::for_each_simd_target([&] {
    CpuTraining backend(2, Precision::kBf16);
    expect_close(run_conv(backend, kSmallConv), small, kBf16Tolerance);
    expect_close(run_conv(backend, kDeepConv), deep, kBf16Tolerance);
  });
}

TEST(ReferenceTraining, steps_are_those_of_pytorch) {
  ReferenceTraining backend;
  testing::compare_optimisers_with_pytorch(backend, 1e-13);
}

TEST(CpuTraining, the_number_of_threads_does_not_change_a_bit) {
  CpuTraining one(1), three(3);
  EXPECT_EQ(run_conv(one, kFirstConv), run_conv(three, kFirstConv));
  EXPECT_EQ(run_conv(one, kDeepConv), run_conv(three, kDeepConv));
  EXPECT_EQ(run_dense(one, kPanels), run_dense(three, kPanels));
  EXPECT_EQ(run_small_operations(one, 1031, 401), run_small_operations(three, 1031, 401));
  if (cpu_info().has_bf16_dot) {
    CpuTraining one_bf16(1, Precision::kBf16), three_bf16(3, Precision::kBf16);
    EXPECT_EQ(run_conv(one_bf16, kDeepConv), run_conv(three_bf16, kDeepConv));
  }
}

TEST(CpuTraining, refuses_what_it_has_no_kernels_for) {
  CpuTraining backend(1);
  const std::vector<float> weights(9 * 64 * 32);
  std::vector<float> to(weights.size());
  testing::expect_error(ErrorClass::kUsage, "4x4x64 to 32", [&] {
    backend.conv3x3_weights_to_device(to.data(), weights.data(), {1, 4, 4, 64, 32});
  });
  testing::expect_error(ErrorClass::kUsage, "does not train in tf32",
                        [] { CpuTraining(1, Precision::kTf32); });
}

}  // namespace
}  // namespace vggroove
