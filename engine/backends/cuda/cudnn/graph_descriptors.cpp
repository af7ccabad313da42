#include "engine/backends/cuda/cudnn/graph_descriptors.h"

#include <array>
#include <cstdint>
#include <span>

namespace vggroove::cudnn {
namespace {

// All operands of a plan start at multiples of 16 bytes: what its vector loads need.
constexpr std::int64_t kAlignmentBytes = 16;

Descriptor describe_tensor(const GraphTensor& tensor) {
  Descriptor descriptor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  descriptor.set(CUDNN_ATTR_TENSOR_DATA_TYPE,
                 tensor.type == TensorType::kFp32 ? CUDNN_DATA_FLOAT : CUDNN_DATA_BFLOAT16);
  descriptor.set_all(CUDNN_ATTR_TENSOR_DIMENSIONS, std::span(tensor.dims));
  descriptor.set_all(CUDNN_ATTR_TENSOR_STRIDES, std::span(tensor.strides));
  descriptor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, tensor.uid);
  descriptor.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, kAlignmentBytes);
  descriptor.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, tensor.is_virtual);
  descriptor.finalize();
  return descriptor;
}

// 3x3, stride 1, one pixel of padding on every side, sums in fp32.
Descriptor describe_convolution() {
  constexpr std::array<std::int64_t, 2> kOne{1, 1};
  Descriptor descriptor(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  descriptor.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT);
  descriptor.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION);
  descriptor.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, std::int64_t{kOne.size()});
  for (const auto attribute :
       {CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS,
        CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES}) {
    descriptor.set_all(attribute, std::span(kOne));
  }
  descriptor.finalize();
  return descriptor;
}

Descriptor describe_pointwise(cudnnPointwiseMode_t mode) {
  Descriptor descriptor(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  descriptor.set(CUDNN_ATTR_POINTWISE_MODE, mode);
  descriptor.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT);
  descriptor.finalize();
  return descriptor;
}

// cuDNN's names of one kind of convolution and of its parts; inputs in GraphOperation's order.
struct ConvolutionAttributes {
  cudnnBackendDescriptorType_t type;
  cudnnBackendAttributeName_t settings, first, second, output, alpha, beta;
};

ConvolutionAttributes convolution_attributes(OperationKind kind) {
  switch (kind) {
    case OperationKind::kConvDgrad:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
    case OperationKind::kConvWgrad:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
    default:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
  }
}

// Appends an operation and its settings.
void describe_operation(const GraphOperation& operation, GraphDescriptors& out) {
  const Descriptor& first = out.tensors[operation.inputs[0]];
  const Descriptor& output = out.tensors[operation.output];
  if (operation.kind == OperationKind::kAddBias || operation.kind == OperationKind::kRelu) {
    const bool is_relu = operation.kind == OperationKind::kRelu;
    out.settings.push_back(
        describe_pointwise(is_relu ? CUDNN_POINTWISE_RELU_FWD : CUDNN_POINTWISE_ADD));
    Descriptor& descriptor =
        out.operations.emplace_back(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    descriptor.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, out.settings.back());
    descriptor.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, first);
    if (!is_relu) {
      descriptor.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, out.tensors[operation.inputs[1]]);
    }
    descriptor.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, output);
    descriptor.finalize();
    return;
  }
  const ConvolutionAttributes names = convolution_attributes(operation.kind);
  out.settings.push_back(describe_convolution());
  Descriptor& descriptor = out.operations.emplace_back(names.type);
  descriptor.set(names.settings, out.settings.back());
  descriptor.set(names.first, first);
  descriptor.set(names.second, out.tensors[operation.inputs[1]]);
  descriptor.set(names.output, output);
  descriptor.set(names.alpha, 1.0F);
  descriptor.set(names.beta, 0.0F);  // overwrites its output
  descriptor.finalize();
}

}  // namespace

GraphDescriptors describe(const Graph& graph) {
  check_graph(graph);
  GraphDescriptors out;
  for (const GraphTensor& tensor : graph.tensors) {
    out.tensors.push_back(describe_tensor(tensor));
  }
  for (const GraphOperation& operation : graph.operations) {
    describe_operation(operation, out);
  }
  out.graph.set_descriptors(CUDNN_ATTR_OPERATIONGRAPH_OPS, out.operations);
  out.graph.finalize();
  return out;
}

}  // namespace vggroove::cudnn
