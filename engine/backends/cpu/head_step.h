#pragma once

#include <cstddef>
#include <span>

#include "engine/device/aligned_vector.h"
#include "engine/heads/head_layers.h"

// Loss and gradient of a head on a batch, in layouts in which all four products run at the rate of
// whole tiles: batches lie in panels of 32 examples side by side, [features][32], so that neither
// the hidden units nor the classes need be a multiple of anything.
namespace vggroove::cpu {

inline constexpr std::size_t kHeadPanel = 32;  // examples

// Where the parameters of a head (or gradients, or moments) lie during training. What fills up a
// block is 0 and stays so: its gradient is 0. Parts begin on cache lines.
//   hidden weights  [H, D] in the layout of A in gemm.h, D filled up to a multiple of 32
//   hidden biases   [H]
//   logits weights  [classes / 16][H or D][16 classes]
//   logits biases   [K]
class HeadLayout {
 public:
  explicit HeadLayout(const HeadShape& shape);

  const HeadShape& shape() const { return shape_; }
  std::size_t depth() const { return depth_; }  // D, filled up
  std::size_t num_class_blocks() const { return num_class_blocks_; }
  std::size_t logits_depth() const { return shape_.hidden > 0 ? shape_.hidden : depth_; }
  std::size_t size() const { return logits_biases_ + num_class_blocks_ * kLine; }  // floats
  std::size_t group_floats() const;  // from 12 hidden units' weights to the next

  template <class Real>
  HeadParameters<Real> within(Real* packed) const {
    return {packed, packed + hidden_biases_, packed + logits_weights_, packed + logits_biases_};
  }
  // packed [size()] from, and to, `flat` [shape.num_parameters()] as HeadParameters::within() has
  // it
  void pack(std::span<float> packed, std::span<const float> flat) const;
  void unpack(std::span<float> flat, std::span<const float> packed) const;

  static constexpr std::size_t kLine = 16;  // floats

 private:
  template <class Move>
  void for_each_parameter(const Move& move) const;

  HeadShape shape_;
  std::size_t depth_, num_class_blocks_;
  std::size_t hidden_biases_, logits_weights_, logits_biases_;  // where they begin
};

// A batch as HeadStep reads it; examples that fill up the last panel are 0.
struct HeadBatch {
  const float* rows = nullptr;        // [panels * 32][depth()], 64-byte aligned, as the next
  const float* transposed = nullptr;  // [panels][depth()][32]
  const int* labels = nullptr;        // [panels * 32], in 0 .. K-1
  std::size_t count = 0;              // examples

  std::size_t num_panels() const { return (count + kHeadPanel - 1) / kHeadPanel; }
};

class HeadStep {
 public:
  explicit HeadStep(const HeadLayout& layout);

  // Overwrites gradient [layout.size()] (64-byte aligned, as parameters), but for what fills up its
  // blocks, which must be 0; returns the mean cross-entropy of the batch, as
  // softmax_cross_entropy(). keep [panels][H][32] are dropout's multipliers; null: no dropout. The
  // result does not depend on earlier calls.
  double loss_and_gradient(float* gradient, const float* parameters, const HeadBatch& batch,
                           const float* keep, double smoothing);

 private:
  struct Panel {              // of a batch
    const float* rows;        // [32][depth()]
    const float* transposed;  // [depth()][32]
    const int* labels;        // [32]
    const float* keep;        // [H][32] or null
    std::size_t count;
    bool accumulate;  // the gradient of an earlier panel is there
  };
  void forward(const Panel& panel, const HeadParameters<const float>& from);
  void backward(const Panel& panel, const HeadParameters<float>& grad,
                const HeadParameters<const float>& from);

  HeadLayout layout_;
  AlignedVector<float> hidden_;         // [H][32]
  AlignedVector<float> grad_hidden_;    // [H][32]
  AlignedVector<float> logits_;         // [K][32], then their gradient
  AlignedVector<float> grad_examples_;  // [32][16]: the gradient of 16 logits
};

}  // namespace vggroove::cpu
