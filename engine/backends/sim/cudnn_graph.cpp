#include "engine/backends/sim/cudnn_graph.h"

#include <algorithm>
#include <functional>
#include <set>

#include "engine/backends/sim/convolution.h"

namespace vggroove::sim {
namespace {

using Kind = GraphOperation::Kind;

GraphTensor read_tensor(const Descriptor& descriptor) {
  GraphTensor tensor;
  tensor.uid = descriptor.value<std::int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID);
  const auto type = descriptor.value<cudnnDataType_t>(CUDNN_ATTR_TENSOR_DATA_TYPE);
  if (type != CUDNN_DATA_FLOAT && type != CUDNN_DATA_BFLOAT16) {
    throw Violation("cuDNN: only tensors of fp32 and bf16 are simulated");
  }
  tensor.type = type == CUDNN_DATA_FLOAT ? NumberType::kFp32 : NumberType::kBf16;
  tensor.dimensions = descriptor.values<std::int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS);
  tensor.strides = descriptor.values<std::int64_t>(CUDNN_ATTR_TENSOR_STRIDES);
  tensor.alignment_bytes = descriptor.value<std::int64_t>(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT);
  tensor.is_virtual = descriptor.value_or<unsigned char>(CUDNN_ATTR_TENSOR_IS_VIRTUAL, 0) != 0;
  if (tensor.dimensions.size() != 4 || tensor.strides.size() != 4) {
    throw Violation(
        fmt::format("cuDNN: tensor {} has not four dimensions and four strides", tensor.uid));
  }
  for (std::size_t i = 0; i < 4; ++i) {
    if (tensor.dimensions[i] < 1 || tensor.strides[i] < 1) {
      throw Violation(
          fmt::format("cuDNN: tensor {} has an empty dimension or no stride", tensor.uid));
    }
  }
  // No two elements on one place: every stride steps over all that smaller strides reach.
  std::vector<std::size_t> order{0, 1, 2, 3};
  std::sort(order.begin(), order.end(),
            [&](auto a, auto b) { return tensor.strides[a] < tensor.strides[b]; });
  std::int64_t reached = 1;
  for (const std::size_t i : order) {
    if (tensor.dimensions[i] > 1) {
      if (tensor.strides[i] < reached) {
        throw Violation(
            fmt::format("cuDNN: elements of tensor {} overlap: its strides are too "
                        "small",
                        tensor.uid));
      }
      reached = tensor.strides[i] * tensor.dimensions[i];
    }
  }
  return tensor;
}

class Reader {
 public:
  Graph read(const Descriptor& descriptor) {
    for (const auto& operation :
         descriptor.attributes.at(CUDNN_ATTR_OPERATIONGRAPH_OPS).descriptors) {
      graph_.operations.push_back(read_operation(*operation));
    }
    check_order();
    return std::move(graph_);
  }

 private:
  std::int64_t tensor(const Descriptor& operation, cudnnBackendAttributeName_t name) {
    const GraphTensor read = read_tensor(*operation.descriptor(name));
    const auto [known, is_new] = graph_.tensors.emplace(read.uid, read);
    if (!is_new && !(known->second == read)) {
      throw Violation(fmt::format("cuDNN: two tensors have the unique id {}", read.uid));
    }
    return read.uid;
  }

  GraphOperation read_operation(const Descriptor& operation) {
    switch (operation.type) {
      case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
        return read_convolution(
            operation, Kind::kFprop, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA);
      case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
        return read_convolution(operation, Kind::kDgrad,
                                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA);
      case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
        return read_convolution(operation, Kind::kWgrad,
                                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
                                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA);
      case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
        return read_pointwise(operation);
      default:
        throw Violation(fmt::format("cuDNN: operations of type {} are not simulated",
                                    static_cast<int>(operation.type)));
    }
  }

