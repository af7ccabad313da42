// The stand-in of cuDNN: convolutions against double references, through the graphs and plans that
// the CUDA backend uses; and what it finds in descriptors that make no sense.
#include <gtest/gtest.h>

#include <array>
#include <span>
#include <string>
#include <vector>

#include "engine/backends/cuda/cudnn/conv_graph.h"
#include "engine/backends/cuda/cudnn/graph_descriptors.h"
#include "engine/backends/cuda/cudnn/plan.h"
#include "engine/backends/cuda/forward_pass.h"
#include "engine/backends/cuda/owners.h"
#include "engine/backends/layers_ref.h"
#include "engine/backends/sim/simulator.h"
#include "tests/engine/backends/sim/device_array.h"
#include "tests/support/compare.h"
#include "tests/support/sim_violation.h"

namespace vggroove::cudnn {
namespace {

using cuda::CudaStream;
using cuda::CudnnHandle;
using cuda::DeviceBuffer;
using testing::DeviceArray;
using testing::expect_violation;
using testing::ramp;

constexpr ConvShape kShape{.n = 2, .h = 5, .w = 6, .c = 8, .k = 12};
constexpr std::size_t kInputs = 2 * 5 * 6 * 8, kOutputs = 2 * 5 * 6 * 12, kWeights = 12 * 9 * 8;

std::vector<double> widen(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

// weight [k, 3, 3, c] -> [3, 3, c, k]
std::vector<double> hwio(const std::vector<float>& krsc) {
  std::vector<double> reordered(krsc.size());
  const std::size_t taps = krsc.size() / 12;
  for (std::size_t k = 0; k < 12; ++k) {
    for (std::size_t i = 0; i < taps; ++i) {
      reordered[i * 12 + k] = krsc[k * taps + i];
    }
  }
  return reordered;
}

// sum of x [n, h, w, c] shifted by tap (r, s) times grad_y: the definition of both gradients.
template <class Body>
void for_each_product(Body&& body) {
  for (int n = 0; n < 2; ++n) {
    for (int y = 0; y < 5; ++y) {
      for (int x = 0; x < 6; ++x) {
        for (int r = 0; r < 3; ++r) {
          for (int s = 0; s < 3; ++s) {
            const int in_y = y + r - 1, in_x = x + s - 1;
            if (in_y >= 0 && in_y < 5 && in_x >= 0 && in_x < 6) {
              for (int c = 0; c < 8; ++c) {
                for (int k = 0; k < 12; ++k) {
                  body(((n * 5 + in_y) * 6 + in_x) * 8 + c, ((k * 3 + r) * 3 + s) * 8 + c,
                       ((n * 5 + y) * 6 + x) * 12 + k);
                }
              }
            }
          }
        }
      }
    }
  }
}

class SimCudnn : public ::testing::TestWithParam<MathMode> {
 protected:
  bool bf16() const { return GetParam() == MathMode::kBf16; }
  // One rounding of inputs and one of the output; fp32 keeps everything.
  double tolerance() const {
    switch (GetParam()) {
      case MathMode::kFp32:
        return 4e-7;
      case MathMode::kTf32:
        return 1e-3;
      case MathMode::kBf16:
        break;
    }
    return 1e-2;
  }
  DeviceArray array(const std::vector<float>& values) const {
    return DeviceArray(stream_, values, bf16());
  }

  void run(ConvPass pass, std::vector<Plan::Binding> tensors) {
    const Plan plan = Plan::find(conv_graph("layer", pass, kShape, GetParam()),
                                 DeviceProperties::of_device(0), {.math = GetParam()});
    const DeviceBuffer workspace(static_cast<std::size_t>(plan.workspace_bytes()));
    plan.run(handle_.get(), tensors, workspace.data());
    stream_.synchronize();
  }

  void expect_close(const DeviceArray& actual, const std::vector<double>& expected) {
    const std::vector<float> values = actual.to_host_sync(stream_);
    testing::expect_within(
        testing::relative_l2(std::span<const float>(values), std::span<const double>(expected)),
        tolerance(), std::string(math_mode_name(GetParam())).c_str());
  }

  CudaStream stream_;
  CudnnHandle handle_{stream_};
};

TEST_P(SimCudnn, fprop_is_a_convolution_with_bias_and_relu) {
  const auto x = ramp(kInputs, 1), weight = ramp(kWeights, 2), bias = ramp(12, 3);
  const DeviceArray x_dev = array(x), w_dev = array(weight), b_dev = array(bias),
                    y_dev = array(std::vector<float>(kOutputs));
  run(ConvPass::kFprop, {{kUidX, x_dev.data()},
                         {kUidWeight, w_dev.data()},
                         {kUidBias, b_dev.data()},
                         {kUidY, y_dev.data()}});
  std::vector<double> expected(kOutputs);
  conv3x3_ref({.height = 5, .width = 6, .in_channels = 8, .out_channels = 12}, hwio(weight).data(),
              widen(bias).data(), widen(x).data(), 2, expected.data());
  expect_close(y_dev, expected);
}

TEST_P(SimCudnn, dgrad_and_wgrad_are_its_gradients) {
  const auto x = ramp(kInputs, 1), weight = ramp(kWeights, 2), grad_y = ramp(kOutputs, 4);
  const DeviceArray x_dev = array(x), w_dev = array(weight), grad_y_dev = array(grad_y),
                    grad_x_dev = array(std::vector<float>(kInputs)),
                    grad_w_dev = array(std::vector<float>(kWeights));
  run(ConvPass::kDgrad,
      {{kUidGradY, grad_y_dev.data()}, {kUidWeight, w_dev.data()}, {kUidGradX, grad_x_dev.data()}});
  run(ConvPass::kWgrad,
      {{kUidX, x_dev.data()}, {kUidGradY, grad_y_dev.data()}, {kUidGradWeight, grad_w_dev.data()}});
  std::vector<double> grad_x(kInputs), grad_weight(kWeights);
  for_each_product([&](int in, int tap, int out) {
    grad_x[in] += static_cast<double>(weight[tap]) * static_cast<double>(grad_y[out]);
    grad_weight[tap] += static_cast<double>(x[in]) * static_cast<double>(grad_y[out]);
  });
  expect_close(grad_x_dev, grad_x);
  expect_close(grad_w_dev, grad_weight);
}

INSTANTIATE_TEST_SUITE_P(AllModes, SimCudnn,
                         ::testing::Values(MathMode::kFp32, MathMode::kTf32, MathMode::kBf16),
                         [](const auto& mode) { return std::string(math_mode_name(mode.param)); });

TEST(SimCudnnChecks, strict_fp32_must_turn_the_first_engine_down) {
  const Graph graph = conv_graph("layer", ConvPass::kFprop, kShape, MathMode::kFp32);
  const auto device = DeviceProperties::of_device(0);
  EXPECT_TRUE(Plan::find(graph, device, {.math = MathMode::kTf32}).notes().tensor_cores);
  EXPECT_FALSE(Plan::find(graph, device, {.math = MathMode::kFp32}).notes().tensor_cores);
}

TEST(SimCudnnChecks, descriptors_are_complete_before_they_are_finalised_and_never_change) {
  Descriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  tensor.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_DATA_FLOAT);
  expect_violation("is finalised without attribute", [&] { tensor.finalize(); });
  expect_violation("is of type", [&] { tensor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, 1.0f); });
  Descriptor pointwise(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  expect_violation("no attribute", [&] { pointwise.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, 1.0f); });
  pointwise.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_POINTWISE_RELU_FWD);
  pointwise.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT);
  Descriptor operation(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  expect_violation("that is not finalised",
                   [&] { operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, pointwise); });
  pointwise.finalize();
  expect_violation("finalised twice", [&] { pointwise.finalize(); });
  expect_violation("on a finalised descriptor",
                   [&] { pointwise.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT); });
}

