#pragma once

#include <vector>

#include "engine/backends/cuda/cudnn/conv_graph.h"
#include "engine/backends/cuda/cudnn/descriptor.h"

namespace vggroove::cudnn {

// A graph in cuDNN's descriptors, finalised; the graph refers to its operations and those to their
// tensors, so all live together.
struct GraphDescriptors {
  std::vector<Descriptor> tensors;
  std::vector<Descriptor> settings;  // of convolutions, bias, ReLU
  std::vector<Descriptor> operations;
  Descriptor graph{CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR};
};

// Throws check_graph's errors, and Error for what cuDNN itself refuses.
GraphDescriptors describe(const Graph& graph);

}  // namespace vggroove::cudnn
