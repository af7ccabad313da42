#include "engine/backends/cuda/cudnn/conv_graph.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/error.h"

namespace vggroove::cudnn {
namespace {

// 2^40 elements: far above any device's memory, far below an overflow of 64-bit byte counts.
constexpr std::int64_t kMaxElements = std::int64_t{1} << 40;

std::string_view type_name(TensorType type) {
  return type == TensorType::kFp32 ? "fp32" : "bf16";
}

std::string_view operation_name(OperationKind kind) {
  switch (kind) {
    case OperationKind::kConvFprop:
      return "conv_fprop";
    case OperationKind::kConvDgrad:
      return "conv_dgrad";
    case OperationKind::kConvWgrad:
      return "conv_wgrad";
    case OperationKind::kAddBias:
      return "add_bias";
    case OperationKind::kRelu:
      return "relu";
  }
  return "?";
}

std::string dims_text(const Dims& dims) {
  return fmt::format("[{}]", fmt::join(dims, ", "));
}

// The checks of one graph; each throws with the graph's name in front.
class Checker {
 public:
  explicit Checker(const Graph& graph) : graph_(graph), produced_(graph.tensors.size()) {}

  void run() {
    check_tensors();
    std::vector<bool> used(graph_.tensors.size());
    for (const GraphOperation& operation : graph_.operations) {
      check_operands(operation);
      check_sizes(operation);
      for (const std::size_t input : operation.inputs) {
        used[input] = true;
      }
      produced_[operation.output] = true;
    }
    for (std::size_t i = 0; i < used.size(); ++i) {
      const GraphTensor& tensor = graph_.tensors[i];
      require(used[i] || produced_[i], "no operation uses tensor {}", tensor.name);
      require(used[i] || !tensor.is_virtual, "nothing reads virtual tensor {}", tensor.name);
    }
  }

 private:
  template <class... Arguments>
  void require(bool holds, fmt::format_string<Arguments...> text, Arguments&&... arguments) const {
    if (!holds) {
      throw Error(ErrorClass::kUsage,
                  graph_.name + ": " + fmt::format(text, std::forward<Arguments>(arguments)...));
    }
  }

  void check_tensors() const {
    std::unordered_map<std::int64_t, std::string_view> names;
    for (const GraphTensor& tensor : graph_.tensors) {
      const auto [first, is_new] = names.emplace(tensor.uid, tensor.name);
      require(is_new, "tensors {} and {} have the same uid {}", first->second, tensor.name,
              tensor.uid);
      std::int64_t num_elements = 1;
      for (const std::int64_t dim : tensor.dims) {
        require(dim >= 1 && num_elements <= kMaxElements / dim, "tensor {} has the size {}",
                tensor.name, dims_text(tensor.dims));
        num_elements *= dim;
      }
      require(tensor.strides == packed_nhwc_strides(tensor.dims),
              "tensor {} of size {} has strides {}; packed NHWC is {}", tensor.name,
              dims_text(tensor.dims), dims_text(tensor.strides),
              dims_text(packed_nhwc_strides(tensor.dims)));
      require(!tensor.is_virtual || tensor.type == TensorType::kFp32,
              "virtual tensor {} is not fp32", tensor.name);
    }
  }

  void check_operands(const GraphOperation& operation) const {
    const std::string_view name = operation_name(operation.kind);
    const std::size_t num_inputs = operation.kind == OperationKind::kRelu ? 1 : 2;
    require(operation.inputs.size() == num_inputs, "{} has {} inputs; it takes {}", name,
            operation.inputs.size(), num_inputs);
    for (const std::size_t input : operation.inputs) {
      require(input < graph_.tensors.size(), "{} reads tensor {} of {}", name, input,
              graph_.tensors.size());
      const GraphTensor& tensor = graph_.tensors[input];
      require(!tensor.is_virtual || produced_[input],
              "{} reads virtual tensor {}, which no operation before it produces", name,
              tensor.name);
    }
    require(operation.output < graph_.tensors.size(), "{} writes tensor {} of {}", name,
            operation.output, graph_.tensors.size());
    const std::string& output = graph_.tensors[operation.output].name;
    require(!produced_[operation.output], "two operations write tensor {}", output);
    require(std::find(operation.inputs.begin(), operation.inputs.end(), operation.output) ==
                operation.inputs.end(),
            "{} reads and writes tensor {}", name, output);
  }

  void check_sizes(const GraphOperation& operation) const {
    const GraphTensor& first = graph_.tensors[operation.inputs[0]];
    const GraphTensor& output = graph_.tensors[operation.output];
    if (operation.kind == OperationKind::kRelu) {
      return require_size(output, first.dims, first);
    }
    const GraphTensor& second = graph_.tensors[operation.inputs[1]];
    switch (operation.kind) {
      case OperationKind::kConvFprop:
        return check_convolution(first, second, output, output);
      case OperationKind::kConvDgrad:
        return check_convolution(output, second, first, output);
      case OperationKind::kConvWgrad:
        return check_convolution(first, output, second, output);
      default:  // bias
        require_size(second, {1, first.dims[1], 1, 1}, first);
        return require_size(output, first.dims, first);
    }
  }

