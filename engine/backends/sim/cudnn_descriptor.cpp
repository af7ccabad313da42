#include "engine/backends/sim/cudnn_descriptor.h"

#include <algorithm>
#include <array>

namespace vggroove::sim {
namespace {

enum class Presence { kRequired, kOptional };

// What may be set, on which descriptor, as which type: the part of cuDNN's backend API that a
// convolution network needs. What is not in the list is not simulated, and an error.
struct Rule {
  cudnnBackendAttributeName_t name;
  cudnnBackendDescriptorType_t owner;
  cudnnBackendAttributeType_t type;
  Presence presence = Presence::kRequired;
};

constexpr auto kOptional = Presence::kOptional;
constexpr auto kFprop = CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR;
constexpr auto kDgrad = CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR;
constexpr auto kWgrad = CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR;
constexpr auto kPointwise = CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR;
constexpr auto kConvolution = CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR;
constexpr auto kTensor = CUDNN_BACKEND_TENSOR_DESCRIPTOR;
constexpr auto kPlan = CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR;
constexpr auto kPack = CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR;
constexpr auto kHeuristics = CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR;
constexpr auto kProperties = CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR;
constexpr auto kNested = CUDNN_TYPE_BACKEND_DESCRIPTOR;

constexpr std::array kRules{
    Rule{CUDNN_ATTR_TENSOR_DATA_TYPE, kTensor, CUDNN_TYPE_DATA_TYPE},
    Rule{CUDNN_ATTR_TENSOR_DIMENSIONS, kTensor, CUDNN_TYPE_INT64},
    Rule{CUDNN_ATTR_TENSOR_STRIDES, kTensor, CUDNN_TYPE_INT64},
    Rule{CUDNN_ATTR_TENSOR_UNIQUE_ID, kTensor, CUDNN_TYPE_INT64},
    Rule{CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, kTensor, CUDNN_TYPE_INT64},
    Rule{CUDNN_ATTR_TENSOR_IS_VIRTUAL, kTensor, CUDNN_TYPE_BOOLEAN, kOptional},

    Rule{CUDNN_ATTR_CONVOLUTION_COMP_TYPE, kConvolution, CUDNN_TYPE_DATA_TYPE},
    Rule{CUDNN_ATTR_CONVOLUTION_CONV_MODE, kConvolution, CUDNN_TYPE_CONVOLUTION_MODE},
    Rule{CUDNN_ATTR_CONVOLUTION_DILATIONS, kConvolution, CUDNN_TYPE_INT64},
    Rule{CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, kConvolution, CUDNN_TYPE_INT64},
    Rule{CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, kConvolution, CUDNN_TYPE_INT64},
    Rule{CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, kConvolution, CUDNN_TYPE_INT64},
    Rule{CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, kConvolution, CUDNN_TYPE_INT64},

    Rule{CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, kFprop, kNested},
    Rule{CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, kFprop, kNested},
    Rule{CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, kFprop, kNested},
    Rule{CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, kFprop, kNested},
    Rule{CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, kFprop, CUDNN_TYPE_FLOAT},
    Rule{CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, kFprop, CUDNN_TYPE_FLOAT},

    Rule{CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, kDgrad, kNested},
    Rule{CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, kDgrad, kNested},
    Rule{CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, kDgrad, kNested},
    Rule{CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, kDgrad, kNested},
    Rule{CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, kDgrad, CUDNN_TYPE_FLOAT},
    Rule{CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, kDgrad, CUDNN_TYPE_FLOAT},

    Rule{CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, kWgrad, kNested},
    Rule{CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, kWgrad, kNested},
    Rule{CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, kWgrad, kNested},
    Rule{CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, kWgrad, kNested},
    Rule{CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, kWgrad, CUDNN_TYPE_FLOAT},
    Rule{CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA, kWgrad, CUDNN_TYPE_FLOAT},

    Rule{CUDNN_ATTR_POINTWISE_MODE, CUDNN_BACKEND_POINTWISE_DESCRIPTOR, CUDNN_TYPE_POINTWISE_MODE},
    Rule{CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_BACKEND_POINTWISE_DESCRIPTOR, CUDNN_TYPE_DATA_TYPE},
    Rule{CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, kPointwise, kNested},
    Rule{CUDNN_ATTR_OPERATION_POINTWISE_XDESC, kPointwise, kNested},
    Rule{CUDNN_ATTR_OPERATION_POINTWISE_BDESC, kPointwise, kNested, kOptional},
    Rule{CUDNN_ATTR_OPERATION_POINTWISE_YDESC, kPointwise, kNested},

    Rule{CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, kNested},
    Rule{static_cast<cudnnBackendAttributeName_t>(800), CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR,
         CUDNN_TYPE_HANDLE, kOptional},  // OPERATIONGRAPH_HANDLE, which is deprecated

    Rule{CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, kHeuristics, kNested},
    Rule{CUDNN_ATTR_ENGINEHEUR_MODE, kHeuristics, CUDNN_TYPE_HEUR_MODE},
    Rule{CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, kHeuristics, kNested, kOptional},
    Rule{CUDNN_ATTR_ENGINE_OPERATION_GRAPH, CUDNN_BACKEND_ENGINE_DESCRIPTOR, kNested},
    Rule{CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_BACKEND_ENGINE_DESCRIPTOR, CUDNN_TYPE_INT64},
    Rule{CUDNN_ATTR_ENGINE_DEVICEPROP, CUDNN_BACKEND_ENGINE_DESCRIPTOR, kNested, kOptional},
    Rule{CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, kNested},

    Rule{CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, kPlan, kNested},
    Rule{CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, kPlan, kNested, kOptional},
    Rule{static_cast<cudnnBackendAttributeName_t>(400), kPlan, CUDNN_TYPE_HANDLE,
         kOptional},  // EXECUTION_PLAN_HANDLE, which is deprecated

    Rule{CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, kPack, CUDNN_TYPE_INT64},
    Rule{CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, kPack, CUDNN_TYPE_VOID_PTR},
    Rule{CUDNN_ATTR_VARIANT_PACK_WORKSPACE, kPack, CUDNN_TYPE_VOID_PTR},

    Rule{CUDNN_ATTR_DEVICEPROP_DEVICE_ID, kProperties, CUDNN_TYPE_INT32, kOptional},
    Rule{CUDNN_ATTR_DEVICEPROP_HANDLE, kProperties, CUDNN_TYPE_HANDLE, kOptional},
    Rule{CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, kProperties, CUDNN_TYPE_CHAR, kOptional},
};

std::size_t element_bytes(cudnnBackendAttributeType_t type) {
  switch (type) {
    case CUDNN_TYPE_BOOLEAN:
    case CUDNN_TYPE_CHAR:
      return 1;
    case CUDNN_TYPE_INT64:
    case CUDNN_TYPE_HANDLE:
    case CUDNN_TYPE_VOID_PTR:
      return 8;
    default:
      return 4;  // float, int32, enumerations
  }
}

std::map<cudnnBackendDescriptor_t, Descriptor::Shared>& live() {
  static auto* const descriptors = new std::map<cudnnBackendDescriptor_t, Descriptor::Shared>;
  return *descriptors;
}

}  // namespace

void set_attribute(Descriptor& descriptor, cudnnBackendAttributeName_t name,
                   cudnnBackendAttributeType_t type, std::int64_t count, const void* values) {
  const int name_number = static_cast<int>(name), owner_number = static_cast<int>(descriptor.type);
  const auto* const rule = std::find_if(kRules.begin(), kRules.end(), [&](const Rule& candidate) {
    return candidate.name == name && candidate.owner == descriptor.type;
  });
  if (rule == kRules.end()) {
    throw Violation(
        fmt::format("cuDNN: a descriptor of type {} has no attribute {} that is "
                    "simulated",
                    owner_number, name_number));
  }
  if (descriptor.finalized) {
    throw Violation(fmt::format("cuDNN: attribute {} is set on a finalised descriptor of type {}",
                                name_number, owner_number));
  }
  if (type != rule->type) {
    throw Violation(fmt::format("cuDNN: attribute {} is of type {}, not {}", name_number,
                                static_cast<int>(rule->type), static_cast<int>(type)));
  }
  if (count < 1 || values == nullptr) {
    throw Violation(fmt::format("cuDNN: attribute {} is set to nothing", name_number));
  }
  Descriptor::Attribute attribute;
  attribute.count = count;
  if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
    for (std::int64_t i = 0; i < count; ++i) {
      const auto& nested = live_descriptor(static_cast<const cudnnBackendDescriptor_t*>(values)[i],
                                           "cudnnBackendSetAttribute");
      if (!nested->finalized) {
        throw Violation(
            fmt::format("cuDNN: attribute {} is set to a descriptor of type {} that is "
                        "not finalised",
                        name_number, static_cast<int>(nested->type)));
      }
      attribute.descriptors.push_back(nested);
    }
  } else {
    const auto* const bytes = static_cast<const std::byte*>(values);
    attribute.bytes.assign(bytes, bytes + static_cast<std::size_t>(count) * element_bytes(type));
  }
  descriptor.attributes[name] = std::move(attribute);
}

void check_complete(const Descriptor& descriptor) {
  for (const Rule& rule : kRules) {
    if (rule.owner == descriptor.type && rule.presence == Presence::kRequired &&
        !descriptor.has(rule.name)) {
      throw Violation(
          fmt::format("cuDNN: a descriptor of type {} is finalised without attribute {}",
                      static_cast<int>(descriptor.type), static_cast<int>(rule.name)));
    }
  }
}

const Descriptor::Shared& live_descriptor(cudnnBackendDescriptor_t handle, const char* call) {
  const auto found = live().find(handle);
  if (found == live().end()) {
    throw Violation(fmt::format("{}: a descriptor that does not exist", call));
  }
  return found->second;
}

cudnnBackendDescriptor_t create_descriptor(cudnnBackendDescriptorType_t type) {
  auto made = std::make_shared<Descriptor>(type);
  cudnnBackendDescriptor_t const handle = made.get();
  live()[handle] = std::move(made);
  return handle;
}

void destroy_descriptor(cudnnBackendDescriptor_t handle) {
  live_descriptor(handle, "cudnnBackendDestroyDescriptor");
  live().erase(handle);
}

}  // namespace vggroove::sim
