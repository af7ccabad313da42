// Stands in for cuDNN's backend API: operation graphs of convolutions with bias and ReLU are read
// from their descriptors and computed plainly. As the real one, it offers an fp32 graph an engine
// with tensor cores (TF32) first, so that who wants true fp32 must deselect it.
#include <cudnn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <string_view>

#include "engine/backends/sim/cudnn_descriptor.h"
#include "engine/backends/sim/cudnn_graph.h"
#include "engine/backends/sim/simulator.h"
#include "engine/backends/sim/violation.h"

using namespace vggroove::sim;

struct cudnnContext {
  cudaStream_t stream = nullptr;
};

namespace {

enum Engine : std::int64_t { kTensorCores = 0, kPlainFp32 = 1 };

// What every engine of ours claims to need, so that a caller that gives none is found.
constexpr std::int64_t kWorkspaceBytes = 16384;

using Shared = Descriptor::Shared;

// Never destroyed: owners in static storage may give theirs back after any destructor.
std::set<cudnnHandle_t>& handles() {
  static auto* const all = new std::set<cudnnHandle_t>;
  return *all;
}
cudnnContext& live(cudnnHandle_t handle, const char* call) {
  if (!handles().contains(handle)) {
    throw Violation(fmt::format("{}: a handle that does not exist", call));
  }
  return *handle;
}

template <class Body>
cudnnStatus_t call(Body&& body) {
  const auto lock = Simulator::get().lock();
  if (Simulator::get().lost()) {
    return CUDNN_STATUS_EXECUTION_FAILED_CUDA_DRIVER;
  }
  return body();
}

const Shared& operation_graph(const Descriptor& engine) {
  return engine.descriptor(CUDNN_ATTR_ENGINE_OPERATION_GRAPH);
}

bool engine_exists(const Descriptor& engine) {
  const auto index = engine.value<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
  return index == kTensorCores ||
         (index == kPlainFp32 && Graph::read(*operation_graph(engine)).all_fp32());
}

// Engine configurations for a graph, first choice first.
std::vector<Shared> configurations(const Shared& graph) {
  std::vector<Shared> found;
  for (const std::int64_t index : {kTensorCores, kPlainFp32}) {
    const auto engine = std::make_shared<Descriptor>(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    engine->attributes[CUDNN_ATTR_ENGINE_OPERATION_GRAPH] = {1, {}, {graph}};
    set_attribute(*engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &index);
    engine->finalized = true;
    if (engine_exists(*engine)) {
      const auto configuration = std::make_shared<Descriptor>(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
      configuration->attributes[CUDNN_ATTR_ENGINECFG_ENGINE] = {1, {}, {engine}};
      configuration->finalized = true;
      found.push_back(configuration);
    }
  }
  return found;
}

// Hands out values as cudnnBackendGetAttribute does: their number always, themselves where wanted.
template <class T>
cudnnStatus_t give(const std::vector<T>& values, std::int64_t wanted, std::int64_t* count,
                   void* out) {
  const auto number = static_cast<std::int64_t>(values.size());
  if (count != nullptr) {
    *count = number;
  }
  if (out != nullptr && wanted > 0) {
    std::memcpy(out, values.data(), sizeof(T) * static_cast<std::size_t>(std::min(wanted, number)));
  }
  return CUDNN_STATUS_SUCCESS;
}

// The caller made the descriptors to be filled.
cudnnStatus_t give_descriptors(const std::vector<Shared>& values, std::int64_t wanted,
                               std::int64_t* count, void* out) {
  *count = static_cast<std::int64_t>(values.size());
  for (std::int64_t i = 0; i < std::min(wanted, *count) && out != nullptr; ++i) {
    Descriptor& target = *live_descriptor(static_cast<cudnnBackendDescriptor_t*>(out)[i],
                                          "cudnnBackendGetAttribute");
    const Descriptor& value = *values[static_cast<std::size_t>(i)];
    if (target.type != value.type) {
      throw Violation("cudnnBackendGetAttribute: a descriptor to be filled has another type");
    }
    target.attributes = value.attributes;
    target.finalized = true;
  }
  return CUDNN_STATUS_SUCCESS;
}

// As it was described, else of the simulated device.
std::vector<char> device_text(const Descriptor& properties) {
  if (properties.has(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION)) {
    return properties.values<char>(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION);
  }
  constexpr std::string_view kText = R"({"name":"simulated GPU"})";
  return {kText.begin(), kText.end()};
}

const Descriptor& engine_of_plan(const Descriptor& plan) {
  return *plan.descriptor(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG)
              ->descriptor(CUDNN_ATTR_ENGINECFG_ENGINE);
}

// Where the graph's tensors lie. Throws Violation where one is missing, twice, or misaligned.
std::map<std::int64_t, void*> tensor_data(const Graph& graph, const Descriptor& pack) {
  const auto uids = pack.values<std::int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
  const auto pointers = pack.values<void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
  if (uids.size() != pointers.size()) {
    throw Violation("cuDNN: a variant pack has as many unique ids as pointers");
  }
  std::map<std::int64_t, void*> data;
  for (std::size_t i = 0; i < uids.size(); ++i) {
    const auto tensor = graph.tensors.find(uids[i]);
    if (tensor == graph.tensors.end() || tensor->second.is_virtual) {
      throw Violation(
          fmt::format("cudnnBackendExecute: the graph has no tensor {} to be given", uids[i]));
    }
    if (!data.emplace(uids[i], pointers[i]).second) {
      throw Violation(fmt::format("cudnnBackendExecute: tensor {} is given twice", uids[i]));
    }
    const auto address = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(pointers[i]));
    if (address % tensor->second.alignment_bytes != 0) {
      throw Violation(fmt::format("cudnnBackendExecute: tensor {} is not aligned to {} bytes",
                                  uids[i], tensor->second.alignment_bytes));
    }
  }
  for (const auto& [uid, tensor] : graph.tensors) {
    if (!tensor.is_virtual && !data.contains(uid)) {
      throw Violation(fmt::format("cudnnBackendExecute: tensor {} is not given", uid));
    }
  }
  return data;
}

void execute(cudaStream_t stream, const Descriptor& plan, const Descriptor& pack) {
  const Descriptor& engine = engine_of_plan(plan);
  const Graph graph = Graph::read(*operation_graph(engine));
  const std::map<std::int64_t, void*> data = tensor_data(graph, pack);
  std::vector<Access> accesses;
  accesses.reserve(data.size());
  for (const auto& [uid, pointer] : data) {
    accesses.push_back({pointer, graph.tensors.at(uid).extent_bytes(), graph.is_written(uid)});
  }
  auto* const workspace = pack.value<void*>(CUDNN_ATTR_VARIANT_PACK_WORKSPACE);
  if (workspace == nullptr) {
    throw Violation("cudnnBackendExecute: no workspace, and the plan needs one");
  }
  accesses.push_back({workspace, kWorkspaceBytes, true});
  const bool tf32 = graph.all_fp32() &&
                    engine.value<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX) == kTensorCores;
  Operation operation{{"cudnnBackendExecute"}, std::move(accesses), [=] { graph.run(data, tf32); }};
  Simulator::get().submit_library_call(stream, std::move(operation));
}

}  // namespace

