#include "train/head_trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/support/expect_error.h"
#include "tests/train/toy_features.h"
#include "train/metrics.h"
#include "train/predict_clips.h"

namespace vggroove {
namespace {

using testing::clips_from_to;
using testing::expect_error;
using testing::same_bits;
using testing::toy_features;

HeadTrainingOptions quick_options() {
  HeadTrainingOptions options;
  options.num_hidden = 16;
  options.learning_rate = 0.01;
  options.max_epochs = 30;
  options.batch_size = 32;
  return options;
}

double accuracy_of(const DenseHead& head, const FeatureSet& features,
                   const std::vector<std::size_t>& clips) {
  std::vector<int> truth;
  for (const std::size_t clip : clips) {
    truth.push_back(features.clips[clip].label);
  }
  return compute_metrics(truth, predict_clips(head, features, clips), head.num_classes()).accuracy;
}

TEST(HeadTrainer, learns_clouds_that_are_far_apart_without_error) {
  const FeatureSet features = toy_features(4, 40, 10);
  const auto train = clips_from_to(0, 120), test = clips_from_to(120, 160);
  for (const int num_hidden : {0, 16}) {
    HeadTrainingOptions options = quick_options();
    options.num_hidden = num_hidden;
    const TrainedHead trained = train_head(features, train, {}, options);
    EXPECT_EQ(accuracy_of(trained.head, features, test), 1.0) << num_hidden << " hidden units";
    EXPECT_EQ(trained.best_epoch, options.max_epochs);  // nothing to choose by: the last
    EXPECT_TRUE(std::isnan(trained.epochs.back().validation_loss));
  }
}

// Class 1 lies on both sides of class 0: no plane parts them.
TEST(HeadTrainer, hidden_layer_learns_what_no_linear_head_can) {
  FeatureSet features = toy_features(2, 100, 0, 3, 2, 1);
  for (const FeatureSet::Clip& clip : features.clips) {
    float& x = features.rows[clip.first_row * 2];
    x = 0.3F * x + (clip.label == 0 ? 0.0F : (clip.first_row / 2) % 2 == 0 ? 3.0F : -3.0F);
  }
  const auto train = clips_from_to(0, 150), test = clips_from_to(150, 200);
  HeadTrainingOptions options = quick_options();
  options.dropout = 0;
  options.max_epochs = 60;
  EXPECT_EQ(accuracy_of(train_head(features, train, {}, options).head, features, test), 1.0);
  options.num_hidden = 0;
  EXPECT_LT(accuracy_of(train_head(features, train, {}, options).head, features, test), 0.9);
}

TEST(HeadTrainer, same_seed_gives_the_same_bits) {
  const FeatureSet features = toy_features(3, 20, 1);
  HeadTrainingOptions options = quick_options();
  options.max_epochs = 4;
  const auto train = clips_from_to(0, 45), valid = clips_from_to(45, 60);
  const TrainedHead first = train_head(features, train, valid, options);
  const TrainedHead second = train_head(features, train, valid, options);
  EXPECT_TRUE(same_bits(first.head, second.head));
  options.seed = 1;
  EXPECT_FALSE(same_bits(first.head, train_head(features, train, valid, options).head));
}

TEST(HeadTrainer, stops_when_validation_no_longer_improves_and_keeps_the_best_epoch) {
  const FeatureSet features = toy_features(3, 20, 0);  // nothing to learn: validation gets worse
  HeadTrainingOptions options = quick_options();
  options.max_epochs = 500;
  options.patience = 5;
  options.dropout = 0;
  const auto train = clips_from_to(0, 30), valid = clips_from_to(30, 60);
  std::vector<int> seen;
  const TrainedHead trained = train_head(features, train, valid, options,
                                         [&](const HeadEpoch& e) { seen.push_back(e.epoch); });
  EXPECT_LT(trained.epochs.size(), 100U);
  EXPECT_EQ(static_cast<int>(trained.epochs.size()), trained.best_epoch + options.patience);
  EXPECT_EQ(seen.size(), trained.epochs.size());
  const auto least = std::min_element(
      trained.epochs.begin(), trained.epochs.end(),
      [](const auto& a, const auto& b) { return a.validation_loss < b.validation_loss; });
  EXPECT_EQ(least->epoch, trained.best_epoch);

  // The head is that of the best epoch, not of the last one.
  options.max_epochs = trained.best_epoch;
  EXPECT_TRUE(same_bits(trained.head, train_head(features, train, valid, options).head));
}

TEST(HeadTrainer, patience_zero_runs_every_epoch) {
  const FeatureSet features = toy_features(2, 10, 0);
  HeadTrainingOptions options = quick_options();
  options.patience = 0;
  const auto trained = train_head(features, clips_from_to(0, 10), clips_from_to(10, 20), options);
  EXPECT_EQ(static_cast<int>(trained.epochs.size()), options.max_epochs);
}

TEST(HeadTrainer, standardises_by_the_training_rows_alone) {
  FeatureSet features = toy_features(2, 10, 1, 1, 3, 1);
  for (std::size_t row = 0; row < 20; ++row) {
    features.rows[3 * row] = row < 10 ? static_cast<float>(row % 2) : 1e6F;  // 0, 1: mean 0.5
    features.rows[3 * row + 1] = 0.1F;                                       // constant
  }
  const TrainedHead trained =
      train_head(features, clips_from_to(0, 10), clips_from_to(10, 20), quick_options());
  EXPECT_EQ(trained.head.mean[0], 0.5F);
  EXPECT_EQ(trained.head.scale[0], 2.0F);
  EXPECT_EQ(trained.head.scale[1], 1.0F);
}

TEST(HeadTrainer, class_without_training_clips_keeps_a_logit_that_is_seldom_chosen) {
  FeatureSet features = toy_features(3, 20, 10);
  std::vector<std::size_t> without_class_2;
  for (std::size_t clip = 0; clip < features.clips.size(); ++clip) {
    if (features.clips[clip].label != 2) {
      without_class_2.push_back(clip);
    }
  }
  const DenseHead head = train_head(features, without_class_2, {}, quick_options()).head;
  EXPECT_EQ(head.num_classes(), 3);
  EXPECT_EQ(head.logits_biases.size(), 3U);
  EXPECT_EQ(accuracy_of(head, features, without_class_2), 1.0);
}

// After steps that are too small to move them: the range and the variance that scikit-learn's
// MLPClassifier has. Tolerance: four standard errors of the variance of a uniform distribution,
// sqrt(4 / (5 n)) of it.
TEST(HeadTrainer, begins_with_the_weights_asked_for) {
  const FeatureSet features = toy_features(3, 5, 1);
  HeadTrainingOptions options = quick_options();
  options.num_hidden = 200;
  options.learning_rate = 1e-12;
  options.max_epochs = 1;
  const DenseHead he = train_head(features, clips_from_to(0, 15), {}, options).head;
  EXPECT_NEAR(*std::max_element(he.logits_weights.begin(), he.logits_weights.end()), 0, 1e-9);
  options.initial_weights = InitialWeights::kGlorot;
  const DenseHead glorot = train_head(features, clips_from_to(0, 15), {}, options).head;
  const auto expect_uniform = [](const std::vector<float>& weights,
                                 const std::vector<float>& biases, double inputs, double outputs) {
    const double bound = std::sqrt(6 / (inputs + outputs));
    double squares = 0;
    for (const float weight : weights) {
      EXPECT_LE(std::abs(weight), bound + 1e-6);
      squares += weight * weight / static_cast<double>(weights.size());
    }
    EXPECT_NEAR(squares / (bound * bound / 3), 1,
                4 * std::sqrt(0.8 / static_cast<double>(weights.size())));
    EXPECT_TRUE(std::none_of(biases.begin(), biases.end(), [](float b) { return b == 0; }));
    EXPECT_LE(*std::max_element(biases.begin(), biases.end()), bound + 1e-6);
  };
  expect_uniform(glorot.hidden_weights, glorot.hidden_biases, glorot.num_inputs, 200);
  expect_uniform(glorot.logits_weights, glorot.logits_biases, 200, 3);
}

TEST(HeadTrainer, says_when_it_diverges) {
  const FeatureSet features = toy_features(3, 20, 1);
  HeadTrainingOptions options = quick_options();
  options.learning_rate = 1e30;
  options.weight_decay = 0;
  expect_error(ErrorClass::kInvalid, "lower the learning rate",
               [&] { train_head(features, clips_from_to(0, 60), {}, options); });
}

TEST(HeadTrainer, names_the_clip_whose_features_are_not_finite) {
  FeatureSet features = toy_features(2, 5, 1);
  features.rows[features.clips[3].first_row * 8] = std::numeric_limits<float>::quiet_NaN();
  expect_error(ErrorClass::kInvalid, "clip 3",
               [&] { train_head(features, clips_from_to(0, 10), {}, quick_options()); });
}

TEST(HeadTrainer, refuses_options_out_of_range) {
  const FeatureSet features = toy_features(2, 5, 1);
  const auto expect_refused = [&](const char* words, const auto& change) {
    HeadTrainingOptions options = quick_options();
    change(options);
    expect_error(ErrorClass::kUsage, words,
                 [&] { train_head(features, clips_from_to(0, 10), {}, options); });
  };
  expect_refused("dropout", [](auto& o) { o.dropout = 1; });
  expect_refused("learning rate", [](auto& o) { o.learning_rate = 0; });
  expect_refused("learning rate", [](auto& o) { o.learning_rate = std::nan(""); });
  expect_refused("weight decay", [](auto& o) { o.weight_decay = -1; });
  expect_refused("label smoothing", [](auto& o) { o.label_smoothing = 1.5; });
  expect_refused("batch size", [](auto& o) { o.batch_size = 0; });
  expect_refused("epochs", [](auto& o) { o.max_epochs = 0; });
  expect_refused("hidden", [](auto& o) { o.num_hidden = -1; });
  expect_error(ErrorClass::kUsage, "no training clip",
               [&] { train_head(features, {}, {}, quick_options()); });
}

}  // namespace
}  // namespace vggroove
