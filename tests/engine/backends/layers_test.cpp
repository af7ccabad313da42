// Every backend's layers against the double-precision references, at awkward batch sizes, and the
// promise that an example's output depends on that example alone.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/backends/cpu/cpu_backend.h"
#include "engine/backends/layers_ref.h"
#include "engine/backends/onednn/onednn_backend.h"
#include "engine/device/cpu_info.h"
#include "tests/support/compare.h"
#include "tests/support/expect_error.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/simd_targets.h"

namespace vggroove {
namespace {

using cpu::Arithmetic;
using cpu::CpuBackend;
using onednn::OneDnnBackend;
using testing::expect_within;
using testing::for_each_simd_target;
using testing::GuardedBuffer;

constexpr std::size_t kBatchSizes[] = {1, 2, 3, 5, 31, 32, 33};

enum class Values { kNoise, kSmallIntegers };

std::vector<float> make_values(std::size_t count, Values kind, unsigned seed) {
  std::vector<float> values(count);
  std::uint32_t state = seed;
  for (float& value : values) {
    state = state * 1664525 + 1013904223;
    const int integer = static_cast<int>(state >> 24) - 128;
    value = kind == Values::kNoise ? static_cast<float>(static_cast<std::int32_t>(state)) * 0x1p-31f
                                   : static_cast<float>(integer % 5);
  }
  return values;
}

WeightReader reader_of(const std::vector<float>& values) {
  return [&values](std::int64_t first, std::span<float> out) {
    std::copy_n(values.begin() + first, out.size(), out.begin());
  };
}

// fp32 activations in and out, chunk by chunk as the network does it.
std::vector<float> run(const Layer& layer, const std::vector<float>& input, std::size_t n) {
  EXPECT_EQ(layer.input_bytes() * n, input.size() * sizeof(float));
  std::vector<float> output;
  for (std::size_t done = 0; done < n;) {
    const std::size_t chunk = std::min(layer.chunk(), n - done);
    GuardedBuffer in(chunk * layer.input_bytes()), out(chunk * layer.output_bytes());
    GuardedBuffer scratch(layer.scratch_bytes(chunk));
    std::memcpy(in.data(),
                reinterpret_cast<const std::byte*>(input.data()) + done * layer.input_bytes(),
                in.bytes());
    layer.forward(in.data(), chunk, out.data(), scratch.data());
    const std::span<const float> values = out.as<const float>();
    output.insert(output.end(), values.begin(), values.end());
    done += chunk;
  }
  return output;
}

void expect_examples_independent(const Layer& layer, const std::vector<float>& input, std::size_t n,
                                 const std::vector<float>& together) {
  const std::size_t in_floats = input.size() / n, out_floats = together.size() / n;
  for (std::size_t example = 0; example < n; ++example) {
    const std::vector<float> one(
        input.begin() + static_cast<std::ptrdiff_t>(example * in_floats),
        input.begin() + static_cast<std::ptrdiff_t>((example + 1) * in_floats));
    EXPECT_EQ(std::memcmp(run(layer, one, 1).data(), together.data() + example * out_floats,
                          out_floats * sizeof(float)),
              0)
        << "example " << example << " of " << n;
  }
}

// tolerance: of the relative L2 error; 0 asks for equal values.
void expect_close(const std::vector<float>& actual, const std::vector<double>& expected,
                  double tolerance, std::size_t n) {
  expect_within(
      testing::relative_l2(std::span<const float>(actual), std::span<const double>(expected)),
      tolerance, std::to_string(n).append(" examples").c_str());
}

void check_conv(const Backend& backend, const Conv3x3Spec& spec, Values kind, double tolerance,
                std::span<const std::size_t> batch_sizes) {
  SCOPED_TRACE(::testing::Message() << spec.height << "x" << spec.width << "x" << spec.in_channels
                                    << " -> " << spec.out_channels);
  const std::vector<float> weights = make_values(9 * spec.in_channels * spec.out_channels, kind, 1);
  const std::vector<float> biases = make_values(spec.out_channels, kind, 2);
  const std::unique_ptr<Layer> layer = backend.conv3x3(spec, reader_of(weights), reader_of(biases));
  const std::vector<double> wide_weights(weights.begin(), weights.end());
  const std::vector<double> wide_biases(biases.begin(), biases.end());
  for (const std::size_t n : batch_sizes) {
    const std::vector<float> input =
        make_values(n * spec.height * spec.width * spec.in_channels, kind, 3);
    const std::vector<double> wide_input(input.begin(), input.end());
    std::vector<double> expected(n * spec.height * spec.width * spec.out_channels /
                                 (spec.max_pool ? 4 : 1));
    conv3x3_ref(spec, wide_weights.data(), wide_biases.data(), wide_input.data(), n,
                expected.data());
    const std::vector<float> actual = run(*layer, input, n);
    expect_close(actual, expected, tolerance, n);
    if (n == 5) {
      expect_examples_independent(*layer, input, n, actual);
    }
  }
}

void check_dense(const Backend& backend, const DenseSpec& spec, Values kind, double tolerance,
                 std::span<const std::size_t> batch_sizes) {
  SCOPED_TRACE(::testing::Message() << spec.inputs << " -> " << spec.outputs);
  const std::vector<float> weights = make_values(spec.inputs * spec.outputs, kind, 1);
  const std::vector<float> biases = make_values(spec.outputs, kind, 2);
  const std::unique_ptr<Layer> layer = backend.dense(spec, reader_of(weights), reader_of(biases));
  const std::vector<double> wide_weights(weights.begin(), weights.end());
  const std::vector<double> wide_biases(biases.begin(), biases.end());
  for (const std::size_t n : batch_sizes) {
    const std::vector<float> input = make_values(n * spec.inputs, kind, 3);
    const std::vector<double> wide_input(input.begin(), input.end());
    std::vector<double> expected(n * spec.outputs);
    dense_ref(spec, wide_weights.data(), wide_biases.data(), wide_input.data(), n, expected.data());
    const std::vector<float> actual = run(*layer, input, n);
    expect_close(actual, expected, tolerance, n);
    if (n == 5 || n == 33) {
      expect_examples_independent(*layer, input, n, actual);
    }
  }
}

constexpr Conv3x3Spec kFirstConv{8, 12, 1, 64, true};
constexpr Conv3x3Spec kPooledConv{8, 12, 64, 64, true};
constexpr Conv3x3Spec kWideConv{12, 8, 96, 128, false};
constexpr DenseSpec kReluDense{2048 + 544, 96, true};  // two depth blocks, the second one ragged
constexpr DenseSpec kPlainDense{320, 64, false};

// Winograd rounds values up to 20 times the result's size (the transforms' row sums): measured
// 4e-7 to 8e-7, direct sums 1e-7.
constexpr double kWinogradTolerance = 2e-6;
// bf16 keeps 8 bits: a rounded factor is off by 0.8e-3 (rms), and the transforms let that grow
// twelvefold. Measured 1.0e-2 with rounded filters, and sqrt(2) times that with rounded inputs too.
constexpr double kBf16WeightsTolerance = 1.3e-2;
constexpr double kBf16DotTolerance = 1.3e-2 * 1.4142;
constexpr std::size_t kFewBatchSizes[] = {1, 5, 33};

TEST(OwnLayers, winograd_matches_the_reference_on_every_simd_target) {
  for_each_simd_target([] {
    const CpuBackend backend(Arithmetic::kFp32);
    check_conv(backend, kPooledConv, Values::kNoise, kWinogradTolerance, kBatchSizes);
    check_conv(backend, kWideConv, Values::kNoise, kWinogradTolerance, kBatchSizes);
  });
}

TEST(OwnLayers, bf16_weights_winograd_matches_the_reference) {
  for_each_simd_target([] {
    const CpuBackend backend(Arithmetic::kBf16Weights);
    check_conv(backend, kPooledConv, Values::kNoise, kBf16WeightsTolerance, kFewBatchSizes);
    check_conv(backend, kWideConv, Values::kNoise, kBf16WeightsTolerance, kFewBatchSizes);
  });
}

TEST(OwnLayers, bf16_dot_winograd_matches_the_reference) {
  if (!cpu_info().has_bf16_dot) {
    GTEST_SKIP() << "this processor has no avx512_bf16";
  }
  for_each_simd_target([] {
    const CpuBackend backend(Arithmetic::kBf16Dot);
    check_conv(backend, kPooledConv, Values::kNoise, kBf16DotTolerance, kFewBatchSizes);
    check_conv(backend, kWideConv, Values::kNoise, kBf16DotTolerance, kFewBatchSizes);
  });
}

// The network's own shapes, where chunks, passes and blocks are as in use.
TEST(OwnLayers, winograd_matches_the_reference_on_the_networks_shapes) {
  constexpr std::size_t kOne[] = {1}, kSeveral[] = {2};
  const CpuBackend backend(Arithmetic::kFp32);
  check_conv(backend, {48, 32, 64, 128, true}, Values::kNoise, kWinogradTolerance, kOne);
  check_conv(backend, {24, 16, 128, 256, false}, Values::kNoise, kWinogradTolerance, kOne);
  check_conv(backend, {12, 8, 512, 64, true}, Values::kNoise, kWinogradTolerance, kSeveral);
}

TEST(OwnLayers, first_convolution_is_exact_on_integers) {
  for_each_simd_target([] {
    const CpuBackend backend(Arithmetic::kFp32);
    check_conv(backend, kFirstConv, Values::kSmallIntegers, 0, kBatchSizes);
    check_conv(backend, {96, 64, 1, 64, true}, Values::kSmallIntegers, 0, {kBatchSizes, 1});
  });
}

TEST(OwnLayers, dense_is_exact_on_integers_in_every_arithmetic) {
  for_each_simd_target([] {
    for (const Arithmetic arithmetic :
         {Arithmetic::kFp32, Arithmetic::kBf16Weights, Arithmetic::kBf16Dot}) {
      if (arithmetic == Arithmetic::kBf16Dot && !cpu_info().has_bf16_dot) {
        continue;
      }
      const CpuBackend backend(arithmetic);
      check_dense(backend, kReluDense, Values::kSmallIntegers, 0, kBatchSizes);
      check_dense(backend, kPlainDense, Values::kSmallIntegers, 0, kBatchSizes);
    }
  });
}

TEST(OwnLayers, dense_examples_are_independent_with_rounding_too) {
  for_each_simd_target([] {
    check_dense(CpuBackend(Arithmetic::kFp32), kReluDense, Values::kNoise, 1e-6, kBatchSizes);
  });
}

TEST(OwnLayers, refuse_shapes_they_have_no_kernels_for) {
  const CpuBackend backend(Arithmetic::kFp32);
  const std::vector<float> none;
  testing::expect_error(ErrorClass::kUsage, "10x8x64", [&] {
    backend.conv3x3({10, 8, 64, 64, false}, reader_of(none), reader_of(none));
  });
  testing::expect_error(ErrorClass::kUsage, "100 -> 64", [&] {
    backend.dense({100, 64, false}, reader_of(none), reader_of(none));
  });
}

TEST(OneDnnLayers, match_the_reference) {
  const OneDnnBackend backend(Precision::kFp32);
  check_conv(backend, kFirstConv, Values::kSmallIntegers, 0, kBatchSizes);
  check_conv(backend, kPooledConv, Values::kSmallIntegers, 0, kBatchSizes);
  check_conv(backend, kWideConv, Values::kSmallIntegers, 0, kBatchSizes);
  check_dense(backend, kReluDense, Values::kSmallIntegers, 0, kBatchSizes);
  check_dense(backend, kPlainDense, Values::kNoise, 1e-6, kBatchSizes);
}

TEST(Layers, pass_on_errors_of_reading_weights) {
  const WeightReader broken = [](std::int64_t, std::span<float>) {
    throw Error(ErrorClass::kIo, "model.safetensors: reading failed");
  };
  const CpuBackend own(Arithmetic::kFp32);
  const OneDnnBackend onednn(Precision::kFp32);
  for (const Backend* backend :
       {static_cast<const Backend*>(&own), static_cast<const Backend*>(&onednn)}) {
    testing::expect_error(ErrorClass::kIo, "reading failed",
                          [&] { backend->conv3x3(kPooledConv, broken, broken); });
    testing::expect_error(ErrorClass::kIo, "reading failed",
                          [&] { backend->dense(kPlainDense, broken, broken); });
  }
}

}  // namespace
}  // namespace vggroove