  void check_convolution(const GraphTensor& x, const GraphTensor& weight, const GraphTensor& y,
                         const GraphTensor& output) const {
    require_size(weight, {y.dims[1], x.dims[1], 3, 3}, x);
    require_size(y, {x.dims[0], weight.dims[0], x.dims[2], x.dims[3]}, x);
    for (const GraphTensor* tensor : {&x, &weight, &y}) {
      require(tensor->type == x.type || (tensor == &output && tensor->is_virtual),
              "tensor {} is {}, tensor {} is {}", tensor->name, type_name(tensor->type), x.name,
              type_name(x.type));
    }
  }

  void require_size(const GraphTensor& tensor, const Dims& dims, const GraphTensor& of) const {
    require(tensor.dims == dims, "tensor {} has the size {}; with {} of size {} it must be {}",
            tensor.name, dims_text(tensor.dims), of.name, dims_text(of.dims), dims_text(dims));
  }

  const Graph& graph_;
  std::vector<bool> produced_;
};

GraphTensor tensor_of(std::int64_t uid, std::string name, const Dims& dims, TensorType type) {
  return {.uid = uid,
          .name = std::move(name),
          .dims = dims,
          .strides = packed_nhwc_strides(dims),
          .type = type};
}

}  // namespace

std::string_view pass_name(ConvPass pass) {
  switch (pass) {
    case ConvPass::kFprop:
      return "fprop";
    case ConvPass::kDgrad:
      return "dgrad";
    case ConvPass::kWgrad:
      return "wgrad";
  }
  return "?";
}

std::string_view math_mode_name(MathMode mode) {
  switch (mode) {
    case MathMode::kFp32:
      return "fp32";
    case MathMode::kTf32:
      return "tf32";
    case MathMode::kBf16:
      return "bf16";
  }
  return "?";
}

TensorType tensor_type(MathMode mode) {
  return mode == MathMode::kBf16 ? TensorType::kBf16 : TensorType::kFp32;
}

Dims packed_nhwc_strides(const Dims& dims) {
  const auto [n, c, h, w] = dims;
  return {c * h * w, 1, c * w, c};
}

Graph conv_graph(std::string_view layer, ConvPass pass, const ConvShape& shape, MathMode mode) {
  const TensorType type = tensor_type(mode);
  const Dims x_dims{shape.n, shape.c, shape.h, shape.w};
  const Dims y_dims{shape.n, shape.k, shape.h, shape.w};
  const Dims weight_dims{shape.k, shape.c, 3, 3};
  Graph graph{
      .name = fmt::format("{} {}", layer, pass_name(pass)), .tensors = {}, .operations = {}};
  switch (pass) {
    case ConvPass::kFprop: {
      // A bf16 convolution takes a bf16 bias: with an fp32 one cuDNN has no precompiled engine.
      graph.tensors = {tensor_of(kUidX, "x", x_dims, type),
                       tensor_of(kUidWeight, "weight", weight_dims, type),
                       tensor_of(kUidBias, "bias", {1, shape.k, 1, 1}, type),
                       tensor_of(kUidY, "y", y_dims, type),
                       tensor_of(101, "convolved", y_dims, TensorType::kFp32),
                       tensor_of(102, "biased", y_dims, TensorType::kFp32)};
      graph.tensors[4].is_virtual = graph.tensors[5].is_virtual = true;
      graph.operations = {{OperationKind::kConvFprop, {0, 1}, 4},
                          {OperationKind::kAddBias, {4, 2}, 5},
                          {OperationKind::kRelu, {5}, 3}};
      break;
    }
    case ConvPass::kDgrad:
      graph.tensors = {tensor_of(kUidGradY, "grad_y", y_dims, type),
                       tensor_of(kUidWeight, "weight", weight_dims, type),
                       tensor_of(kUidGradX, "grad_x", x_dims, type)};
      graph.operations = {{OperationKind::kConvDgrad, {0, 1}, 2}};
      break;
    case ConvPass::kWgrad:
      graph.tensors = {tensor_of(kUidX, "x", x_dims, type),
                       tensor_of(kUidGradY, "grad_y", y_dims, type),
                       tensor_of(kUidGradWeight, "grad_weight", weight_dims, type)};
      graph.operations = {{OperationKind::kConvWgrad, {0, 1}, 2}};
      break;
  }
  check_graph(graph);
  return graph;
}

void check_graph(const Graph& graph) {
  Checker(graph).run();
}

std::string graph_text(const Graph& graph) {
  std::string text;
  for (const GraphTensor& tensor : graph.tensors) {
    text += fmt::format("tensor {} {} {} {}{}\n", tensor.uid, dims_text(tensor.dims),
                        dims_text(tensor.strides), type_name(tensor.type),
                        tensor.is_virtual ? " virtual" : "");
  }
  for (const GraphOperation& operation : graph.operations) {
    text += fmt::format("{} {} -> {}\n", operation_name(operation.kind),
                        fmt::join(operation.inputs, " "), operation.output);
  }
  return text;
}

}  // namespace vggroove::cudnn