// cuDNN takes the first two without a word.
TEST(SimCudnnChecks, tensors_of_one_id_and_virtual_tensors_from_nowhere_are_found) {
  const auto make_tensor = [](std::int64_t uid, std::int64_t width, bool is_virtual,
                              std::int64_t width_stride = 1) {
    Descriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    const std::array<std::int64_t, 4> dims{1, 1, 1, width}, strides{width, 1, width, width_stride};
    tensor.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_DATA_FLOAT);
    tensor.set_all(CUDNN_ATTR_TENSOR_DIMENSIONS, std::span(dims));
    tensor.set_all(CUDNN_ATTR_TENSOR_STRIDES, std::span(strides));
    tensor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, uid);
    tensor.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, std::int64_t{16});
    tensor.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, is_virtual);
    tensor.finalize();
    return tensor;
  };
  const auto finalize_relu = [](const Descriptor& x, const Descriptor& y) {
    Descriptor relu(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
    relu.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_POINTWISE_RELU_FWD);
    relu.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT);
    relu.finalize();
    Descriptor operation(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, relu);
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
    operation.finalize();
    Descriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operation);
    graph.finalize();
  };
  expect_violation("two tensors have the unique id 1",
                   [&] { finalize_relu(make_tensor(1, 8, false), make_tensor(1, 9, false)); });
  expect_violation("virtual tensor 1 is read, and nothing made it",
                   [&] { finalize_relu(make_tensor(1, 8, true), make_tensor(2, 8, false)); });
  expect_violation("do not fit",
                   [&] { finalize_relu(make_tensor(1, 8, false), make_tensor(2, 9, false)); });
  finalize_relu(make_tensor(1, 8, false), make_tensor(2, 8, false));
}

