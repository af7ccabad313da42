#include "engine/backends/cpu/head_step.h"

#include <algorithm>

#include "engine/backends/cpu/gemm.h"
#include "engine/backends/cpu/head_pointwise.h"
#include "engine/backends/cpu/outer_product.h"

namespace vggroove::cpu {
namespace {

constexpr std::size_t kLine = HeadLayout::kLine;

constexpr std::size_t filled_up(std::size_t count, std::size_t multiple) {
  return (count + multiple - 1) / multiple * multiple;
}

// to [32][16] = the transpose of from [rows][32], rows <= 16; the rest is 0
void transpose_logits(const float* from, std::size_t rows, float* to) {
  std::fill_n(to, kHeadPanel * kLine, 0.0F);
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t example = 0; example < kHeadPanel; ++example) {
      to[example * kLine + row] = from[row * kHeadPanel + example];
    }
  }
}

}  // namespace

HeadLayout::HeadLayout(const HeadShape& shape)
    : shape_(shape),
      depth_(filled_up(shape.inputs, kHeadPanel)),
      num_class_blocks_(filled_up(shape.classes, kLine) / kLine),
      hidden_biases_(filled_up(shape.hidden, kGroupRows) * depth_),
      logits_weights_(hidden_biases_ + filled_up(shape.hidden, kLine)),
      logits_biases_(logits_weights_ + num_class_blocks_ * logits_depth() * kLine) {}

std::size_t HeadLayout::group_floats() const {
  return kGroupRows * depth_;
}

template <class Move>
void HeadLayout::for_each_parameter(const Move& move) const {
  std::size_t flat = 0;
  for (std::size_t input = 0; input < shape_.inputs; ++input) {
    for (std::size_t unit = 0; unit < shape_.hidden; ++unit) {
      move(flat++, unit / kGroupRows * group_floats() + input / kLine * kGroupRows * kLine +
                       unit % kGroupRows * kLine + input % kLine);
    }
  }
  for (std::size_t unit = 0; unit < shape_.hidden; ++unit) {
    move(flat++, hidden_biases_ + unit);
  }
  const std::size_t rows = shape_.hidden > 0 ? shape_.hidden : shape_.inputs;
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t k = 0; k < shape_.classes; ++k) {
      move(flat++, logits_weights_ + (k / kLine * logits_depth() + row) * kLine + k % kLine);
    }
  }
  for (std::size_t k = 0; k < shape_.classes; ++k) {
    move(flat++, logits_biases_ + k);
  }
}

void HeadLayout::pack(std::span<float> packed, std::span<const float> flat) const {
  std::fill(packed.begin(), packed.end(), 0.0F);
  for_each_parameter([&](std::size_t from, std::size_t to) { packed[to] = flat[from]; });
}

void HeadLayout::unpack(std::span<float> flat, std::span<const float> packed) const {
  for_each_parameter([&](std::size_t to, std::size_t from) { flat[to] = packed[from]; });
}

HeadStep::HeadStep(const HeadLayout& layout)
    : layout_(layout),
      hidden_(layout.shape().hidden * kHeadPanel),
      grad_hidden_(layout.shape().hidden * kHeadPanel),
      logits_(layout.shape().classes * kHeadPanel),
      grad_examples_(kHeadPanel * kLine) {}

double HeadStep::loss_and_gradient(float* gradient, const float* parameters, const HeadBatch& batch,
                                   const float* keep, double smoothing) {
  const HeadParameters<const float> from = layout_.within(parameters);
  const HeadParameters<float> grad = layout_.within(gradient);
  double loss = 0;
  for (std::size_t panel = 0; panel < batch.num_panels(); ++panel) {
    const std::size_t first = panel * kHeadPanel;
    const Panel part{.rows = batch.rows + first * layout_.depth(),
                     .transposed = batch.transposed + first * layout_.depth(),
                     .labels = batch.labels + first,
                     .keep = keep == nullptr ? nullptr : keep + first * layout_.shape().hidden,
                     .count = std::min(kHeadPanel, batch.count - first),
                     .accumulate = panel > 0};
    forward(part, from);
    loss += softmax_cross_entropy_panel(
        logits_.data(), grad.logits_biases, from.logits_biases, part.labels,
        {.count = part.count, .weight = 1 / static_cast<float>(batch.count)},
        static_cast<float>(smoothing), layout_.shape().classes, part.accumulate);
    backward(part, grad, from);
  }
  return loss;
}

