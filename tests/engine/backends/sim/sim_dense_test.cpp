// The dense layer of the CUDA backend on the stand-in of cuBLASLt, against the double reference;
// and what the stand-in finds.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/backends/cuda/check.h"
#include "engine/backends/cuda/dense.h"
#include "engine/backends/cuda/owners.h"
#include "engine/backends/layers_ref.h"
#include "engine/backends/sim/simulator.h"
#include "tests/engine/backends/sim/device_array.h"
#include "tests/support/compare.h"
#include "tests/support/sim_violation.h"

namespace vggroove::cuda {
namespace {

using testing::DeviceArray;
using testing::expect_violation;

struct Problem {
  DenseSpec spec;
  std::size_t n;
  std::vector<float> x, weight, bias;

  Problem(const DenseSpec& dense, std::size_t examples)
      : spec(dense),
        n(examples),
        x(testing::ramp(n * spec.inputs, 1)),
        weight(testing::ramp(spec.inputs * spec.outputs, 2)),
        bias(testing::ramp(spec.outputs, 3)) {}

  std::vector<double> expected() const {
    const std::vector<double> x_ref(x.begin(), x.end()), w_ref(weight.begin(), weight.end()),
        b_ref(bias.begin(), bias.end());
    std::vector<double> y(n * spec.outputs);
    dense_ref(spec, w_ref.data(), b_ref.data(), x_ref.data(), n, y.data());
    return y;
  }

  std::vector<float> run(Precision precision) const {
    const bool half = precision == Precision::kBf16;
    const bool half_out = half && spec.relu;
    const CudaStream stream;
    const CublasLtHandle handle;
    const DeviceArray x_dev(stream, x, half), w_dev(stream, weight, half),
        b_dev(stream, bias, half_out),
        y_dev(stream, std::vector<float>(n * spec.outputs), half_out);
    const DensePlan plan(handle, {.n = n,
                                  .inputs = spec.inputs,
                                  .outputs = spec.outputs,
                                  .precision = precision,
                                  .relu = spec.relu,
                                  .bf16_output = half_out});
    const DeviceBuffer workspace(plan.workspace_bytes());
    plan.run(stream.get(), {y_dev.data(), x_dev.data(), w_dev.data(), b_dev.data()},
             workspace.data());
    return y_dev.to_host_sync(stream);
  }
};

void expect_close(const Problem& problem, Precision precision, double tolerance, const char* what) {
  const std::vector<float> actual = problem.run(precision);
  const std::vector<double> expected = problem.expected();
  testing::expect_within(
      testing::relative_l2(std::span<const float>(actual), std::span<const double>(expected)),
      tolerance, what);
}

TEST(SimDense, equals_the_double_reference_in_each_precision) {
  for (const bool relu : {false, true}) {
    for (const std::size_t n : {1, 3, 5}) {
      const Problem problem({.inputs = 67, .outputs = 33, .relu = relu}, n);
      // One rounding of the result, and one of bias and sum.
      expect_close(problem, Precision::kFp32, 2.4e-7, "fp32");
      // Both factors are rounded to 11 bits; the ramp's values mostly fit.
      expect_close(problem, Precision::kTf32, 1e-3, "tf32");
      expect_close(problem, Precision::kBf16, 1.2e-2, "bf16");
    }
  }
}

TEST(SimDense, tf32_is_not_fp32) {
  const Problem problem({.inputs = 67, .outputs = 33, .relu = false}, 3);
  EXPECT_NE(problem.run(Precision::kTf32), problem.run(Precision::kFp32));
}

TEST(SimDense, a_pointer_off_its_alignment_and_a_missing_workspace_are_found) {
  const DenseProduct product{.n = 64, .inputs = 64, .outputs = 64, .relu = true};
  const CudaStream stream;
  const CublasLtHandle handle;
  const DeviceBuffer x(2 * 64 * 64 * sizeof(float)), weight(64 * 64 * sizeof(float)),
      y(64 * 64 * sizeof(float)), bias(64 * sizeof(float));
  const DensePlan plan(handle, product);
  const DeviceBuffer workspace(plan.workspace_bytes()), small(plan.workspace_bytes() / 2),
      row(64 * sizeof(float));
  expect_violation("not 256-byte aligned", [&] {
    plan.run(stream.get(), {y.data(), x.data() + 4, weight.data(), bias.data()}, workspace.data());
  });
  expect_violation("beyond the end of device memory", [&] {
    plan.run(stream.get(), {y.data(), x.data(), weight.data(), bias.data()}, small.data());
  });
  expect_violation("beyond the end of device memory", [&] {
    plan.run(stream.get(), {row.data(), x.data(), weight.data(), bias.data()}, workspace.data());
  });
}

TEST(SimDense, operands_that_overlap_the_result_are_found) {
  const CudaStream stream;
  const CublasLtHandle handle;
  const DensePlan plan(handle, {.n = 64, .inputs = 64, .outputs = 64, .relu = true});
  const DeviceBuffer x(64 * 64 * sizeof(float)), weight(64 * 64 * sizeof(float)),
      bias(64 * sizeof(float)), workspace(plan.workspace_bytes());
  expect_violation("overlaps another of its operands", [&] {
    plan.run(stream.get(), {x.data(), x.data(), weight.data(), bias.data()}, workspace.data());
  });
}

TEST(SimDense, an_algorithm_is_for_the_product_that_it_was_chosen_for) {
  const CudaStream stream;
  const CublasLtHandle handle;
  cublasLtMatrixLayout_t layout = nullptr;
  cublasLtMatmulDesc_t description = nullptr;
  cublasLtMatrixLayoutCreate(&layout, CUDA_R_32F, 64, 64, 64);
  cublasLtMatmulDescCreate(&description, CUBLAS_COMPUTE_32F, CUDA_R_32F);
  const DeviceBuffer a(64 * 64 * sizeof(float)), d(64 * 64 * sizeof(float)), workspace(1 << 16);
  const float one = 1, zero = 0;
  const auto multiply = [&](const cublasLtMatmulAlgo_t& algorithm) {
    cublasLtMatmul(handle.get(), description, &one, a.data(), layout, a.data(), layout, &zero,
                   d.data(), layout, d.data(), layout, &algorithm, workspace.data(),
                   workspace.bytes(), stream.get());
  };
  expect_violation("chosen for another product", [&] { multiply({}); });
  cublasLtMatmulDescDestroy(description);
  expect_violation("does not exist", [&] { multiply({}); });
  expect_violation("does not exist", [&] { cublasLtMatmulDescDestroy(description); });
  cublasLtMatrixLayoutDestroy(layout);
  EXPECT_EQ(sim::Simulator::get().library_objects, 1);  // the handle
}

TEST(SimDense, reading_what_another_stream_still_writes_is_found) {
  const DenseProduct product{.n = 64, .inputs = 64, .outputs = 64, .relu = true};
  const CudaStream copying, computing;
  const CublasLtHandle handle;
  const DeviceBuffer x(64 * 64 * sizeof(float)), weight(64 * 64 * sizeof(float)),
      y(64 * 64 * sizeof(float)), bias(64 * sizeof(float));
  const DensePlan plan(handle, product);
  const DeviceBuffer workspace(plan.workspace_bytes());
  VGGROOVE_CUDA(cudaMemsetAsync(x.data(), 0, x.bytes(), copying.get()));
  expect_violation("cublasLtMatmul reads what cudaMemsetAsync writes on another stream", [&] {
    plan.run(computing.get(), {y.data(), x.data(), weight.data(), bias.data()}, workspace.data());
  });
  copying.synchronize();
}

}  // namespace
}  // namespace vggroove::cuda
