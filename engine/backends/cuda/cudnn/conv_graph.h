#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// The convolutions as plain data: what is handed to cuDNN, checked before it is handed over, and
// written down as the key of a plan cache. Knows nothing of cuDNN, so every machine builds it.
namespace vggroove::cudnn {

enum class ConvPass { kFprop, kDgrad, kWgrad };
enum class TensorType { kFp32, kBf16 };

// What multiplies. Sums are fp32 always.
enum class MathMode {
  kFp32,  // fp32 tensors, fp32 multiplications: no tensor cores
  kTf32,  // fp32 tensors, products may be rounded to TF32 on tensor cores
  kBf16,  // bf16 tensors; a weight gradient is bf16 too: no engine writes fp32 from bf16 operands
};

std::string_view pass_name(ConvPass pass);       // "fprop", "dgrad", "wgrad"
std::string_view math_mode_name(MathMode mode);  // "fp32", "tf32", "bf16"
TensorType tensor_type(MathMode mode);

// 3x3 convolution with stride 1 and SAME padding of `n` images.
struct ConvShape {
  std::int64_t n = 0, h = 0, w = 0;  // images, height, width
  std::int64_t c = 0, k = 0;         // channels of x and of y
};

// Names of tensors in every graph below: what a caller binds device pointers to.
enum TensorUid : std::int64_t {
  kUidX = 1,            // [n, c, h, w]
  kUidWeight = 2,       // [k, c, 3, 3]
  kUidBias = 3,         // [1, k, 1, 1]
  kUidY = 4,            // [n, k, h, w]
  kUidGradX = 11,       // as x
  kUidGradWeight = 12,  // as weight
  kUidGradY = 14,       // as y
};

using Dims = std::array<std::int64_t, 4>;
Dims packed_nhwc_strides(const Dims& dims);  // in elements, for dims in the order N, C, H, W

// One tensor of a graph. Its bytes are dense and NHWC (a weight: K, 3, 3, C), 16-byte aligned.
struct GraphTensor {
  std::int64_t uid = 0;
  std::string name;  // for messages
  Dims dims{};       // N, C, H, W; a weight: K, C, 3, 3
  Dims strides{};
  TensorType type = TensorType::kFp32;
  bool is_virtual = false;  // lives inside the fused kernel only, in fp32
};

enum class OperationKind { kConvFprop, kConvDgrad, kConvWgrad, kAddBias, kRelu };

// Operands are indices into Graph::tensors: fprop {x, weight}, dgrad {grad_y, weight},
// wgrad {x, grad_y}, add-bias {x, bias}, ReLU {x}.
struct GraphOperation {
  OperationKind kind{};
  std::vector<std::size_t> inputs;
  std::size_t output = 0;
};

struct Graph {
  std::string name;  // for messages: "conv2 fprop"
  std::vector<GraphTensor> tensors;
  std::vector<GraphOperation> operations;  // in order of execution
};

// fprop: y = ReLU(conv(x, weight) + bias), one fused graph; dgrad: grad_x from grad_y and weight;
// wgrad: grad_weight from x and grad_y (the ReLU's and the bias' backward are kernels of ours).
// `layer` begins the graph's name. The result has passed check_graph.
Graph conv_graph(std::string_view layer, ConvPass pass, const ConvShape& shape, MathMode mode);

// What cuDNN accepts without a word and must not get: equal uids, a virtual tensor that nothing
// produces. And what it refuses with a bare status: sizes, strides and types that do not fit
// together. Throws Error(kUsage) that names the graph, the tensors and their sizes.
void check_graph(const Graph& graph);

// Everything that decides which kernel a graph may become, a line per tensor and operation; equal
// for equal graphs, whatever their name.
std::string graph_text(const Graph& graph);

}  // namespace vggroove::cudnn
