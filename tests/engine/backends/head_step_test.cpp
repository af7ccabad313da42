#include "engine/backends/cpu/head_step.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "engine/heads/dense_layer.h"
#include "tests/support/compare.h"

namespace vggroove::cpu {
namespace {

using testing::expect_within;
using testing::relative_l2;

// Between -1 and 1; the same place has the same value in a batch's layouts.
float value_at(std::uint64_t seed, std::uint64_t i) {
  const std::uint64_t hashed = (i + 1 + 1000003 * seed) * 0x9e3779b97f4a7c15;
  return static_cast<float>(static_cast<double>(hashed >> 40) / (1 << 23) - 1);
}

constexpr double kSmoothing = 0.1;

struct Problem {
  HeadShape shape;
  std::size_t n = 0;
  bool drops = false;

  std::size_t num_panels() const { return (n + kHeadPanel - 1) / kHeadPanel; }
  float x(std::size_t row, std::size_t input) const {
    return 3 * value_at(1, row * shape.inputs + input);
  }
  float keep(std::size_t row, std::size_t unit) const {
    return value_at(2, row * shape.hidden + unit) > 0 ? 2.0F : 0.0F;
  }
  int label(std::size_t row) const { return static_cast<int>((7 * row + 3) % shape.classes); }
  std::vector<float> parameters() const {
    std::vector<float> flat(shape.num_parameters());
    for (std::size_t i = 0; i < flat.size(); ++i) {
      flat[i] = 0.3F * value_at(3, i);
    }
    return flat;
  }
};

struct Result {
  double loss = 0;
  std::vector<double> gradient;  // in the order of HeadParameters
};

// head_layers.h in double, which is compared with PyTorch and with finite differences.
Result reference(const Problem& problem) {
  const auto& [shape, n, drops] = problem;
  const std::vector<float> flat = problem.parameters();
  const std::vector<double> parameters(flat.begin(), flat.end());
  std::vector<double> x, keep;
  std::vector<int> labels;
  for (std::size_t row = 0; row < n; ++row) {
    labels.push_back(problem.label(row));
    for (std::size_t i = 0; i < shape.inputs; ++i) {
      x.push_back(problem.x(row, i));
    }
    for (std::size_t unit = 0; unit < shape.hidden; ++unit) {
      keep.push_back(drops ? problem.keep(row, unit) : 1);
    }
  }
  std::vector<double> hidden(n * shape.hidden), grad_hidden(hidden), logits(n * shape.classes);
  const auto from = HeadParameters<const double>::within(parameters.data(), shape);
  head_logits(logits.data(), hidden.data(), x.data(), keep.data(), from, shape, n);
  Result result;
  result.loss = softmax_cross_entropy(logits.data(), logits.data(), labels.data(), kSmoothing, n,
                                      shape.classes);
  result.gradient.resize(parameters.size());
  head_logits_bwd(HeadParameters<double>::within(result.gradient.data(), shape), grad_hidden.data(),
                  logits.data(), hidden.data(), x.data(), keep.data(), from, shape, n);
  return result;
}

Result by_step(const Problem& problem) {
  const HeadLayout layout(problem.shape);
  const std::size_t depth = layout.depth(), rows = problem.num_panels() * kHeadPanel;
  AlignedVector<float> inputs(rows * depth), transposed(rows * depth);
  AlignedVector<float> keep(rows * problem.shape.hidden);
  std::vector<int> labels(rows);
  for (std::size_t row = 0; row < problem.n; ++row) {
    const std::size_t panel = row / kHeadPanel, column = row % kHeadPanel;
    labels[row] = problem.label(row);
    for (std::size_t i = 0; i < problem.shape.inputs; ++i) {
      inputs[row * depth + i] = transposed[(panel * depth + i) * kHeadPanel + column] =
          problem.x(row, i);
    }
    for (std::size_t unit = 0; unit < problem.shape.hidden; ++unit) {
      keep[(panel * problem.shape.hidden + unit) * kHeadPanel + column] = problem.keep(row, unit);
    }
  }
  constexpr float kSentinel = -12345;
  constexpr std::size_t kMargin = 64;
  AlignedVector<float> parameters(layout.size());
  AlignedVector<float> gradient(layout.size() + kMargin);
  std::fill(gradient.end() - kMargin, gradient.end(), kSentinel);
  layout.pack(parameters, problem.parameters());
  const HeadBatch batch{inputs.data(), transposed.data(), labels.data(), problem.n};
  HeadStep step(layout);
  Result result;
  result.loss = step.loss_and_gradient(gradient.data(), parameters.data(), batch,
                                       problem.drops ? keep.data() : nullptr, kSmoothing);
  // What fills up the blocks must not move: it is everything that unpacking leaves out.
  std::vector<float> flat(problem.shape.num_parameters());
  layout.unpack(flat, std::span(gradient).first(layout.size()));
  AlignedVector<float> packed_again(layout.size());
  layout.pack(packed_again, flat);
  EXPECT_TRUE(std::equal(packed_again.begin(), packed_again.end(), gradient.begin()));
  EXPECT_TRUE(std::all_of(gradient.end() - kMargin, gradient.end(),
                          [](float value) { return value == kSentinel; }));
  result.gradient.assign(flat.begin(), flat.end());

  AlignedVector<float> second(layout.size());
  const double loss_again = step.loss_and_gradient(
      second.data(), parameters.data(), batch, problem.drops ? keep.data() : nullptr, kSmoothing);
  EXPECT_EQ(loss_again, result.loss);
  EXPECT_TRUE(std::equal(second.begin(), second.end(), gradient.begin()));
  return result;
}

// A value comes from sums of D, then H, then K, then n products; in each the relative error of the
// norm is at most that of a term per addition.
TEST(HeadStep, is_the_reference_for_awkward_sizes) {
  for (const std::size_t n : {1, 4, 31, 32, 33, 100}) {
    for (const auto& [inputs, hidden, classes] :
         {HeadShape{3, 0, 2}, HeadShape{128, 0, 17}, HeadShape{3, 5, 2}, HeadShape{33, 12, 16},
          HeadShape{128, 100, 10}, HeadShape{40, 37, 35}, HeadShape{128, 1, 3}}) {
      for (const bool drops : {false, true}) {
        SCOPED_TRACE(::testing::Message() << n << " rows, " << inputs << " -> " << hidden << " -> "
                                          << classes << (drops ? ", dropout" : ""));
        const Problem problem{{inputs, hidden, classes}, n, drops};
        const Result expected = reference(problem), actual = by_step(problem);
        const double tolerance = static_cast<double>(inputs + hidden + classes + n) *
                                 static_cast<double>(std::numeric_limits<float>::epsilon());
        expect_within(std::abs(actual.loss / expected.loss - 1), tolerance, "loss");
        expect_within(relative_l2<double, double>(actual.gradient, expected.gradient), tolerance,
                      "gradient");
      }
    }
  }
}

TEST(HeadLayout, keeps_every_parameter) {
  for (const HeadShape& shape : {HeadShape{33, 13, 17}, HeadShape{31, 0, 2}}) {
    const HeadLayout layout(shape);
    const Problem problem{shape, 1, false};
    AlignedVector<float> packed(layout.size(), -1.0F);
    std::vector<float> flat(shape.num_parameters());
    layout.pack(packed, problem.parameters());
    layout.unpack(flat, packed);
    EXPECT_EQ(flat, problem.parameters());
    EXPECT_EQ(std::count(packed.begin(), packed.end(), 0.0F),
              static_cast<std::ptrdiff_t>(layout.size() - shape.num_parameters()));
  }
}

}  // namespace
}  // namespace vggroove::cpu
