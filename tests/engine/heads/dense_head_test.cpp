#include "engine/heads/dense_head.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "tests/support/compare.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace vggroove {
namespace {

using testing::expect_error;
using testing::expect_within;
using testing::TemporaryFolder;

// The logits are the inputs themselves.
DenseHead identity_head(ClipDecision decision) {
  DenseHead head;
  head.num_inputs = 3;
  head.labels = {"a", "b", "c"};
  head.mean = {0, 0, 0};
  head.scale = {1, 1, 1};
  head.logits_weights = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  head.logits_biases = {0, 0, 0};
  head.decision = decision;
  return head;
}

DenseHead two_layer_head() {
  DenseHead head;
  head.num_inputs = 2;
  head.num_hidden = 2;
  head.labels = {"rock", "jazz", "pop"};
  head.mean = {1, 2};
  head.scale = {0.5F, 2};
  head.hidden_weights = {1, -1, 2, 1};
  head.hidden_biases = {0.5F, 0};
  head.logits_weights = {1, 2, 3, 4, 5, 6};
  head.logits_biases = {0, 0, -10};
  head.decision = ClipDecision::kVote;
  head.input_form = "quantized";
  return head;
}

float log_of(double p) {
  return static_cast<float>(std::log(p));
}

TEST(DenseHead, standardises_then_applies_both_layers) {
  // (3, 1) -> (1, -2) -> (1 - 4 + 0.5, -1 - 2) -> relu (0, 0) -> biases
  // (5, 3) -> (2, 2) -> (2 + 4 + 0.5, -2 + 2) = (6.5, 0) -> (6.5, 13, 9.5)
  const std::vector<float> inputs = {3, 1, 5, 3}, expected = {0, 0, -10, 6.5F, 13, 9.5F};
  std::vector<float> logits(6);
  two_layer_head().logits(inputs.data(), 2, logits.data());
  EXPECT_EQ(logits, expected);
}

TEST(DenseHead, result_of_a_row_does_not_depend_on_its_neighbours) {
  const DenseHead head = two_layer_head();
  constexpr std::size_t kRows = 601;  // more than two blocks
  std::vector<float> inputs(kRows * 2), together(kRows * 3), alone(3);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    inputs[i] = std::sin(static_cast<float>(i));
  }
  head.probabilities(inputs.data(), kRows, together.data());
  for (std::size_t row = 0; row < kRows; ++row) {
    head.probabilities(inputs.data() + 2 * row, 1, alone.data());
    ASSERT_EQ(std::memcmp(alone.data(), together.data() + 3 * row, sizeof(float) * 3), 0) << row;
  }
}

TEST(ClipDecision, mean_probability_averages_the_examples) {
  const std::vector<float> logits = {log_of(0.8), log_of(0.1), log_of(0.1),
                                     log_of(0.2), log_of(0.2), log_of(0.6)};
  const auto clip =
      identity_head(ClipDecision::kMeanProbability).clip_probabilities(logits.data(), 2);
  const std::vector<double> expected = {0.5, 0.15, 0.35};
  expect_within(testing::max_abs_difference<float, double>(clip, expected), 1e-6, "mean");
}

TEST(ClipDecision, mean_logit_is_the_geometric_mean) {
  const std::vector<float> logits = {log_of(0.8), log_of(0.1), log_of(0.1),
                                     log_of(0.2), log_of(0.4), log_of(0.4)};
  const auto clip = identity_head(ClipDecision::kMeanLogit).clip_probabilities(logits.data(), 2);
  const std::vector<double> expected = {0.5, 0.25, 0.25};  // sqrt(0.16, 0.04, 0.04), normalised
  expect_within(testing::max_abs_difference<float, double>(clip, expected), 1e-6, "mean logit");
}

TEST(ClipDecision, vote_counts_examples_not_their_confidence) {
  const std::vector<float> logits = {log_of(0.01), log_of(0.98), log_of(0.01),  // one sure of b
                                     log_of(0.4),  log_of(0.3),  log_of(0.3),   // two lean to a
                                     log_of(0.4),  log_of(0.3),  log_of(0.3)};
  const auto clip = identity_head(ClipDecision::kVote).clip_probabilities(logits.data(), 3);
  EXPECT_GT(clip[0], clip[1]);
  expect_within(std::abs(clip[0] + clip[1] + clip[2] - 1.0), 1e-6, "sum");
}

TEST(ClipDecision, equal_votes_go_to_the_higher_mean_probability) {
  const std::vector<float> logits = {log_of(0.5), log_of(0.3), log_of(0.2),
                                     log_of(0.1), log_of(0.1), log_of(0.8)};
  const auto clip = identity_head(ClipDecision::kVote).clip_probabilities(logits.data(), 2);
  EXPECT_GT(clip[2], clip[0]);
  EXPECT_GT(clip[0], clip[1]);
  EXPECT_GT(clip[1], 0);
}

weights::ModelMetadata described(const DenseHead& head) {
  weights::ModelMetadata metadata;
  metadata.architecture = "head";
  head.describe(metadata);
  return metadata;
}

TEST(DenseHead, comes_back_from_a_file) {
  const TemporaryFolder folder;
  for (const DenseHead& head : {two_layer_head(), identity_head(ClipDecision::kMeanLogit)}) {
    const auto path = folder / "head.safetensors";
    weights::write_model_file(path, described(head), head.to_tensors());
    const DenseHead back = DenseHead::from_model(weights::ModelFile::open(path));
    EXPECT_EQ(back.num_inputs, head.num_inputs);
    EXPECT_EQ(back.num_hidden, head.num_hidden);
    EXPECT_EQ(back.labels, head.labels);
    EXPECT_EQ(back.mean, head.mean);
    EXPECT_EQ(back.scale, head.scale);
    EXPECT_EQ(back.hidden_weights, head.hidden_weights);
    EXPECT_EQ(back.hidden_biases, head.hidden_biases);
    EXPECT_EQ(back.logits_weights, head.logits_weights);
    EXPECT_EQ(back.logits_biases, head.logits_biases);
    EXPECT_EQ(back.decision, head.decision);
    EXPECT_EQ(back.input_form, head.input_form);
  }
}

// Writes the tensors and metadata as they are and reads them as a head.
void expect_refused(const weights::ModelMetadata& metadata,
                    const std::vector<weights::Tensor>& tensors, ErrorClass error_class,
                    const std::string& words) {
  const TemporaryFolder folder;
  expect_error(error_class, words, [&] {
    const auto path = folder / "head.safetensors";
    weights::write_model_file(path, metadata, tensors);
    DenseHead::from_model(weights::ModelFile::open(path));
  });
}

TEST(DenseHead, refuses_what_it_does_not_know) {
  const DenseHead head = two_layer_head();
  weights::ModelMetadata metadata = described(head);
  metadata.head["clip_decision"] = "oracle";
  expect_refused(metadata, head.to_tensors(), ErrorClass::kUnsupported, "oracle");
  metadata = described(head);
  metadata.head["input_form"] = "mfcc";
  expect_refused(metadata, head.to_tensors(), ErrorClass::kUnsupported, "mfcc");
}

TEST(DenseHead, refuses_weights_that_are_not_finite) {
  DenseHead head = two_layer_head();
  head.logits_weights[3] = std::numeric_limits<float>::quiet_NaN();
  expect_refused(described(head), head.to_tensors(), ErrorClass::kCorrupt, "head/logits/weights");
}

}  // namespace
}  // namespace vggroove
