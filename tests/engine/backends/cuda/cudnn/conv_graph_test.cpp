#include "engine/backends/cuda/cudnn/conv_graph.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "tests/support/expect_error.h"

namespace vggroove::cudnn {
namespace {

using testing::expect_error;

constexpr ConvShape kConv2{.n = 3, .h = 48, .w = 32, .c = 64, .k = 128};

Graph fprop() {
  return conv_graph("conv2", ConvPass::kFprop, kConv2, MathMode::kFp32);
}

GraphTensor& tensor(Graph& graph, std::string_view name) {
  for (GraphTensor& candidate : graph.tensors) {
    if (candidate.name == name) {
      return candidate;
    }
  }
  throw std::out_of_range(std::string(name));
}

void resize(GraphTensor& tensor, const Dims& dims) {
  tensor.dims = dims;
  tensor.strides = packed_nhwc_strides(dims);
}

// A defect in a good graph must be refused, in words that name it.
void expect_refused(const std::string& words, ConvPass pass,
                    const std::function<void(Graph&)>& plant) {
  Graph graph = conv_graph("conv2", pass, kConv2, MathMode::kFp32);
  plant(graph);
  expect_error(ErrorClass::kUsage, words, [&] { check_graph(graph); });
  expect_error(ErrorClass::kUsage, "conv2 " + std::string(pass_name(pass)) + ": ",
               [&] { check_graph(graph); });
}

TEST(ConvGraph, channel_is_the_fastest_axis) {
  EXPECT_EQ(packed_nhwc_strides({3, 64, 48, 32}), (Dims{98304, 1, 2048, 64}));
  EXPECT_EQ(packed_nhwc_strides({128, 64, 3, 3}), (Dims{576, 1, 192, 64}));
}

TEST(ConvGraph, bf16_graphs_keep_sums_between_operations_in_fp32) {
  Graph graph = conv_graph("conv2", ConvPass::kFprop, kConv2, MathMode::kBf16);
  for (const GraphTensor& tensor : graph.tensors) {
    EXPECT_EQ(tensor.type, tensor.is_virtual ? TensorType::kFp32 : TensorType::kBf16)
        << tensor.name;
  }
  graph = conv_graph("conv2", ConvPass::kWgrad, kConv2, MathMode::kBf16);
  EXPECT_EQ(tensor(graph, "grad_weight").type, TensorType::kBf16);
}

TEST(ConvGraph, refuses_a_channel_mismatch) {
  expect_refused(
      "tensor weight has the size [128, 63, 3, 3]; with x of size [3, 64, 48, 32] it "
      "must be [128, 64, 3, 3]",
      ConvPass::kFprop, [](Graph& g) {
        resize(tensor(g, "weight"), {128, 63, 3, 3});
      });
  expect_refused("tensor weight", ConvPass::kDgrad, [](Graph& g) {
    resize(tensor(g, "weight"), {127, 64, 3, 3});
  });
  expect_refused("tensor grad_weight", ConvPass::kWgrad, [](Graph& g) {
    resize(tensor(g, "grad_weight"), {64, 128, 3, 3});
  });
  expect_refused("tensor bias", ConvPass::kFprop, [](Graph& g) {
    resize(tensor(g, "bias"), {1, 64, 1, 1});
  });
}

TEST(ConvGraph, refuses_wrong_sizes) {
  expect_refused("tensor y has the size [3, 128, 47, 32]", ConvPass::kFprop, [](Graph& g) {
    resize(tensor(g, "y"), {3, 128, 47, 32});
  });
  expect_refused("tensor grad_y has the size [4, 128, 48, 32]", ConvPass::kWgrad, [](Graph& g) {
    resize(tensor(g, "grad_y"), {4, 128, 48, 32});
  });
  expect_refused("must be [128, 64, 3, 3]", ConvPass::kDgrad, [](Graph& g) {
    resize(tensor(g, "weight"), {128, 64, 5, 5});
  });
  expect_refused("tensor x has the size [0, 64, 48, 32]", ConvPass::kFprop, [](Graph& g) {
    resize(tensor(g, "x"), {0, 64, 48, 32});
  });
  constexpr std::int64_t kHuge = std::int64_t{1} << 32;
  expect_refused("tensor x has the size", ConvPass::kFprop, [](Graph& g) {
    tensor(g, "x").dims = {kHuge, kHuge, kHuge, kHuge};
  });
}

TEST(ConvGraph, refuses_strides_that_are_not_packed_nhwc) {
  expect_refused(
      "tensor x of size [3, 64, 48, 32] has strides [98304, 1536, 32, 1]; packed NHWC "
      "is [98304, 1, 2048, 64]",
      ConvPass::kFprop, [](Graph& g) {
        tensor(g, "x").strides = {98304, 1536, 32, 1};
      });
}

TEST(ConvGraph, refuses_equal_uids) {
  expect_refused("tensors x and weight have the same uid 1", ConvPass::kFprop,
                 [](Graph& g) { tensor(g, "weight").uid = kUidX; });
}

TEST(ConvGraph, refuses_virtual_tensors_without_a_producer_or_reader) {
  expect_refused("conv_fprop reads virtual tensor x, which no operation before it produces",
                 ConvPass::kFprop, [](Graph& g) { tensor(g, "x").is_virtual = true; });
  expect_refused("add_bias reads virtual tensor convolved", ConvPass::kFprop,
                 [](Graph& g) { std::swap(g.operations[0], g.operations[1]); });
  expect_refused("nothing reads virtual tensor y", ConvPass::kFprop,
                 [](Graph& g) { tensor(g, "y").is_virtual = true; });
}

TEST(ConvGraph, refuses_operands_that_do_not_fit) {
  expect_refused("conv_fprop reads tensor 17 of 6", ConvPass::kFprop,
                 [](Graph& g) { g.operations[0].inputs[0] = 17; });
  expect_refused("conv_fprop writes tensor 6 of 6", ConvPass::kFprop,
                 [](Graph& g) { g.operations[0].output = 6; });
  expect_refused("relu has 2 inputs; it takes 1", ConvPass::kFprop,
                 [](Graph& g) { g.operations[2].inputs.push_back(0); });
  expect_refused("two operations write tensor convolved", ConvPass::kFprop,
                 [](Graph& g) { g.operations[1].output = 4; });
  expect_refused("conv_fprop reads and writes tensor x", ConvPass::kFprop,
                 [](Graph& g) { g.operations[0].output = 0; });
  expect_refused("no operation uses tensor y", ConvPass::kFprop,
                 [](Graph& g) { g.operations.pop_back(), g.operations[1].output = 5; });
}

TEST(ConvGraph, refuses_mixed_types) {
  expect_refused("tensor weight is bf16, tensor x is fp32", ConvPass::kFprop,
                 [](Graph& g) { tensor(g, "weight").type = TensorType::kBf16; });
  expect_refused("tensor grad_weight is bf16", ConvPass::kWgrad,
                 [](Graph& g) { tensor(g, "grad_weight").type = TensorType::kBf16; });
  expect_refused("virtual tensor biased is not fp32", ConvPass::kFprop,
                 [](Graph& g) { tensor(g, "biased").type = TensorType::kBf16; });
}

TEST(ConvGraph, text_differs_exactly_where_kernels_may_differ) {
  const std::string text = graph_text(fprop());
  EXPECT_EQ(text, graph_text(conv_graph("other", ConvPass::kFprop, kConv2, MathMode::kTf32)));
  EXPECT_NE(text, graph_text(conv_graph("conv2", ConvPass::kFprop, kConv2, MathMode::kBf16)));
  EXPECT_NE(text, graph_text(conv_graph("conv2", ConvPass::kDgrad, kConv2, MathMode::kFp32)));
  ConvShape larger = kConv2;
  ++larger.n;
  EXPECT_NE(text, graph_text(conv_graph("conv2", ConvPass::kFprop, larger, MathMode::kFp32)));
}

}  // namespace
}  // namespace vggroove::cudnn