void HeadStep::forward(const Panel& panel, const HeadParameters<const float>& from) {
  const HeadShape& shape = layout_.shape();
  const float* features = panel.transposed;
  if (shape.hidden > 0) {
    PanelProduct product;
    product.a = reinterpret_cast<const std::byte*>(from.hidden_weights);
    product.a_group_bytes = layout_.group_floats() * sizeof(float);
    product.rows = shape.hidden;
    product.b = reinterpret_cast<const std::byte*>(panel.transposed);
    product.depth = layout_.depth();
    product.c = hidden_.data();
    product.c_stride = kHeadPanel;
    multiply_panel(Arithmetic::kFp32, product, nullptr);
    bias_relu_panel(hidden_.data(), from.hidden_biases, panel.keep, shape.hidden);
    features = hidden_.data();
  }
  OuterProduct<float> logits{.a = from.logits_weights,
                             .a_stride = kLine,
                             .b = features,
                             .b_stride = kHeadPanel,
                             .c = logits_.data(),
                             .c_stride = kHeadPanel,
                             .columns = kHeadPanel,
                             .depth = layout_.logits_depth()};
  for (std::size_t k = 0; k < shape.classes; k += kLine) {
    logits.rows = std::min(kLine, shape.classes - k);
    multiply_outer(logits);
    logits.a += layout_.logits_depth() * kLine;
    logits.c += kLine * kHeadPanel;
  }
}

// logits_ holds the gradient of the logits.
void HeadStep::backward(const Panel& panel, const HeadParameters<float>& grad,
                        const HeadParameters<const float>& from) {
  const HeadShape& shape = layout_.shape();
  const std::size_t depth = layout_.logits_depth();
  for (std::size_t k = 0; k < shape.classes; k += kLine) {
    const std::size_t num_classes = std::min(kLine, shape.classes - k);
    const float* const grad_logits = logits_.data() + k * kHeadPanel;
    transpose_logits(grad_logits, num_classes, grad_examples_.data());
    multiply_blocks({.a = shape.hidden > 0 ? hidden_.data() : panel.transposed,
                     .a_stride = kHeadPanel,
                     .b = grad_examples_.data(),
                     .b_stride = kLine,
                     .c = grad.logits_weights + k * depth,
                     .group_step = kGroupRows * kLine,
                     .row_step = kLine,
                     .line_step = kLine,
                     .rows = depth,
                     .columns = kLine,
                     .depth = panel.count,
                     .accumulate = panel.accumulate});
    if (shape.hidden > 0) {
      multiply_blocks({.a = from.logits_weights + k * depth,
                       .a_stride = kLine,
                       .b = grad_logits,
                       .b_stride = kHeadPanel,
                       .c = grad_hidden_.data(),
                       .group_step = kGroupRows * kHeadPanel,
                       .row_step = kHeadPanel,
                       .line_step = kLine,
                       .rows = shape.hidden,
                       .columns = kHeadPanel,
                       .depth = num_classes,
                       .accumulate = k > 0});
    }
  }
  if (shape.hidden > 0) {
    bias_relu_bwd_panel(grad_hidden_.data(), grad.hidden_biases, hidden_.data(), panel.keep,
                        shape.hidden, panel.accumulate);
    multiply_blocks({.a = grad_hidden_.data(),
                     .a_stride = kHeadPanel,
                     .b = panel.rows,
                     .b_stride = layout_.depth(),
                     .c = grad.hidden_weights,
                     .group_step = layout_.group_floats(),
                     .row_step = kLine,
                     .line_step = kGroupRows * kLine,
                     .rows = shape.hidden,
                     .columns = layout_.depth(),
                     .depth = panel.count,
                     .accumulate = panel.accumulate});
  }
}

}  // namespace vggroove::cpu