  GraphOperation read_convolution(const Descriptor& operation, Kind kind,
                                  cudnnBackendAttributeName_t convolution,
                                  cudnnBackendAttributeName_t x, cudnnBackendAttributeName_t w,
                                  cudnnBackendAttributeName_t y, cudnnBackendAttributeName_t alpha,
                                  cudnnBackendAttributeName_t beta) {
    const Descriptor& settings = *operation.descriptor(convolution);
    const auto pair_is = [&](cudnnBackendAttributeName_t name, std::int64_t value) {
      return settings.values<std::int64_t>(name) == std::vector<std::int64_t>{value, value};
    };
    if (settings.value<cudnnDataType_t>(CUDNN_ATTR_CONVOLUTION_COMP_TYPE) != CUDNN_DATA_FLOAT) {
      throw Violation("cuDNN: a convolution must sum in fp32");
    }
    if (settings.value<cudnnConvolutionMode_t>(CUDNN_ATTR_CONVOLUTION_CONV_MODE) !=
            CUDNN_CROSS_CORRELATION ||
        settings.value<std::int64_t>(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS) != 2 ||
        !pair_is(CUDNN_ATTR_CONVOLUTION_DILATIONS, 1) ||
        !pair_is(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, 1) ||
        settings.values<std::int64_t>(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS) !=
            settings.values<std::int64_t>(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS)) {
      throw Violation(
          "cuDNN: only plane cross-correlations with stride 1, dilation 1 and equal "
          "padding on both sides are simulated");
    }
    if (operation.value<float>(alpha) != 1 || operation.value<float>(beta) != 0) {
      throw Violation("cuDNN: only convolutions with alpha = 1, beta = 0 are simulated");
    }
    GraphOperation read{kind, tensor(operation, x), tensor(operation, w), tensor(operation, y), {}};
    const auto padding = settings.values<std::int64_t>(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS);
    std::copy_n(padding.begin(), 2, read.padding);
    const auto& x_size = graph_.tensors.at(read.x).dimensions;
    const auto& w_size = graph_.tensors.at(read.w).dimensions;
    const auto& y_size = graph_.tensors.at(read.y).dimensions;
    const bool fits = x_size[0] == y_size[0] && x_size[1] == w_size[1] && y_size[1] == w_size[0] &&
                      y_size[2] == x_size[2] + 2 * padding[0] - w_size[2] + 1 &&
                      y_size[3] == x_size[3] + 2 * padding[1] - w_size[3] + 1;
    if (!fits) {
      throw Violation(
          fmt::format("cuDNN: the shapes of a convolution do not fit: x [{}], w [{}], y "
                      "[{}]",
                      fmt::join(x_size, ", "), fmt::join(w_size, ", "), fmt::join(y_size, ", ")));
    }
    return read;
  }

  GraphOperation read_pointwise(const Descriptor& operation) {
    const Descriptor& settings =
        *operation.descriptor(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR);
    const auto mode = settings.value<cudnnPointwiseMode_t>(CUDNN_ATTR_POINTWISE_MODE);
    const bool has_bias = operation.has(CUDNN_ATTR_OPERATION_POINTWISE_BDESC);
    if ((mode != CUDNN_POINTWISE_ADD || !has_bias) &&
        (mode != CUDNN_POINTWISE_RELU_FWD || has_bias)) {
      throw Violation(fmt::format("cuDNN: pointwise mode {} with {} inputs is not simulated",
                                  static_cast<int>(mode), has_bias ? 2 : 1));
    }
    GraphOperation read;
    read.kind = has_bias ? Kind::kAdd : Kind::kRelu;
    read.x = tensor(operation, CUDNN_ATTR_OPERATION_POINTWISE_XDESC);
    read.y = tensor(operation, CUDNN_ATTR_OPERATION_POINTWISE_YDESC);
    const auto& size = graph_.tensors.at(read.y).dimensions;
    bool fits = graph_.tensors.at(read.x).dimensions == size;
    if (has_bias) {
      read.w = tensor(operation, CUDNN_ATTR_OPERATION_POINTWISE_BDESC);
      const auto& bias = graph_.tensors.at(read.w).dimensions;
      for (std::size_t i = 0; i < 4; ++i) {
        fits = fits && (bias[i] == 1 || bias[i] == size[i]);
      }
    }
    if (!fits) {
      throw Violation("cuDNN: the shapes of a pointwise operation do not fit");
    }
    return read;
  }

  // Each tensor is made before it is read, and once.
  void check_order() const {
    std::set<std::int64_t> made;
    for (const GraphOperation& operation : graph_.operations) {
      for (const std::int64_t uid : operation.inputs()) {
        if (graph_.tensors.at(uid).is_virtual && !made.contains(uid)) {
          throw Violation(
              fmt::format("cuDNN: virtual tensor {} is read, and nothing made it", uid));
        }
      }
      if (!made.insert(operation.output()).second) {
        throw Violation(fmt::format("cuDNN: tensor {} is made twice", operation.output()));
      }
    }
  }

  Graph graph_;
};

// Calls `element(index in memory, index in order n, h, w, c)` for each element.
void for_each_element(const GraphTensor& tensor,
                      const std::function<void(std::size_t, std::size_t)>& element) {
  std::size_t index = 0;
  const auto& size = tensor.dimensions;
  for (std::int64_t n = 0; n < size[0]; ++n) {
    for (std::int64_t h = 0; h < size[2]; ++h) {
      for (std::int64_t w = 0; w < size[3]; ++w) {
        const std::int64_t place =
            n * tensor.strides[0] + h * tensor.strides[2] + w * tensor.strides[3];
        for (std::int64_t c = 0; c < size[1]; ++c) {
          element(static_cast<std::size_t>(place + c * tensor.strides[1]), index++);
        }
      }
    }
  }
}

std::vector<float> load(const GraphTensor& tensor, const void* data) {
  std::vector<float> values(tensor.size());
  for_each_element(tensor, [&](std::size_t place, std::size_t index) {
    values[index] = load_number(tensor.type, data, place);
  });
  return values;
}