std::size_t cudnnGetVersion() {
  return CUDNN_VERSION;
}
const char* cudnnGetErrorString(cudnnStatus_t status) {
  return status == CUDNN_STATUS_SUCCESS ? "CUDNN_STATUS_SUCCESS" : "CUDNN_STATUS_EXECUTION_FAILED";
}
void cudnnGetLastErrorString(char* message, std::size_t max_size) {
  if (max_size > 0) {
    message[0] = '\0';
  }
}

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  return call([&] {
    *handle = *handles().insert(new cudnnContext).first;
    ++Simulator::get().library_objects;
    return CUDNN_STATUS_SUCCESS;
  });
}
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  const auto lock = Simulator::get().lock();
  live(handle, "cudnnDestroy");
  handles().erase(handle);
  delete handle;
  --Simulator::get().library_objects;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  const auto lock = Simulator::get().lock();
  live(handle, "cudnnSetStream").stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type,
                                           cudnnBackendDescriptor_t* descriptor) {
  return call([&] {
    *descriptor = create_descriptor(type);
    ++Simulator::get().library_objects;
    return CUDNN_STATUS_SUCCESS;
  });
}
cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t descriptor) {
  const auto lock = Simulator::get().lock();
  destroy_descriptor(descriptor);
  --Simulator::get().library_objects;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t descriptor,
                                       cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, std::int64_t count,
                                       const void* values) {
  return call([&] {
    set_attribute(*live_descriptor(descriptor, "cudnnBackendSetAttribute"), name, type, count,
                  values);
    return CUDNN_STATUS_SUCCESS;
  });
}

cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t handle) {
  return call([&] {
    Descriptor& descriptor = *live_descriptor(handle, "cudnnBackendFinalize");
    if (descriptor.finalized) {
      throw Violation("cuDNN: a descriptor is finalised twice");
    }
    check_complete(descriptor);
    if (descriptor.type == CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR) {
      Graph::read(descriptor);  // throws where it makes no sense
    }
    if (descriptor.type == CUDNN_BACKEND_ENGINE_DESCRIPTOR && !engine_exists(descriptor)) {
      return CUDNN_STATUS_NOT_SUPPORTED;
    }
    descriptor.finalized = true;
    return CUDNN_STATUS_SUCCESS;
  });
}

cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t handle,
                                       cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t, std::int64_t wanted,
                                       std::int64_t* count, void* out) {
  return call([&] {
    const Descriptor& descriptor = *live_descriptor(handle, "cudnnBackendGetAttribute");
    if (!descriptor.finalized) {
      throw Violation(
          fmt::format("cudnnBackendGetAttribute: a descriptor of type {} is asked before "
                      "it is finalised",
                      static_cast<int>(descriptor.type)));
    }
    switch (name) {
      case CUDNN_ATTR_ENGINEHEUR_RESULTS:
        return give_descriptors(
            configurations(descriptor.descriptor(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH)), wanted,
            count, out);
      case CUDNN_ATTR_ENGINECFG_ENGINE:
      case CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG:
        return give_descriptors({descriptor.descriptor(name)}, wanted, count, out);
      case CUDNN_ATTR_ENGINE_GLOBAL_INDEX:
        return give(descriptor.values<std::int64_t>(name), wanted, count, out);
      case CUDNN_ATTR_ENGINE_NUMERICAL_NOTE: {
        const bool plain =
            descriptor.value<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX) == kPlainFp32;
        return give(plain ? std::vector<cudnnBackendNumericalNote_t>{}
                          : std::vector{CUDNN_NUMERICAL_NOTE_TENSOR_CORE},
                    wanted, count, out);
      }
      case CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE:
        return give(std::vector<cudnnBackendBehaviorNote_t>{}, wanted, count, out);
      case CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION:
        return give(device_text(descriptor), wanted, count, out);
      case CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE:
      case CUDNN_ATTR_ENGINECFG_WORKSPACE_SIZE:
        return give(std::vector<std::int64_t>{kWorkspaceBytes}, wanted, count, out);
      default:
        throw Violation(fmt::format("cudnnBackendGetAttribute: attribute {} is not simulated",
                                    static_cast<int>(name)));
    }
  });
}

cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan,
                                  cudnnBackendDescriptor_t pack) {
  return call([&] {
    const Shared& planned = live_descriptor(plan, "cudnnBackendExecute (plan)");
    const Shared& packed = live_descriptor(pack, "cudnnBackendExecute (variant pack)");
    if (!planned->finalized || !packed->finalized ||
        planned->type != CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR ||
        packed->type != CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR) {
      throw Violation("cudnnBackendExecute: wants a finalised plan and a finalised variant pack");
    }
    execute(live(handle, "cudnnBackendExecute").stream, *planned, *packed);
    return CUDNN_STATUS_SUCCESS;
  });
}