TEST(SimCudnnChecks, what_a_plan_is_run_with_must_be_what_it_was_made_for) {
  const CudaStream stream;
  const CudnnHandle handle(stream);
  const Plan plan = Plan::find(conv_graph("layer", ConvPass::kDgrad, kShape, MathMode::kFp32),
                               DeviceProperties::of_device(0), {});
  const DeviceBuffer grad_y(kOutputs * sizeof(float)), weight(kWeights * sizeof(float)),
      grad_x(kInputs * sizeof(float)), small(kInputs * sizeof(float) - 4),
      workspace(static_cast<std::size_t>(plan.workspace_bytes()));
  const auto run = [&](std::byte* y, std::byte* x, void* scratch) {
    const std::array<Plan::Binding, 3> tensors{
        {{kUidGradY, y}, {kUidWeight, weight.data()}, {kUidGradX, x}}};
    plan.run(handle.get(), tensors, scratch);
  };
  expect_violation("no workspace", [&] { run(grad_y.data(), grad_x.data(), nullptr); });
  expect_violation("not aligned", [&] { run(grad_y.data() + 4, grad_x.data(), workspace.data()); });
  expect_violation("beyond the end", [&] { run(grad_y.data(), small.data(), workspace.data()); });
  const std::array<Plan::Binding, 2> two{{{kUidGradY, grad_y.data()}, {kUidWeight, weight.data()}}};
  expect_violation("is not given", [&] { plan.run(handle.get(), two, workspace.data()); });
  expect_violation("overlaps another of its operands",
                   [&] { run(grad_y.data(), grad_y.data(), workspace.data()); });
  const std::array<Plan::Binding, 3> twice{
      {{kUidGradY, grad_y.data()}, {kUidGradY, grad_y.data()}, {kUidGradX, grad_x.data()}}};
  expect_violation("is given twice", [&] { plan.run(handle.get(), twice, workspace.data()); });
  const std::array<Plan::Binding, 1> stranger{{{kUidBias, weight.data()}}};
  expect_violation("has no tensor", [&] { plan.run(handle.get(), stranger, workspace.data()); });
}

TEST(SimCudnnChecks, handles_and_descriptors_must_live) {
  const CudaStream stream;
  cudnnHandle_t handle = nullptr;
  VGGROOVE_CUDNN(cudnnCreate(&handle));
  VGGROOVE_CUDNN(cudnnDestroy(handle));
  expect_violation("cudnnSetStream: a handle that does not exist",
                   [&] { cudnnSetStream(handle, stream.get()); });
  cudnnBackendDescriptor_t descriptor = nullptr;
  VGGROOVE_CUDNN(cudnnBackendCreateDescriptor(CUDNN_BACKEND_TENSOR_DESCRIPTOR, &descriptor));
  VGGROOVE_CUDNN(cudnnBackendDestroyDescriptor(descriptor));
  expect_violation("cudnnBackendFinalize: a descriptor that does not exist",
                   [&] { cudnnBackendFinalize(descriptor); });
}

}  // namespace
}  // namespace vggroove::cudnn