void add(const GraphTensor& y, const GraphTensor& bias, const std::vector<float>& x,
         const std::vector<float>& b, std::vector<float>& sums) {
  const auto& size = y.dimensions;
  const auto& b_size = bias.dimensions;
  std::size_t index = 0;
  for (std::int64_t n = 0; n < size[0]; ++n) {
    for (std::int64_t h = 0; h < size[2]; ++h) {
      for (std::int64_t w = 0; w < size[3]; ++w) {
        for (std::int64_t c = 0; c < size[1]; ++c, ++index) {
          const auto within = [&](std::int64_t i, std::size_t d) { return b_size[d] == 1 ? 0 : i; };
          const std::int64_t place =
              ((within(n, 0) * b_size[2] + within(h, 2)) * b_size[3] + within(w, 3)) * b_size[1] +
              within(c, 1);
          sums[index] = x[index] + b[static_cast<std::size_t>(place)];
        }
      }
    }
  }
}

}  // namespace

std::size_t GraphTensor::size() const {
  std::size_t product = 1;
  for (const std::int64_t dimension : dimensions) {
    product *= static_cast<std::size_t>(dimension);
  }
  return product;
}

std::size_t GraphTensor::extent_bytes() const {
  std::size_t last = 0;
  for (std::size_t i = 0; i < dimensions.size(); ++i) {
    last += static_cast<std::size_t>((dimensions[i] - 1) * strides[i]);
  }
  return (last + 1) * bytes_of(type);
}

std::int64_t GraphOperation::output() const {
  return kind == Kind::kDgrad ? x : kind == Kind::kWgrad ? w : y;
}

std::vector<std::int64_t> GraphOperation::inputs() const {
  switch (kind) {
    case Kind::kDgrad:
      return {w, y};
    case Kind::kWgrad:
      return {x, y};
    case Kind::kRelu:
      return {x};
    default:
      return {x, w};
  }
}

Graph Graph::read(const Descriptor& graph) {
  return Reader().read(graph);
}

bool Graph::all_fp32() const {
  return std::all_of(tensors.begin(), tensors.end(),
                     [](const auto& entry) { return entry.second.type == NumberType::kFp32; });
}

bool Graph::is_written(std::int64_t uid) const {
  return std::any_of(operations.begin(), operations.end(),
                     [&](const GraphOperation& operation) { return operation.output() == uid; });
}

void Graph::run(const std::map<std::int64_t, void*>& data, bool tf32) const {
  std::map<std::int64_t, std::vector<float>> values;  // in order n, h, w, c
  for (const auto& [uid, tensor] : tensors) {
    values[uid] = tensor.is_virtual || is_written(uid) ? std::vector<float>(tensor.size())
                                                       : load(tensor, data.at(uid));
  }
  const auto rounded = [&](std::int64_t uid) {
    std::vector<float> copy = values.at(uid);
    if (tf32) {
      std::transform(copy.begin(), copy.end(), copy.begin(), to_tf32);
    }
    return copy;
  };
  for (const GraphOperation& operation : operations) {
    std::vector<float>& out = values.at(operation.output());
    if (operation.kind == Kind::kAdd) {
      add(tensors.at(operation.y), tensors.at(operation.w), values.at(operation.x),
          values.at(operation.w), out);
    } else if (operation.kind == Kind::kRelu) {
      const std::vector<float>& x = values.at(operation.x);
      // NaN stays NaN, as cuDNN's does.
      std::transform(x.begin(), x.end(), out.begin(), [](float v) { return v < 0 ? 0.0f : v; });
    } else {
      const auto& x = tensors.at(operation.x).dimensions;
      const auto& w = tensors.at(operation.w).dimensions;
      const ConvolutionShape shape{
          x[0], x[2], x[3], x[1], w[0], w[2], w[3], operation.padding[0], operation.padding[1]};
      const std::vector<float> first = rounded(operation.inputs()[0]);
      const std::vector<float> second = rounded(operation.inputs()[1]);
      if (operation.kind == Kind::kFprop) {
        convolve(shape, first.data(), second.data(), out.data());
      } else if (operation.kind == Kind::kDgrad) {
        convolve_dgrad(shape, first.data(), second.data(), out.data());
      } else {
        convolve_wgrad(shape, first.data(), second.data(), out.data());
      }
    }
    const GraphTensor& made = tensors.at(operation.output());
    if (made.type == NumberType::kBf16) {
      std::transform(out.begin(), out.end(), out.begin(),
                     [](float v) { return to_float(to_bfloat16(v)); });
    }
    if (!made.is_virtual) {
      void* const target = data.at(made.uid);
      for_each_element(made, [&](std::size_t place, std::size_t index) {
        store_number(made.type, target, place, out[index]);
      });
    }
  }
}

}  // namespace vggroove::sim
