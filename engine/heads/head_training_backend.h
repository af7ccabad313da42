#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/heads/head_layers.h"

namespace vggroove {

// Many heads of one shape that train in step on a device, each on its own rows of the table, with
// its own settings. Stopping, choosing and judging are the caller's. Used by one thread at a time.
// Throws Error(kDevice), or OutOfDeviceMemory.
class HeadBatch {
 public:
  // What a head brings along. D, H, K: the shape's.
  struct Head {
    std::span<const float> mean, scale;          // [D] its standardisation: (row - mean) * scale
    std::span<const float> parameters;           // [num_parameters()], as HeadParameters::within
    double learning_rate = 0, weight_decay = 0;  // AdamW with its usual constants; no biases decay
    double dropout = 0;                          // 0 <= p < 1
    double label_smoothing = 0;
  };
  // An epoch of a head.
  struct Epoch {
    std::span<const std::int32_t> order;  // rows of the table
    // The stream of numbers (kernels/common/splitmix64.h) that says which units fall: unit h of the
    // i-th row where number i * H + h, as a fraction of 2^64 in 53 bits, is below the probability.
    std::uint64_t dropout_state = 0;
  };
  using Rows = std::span<const std::int32_t>;  // of the table

  virtual ~HeadBatch() = default;
  virtual std::size_t size() const = 0;
  // One pass of every head over its order, in steps of the batch size; the mean loss of the rows,
  // [heads].
  virtual std::vector<double> train_epoch(std::span<const Epoch> epochs) = 0;
  // The logits [rows, K] of each head's rows, without dropout.
  virtual std::vector<std::vector<float>> logits_sync(std::span<const Rows> rows) = 0;
  virtual std::vector<float> parameters_sync(std::size_t head) = 0;  // [num_parameters()]
  // Only these heads, ascending, stay, and are numbered anew.
  virtual void keep(std::span<const std::size_t> heads) = 0;
};

// Trains heads on a device.
class HeadTrainingBackend {
 public:
  virtual ~HeadTrainingBackend() = default;
  virtual std::string description() const = 0;
  // The table of rows [n, num_features] and labels [n] that heads are trained on; stays on the
  // device until the next one. No batch of heads outlives its table.
  virtual void set_table(std::span<const float> rows, std::span<const int> labels,
                         std::size_t num_features) = 0;
  virtual std::unique_ptr<HeadBatch> new_batch(const HeadShape& shape, std::size_t batch_size,
                                               std::span<const HeadBatch::Head> heads) = 0;
};

}  // namespace vggroove
