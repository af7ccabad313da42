#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/backends/sim/cudnn_descriptor.h"
#include "engine/backends/sim/numbers.h"

namespace vggroove::sim {

// A tensor of four dimensions in cuDNN's order (n, c, h, w; of filters k, c, r, s), anywhere in
// memory: the strides say where.
struct GraphTensor {
  std::int64_t uid = 0;
  NumberType type = NumberType::kFp32;
  std::vector<std::int64_t> dimensions, strides;
  std::int64_t alignment_bytes = 0;
  bool is_virtual = false;

  std::size_t size() const;
  std::size_t extent_bytes() const;  // from its first element to behind its last
  friend bool operator==(const GraphTensor&, const GraphTensor&) = default;
};

struct GraphOperation {
  enum class Kind { kFprop, kDgrad, kWgrad, kAdd, kRelu };
  Kind kind = Kind::kFprop;
  // x * w -> y, whichever of them is the output; pointwise: x and w (the bias) -> y.
  std::int64_t x = 0, w = 0, y = 0;
  std::int64_t padding[2] = {0, 0};

  std::int64_t output() const;
  std::vector<std::int64_t> inputs() const;
};

// A finalised operation graph, read from its descriptors.
struct Graph {
  std::map<std::int64_t, GraphTensor> tensors;  // by uid
  std::vector<GraphOperation> operations;       // in the order of computing

  // Throws Violation where cuDNN would refuse the graph, and where it would take it although it
  // makes no sense: two tensors of one uid, a virtual tensor that nothing makes.
  static Graph read(const Descriptor& graph);

  bool all_fp32() const;
  bool is_written(std::int64_t uid) const;

  // `data`: where the tensors that are not virtual lie. tf32: as tensor cores take fp32.
  void run(const std::map<std::int64_t, void*>& data, bool tf32) const;
};

}  // namespace vggroove::sim
