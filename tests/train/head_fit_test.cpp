#include "train/head_fit.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "tests/support/compare.h"
#include "tests/support/expect_error.h"
#include "tests/train/toy_features.h"

namespace vggroove {
namespace {

using testing::clips_from_to;
using testing::same_bits;
using testing::toy_features;

HeadFitOptions quick_options(int num_members) {
  HeadFitOptions options;
  options.training.num_hidden = 5;
  options.training.max_epochs = 3;
  options.num_members = num_members;
  return options;
}

TEST(MeanOfHeads, has_the_mean_of_their_logits) {
  const FeatureSet features = toy_features(3, 20, 1);
  const std::size_t num_rows = features.rows.size() / 8;
  for (const int num_hidden : {0, 5}) {
    std::vector<DenseHead> heads;
    std::vector<double> expected(num_rows * 3);
    for (std::size_t m = 0; m < 3; ++m) {  // of different clips, so their standardisations differ
      HeadTrainingOptions options;
      options.num_hidden = num_hidden;
      options.max_epochs = 3;
      options.seed = m;
      heads.push_back(train_head(features, clips_from_to(20 * m, 20 * m + 20), {}, options).head);
      std::vector<float> logits(num_rows * 3);
      heads.back().logits(features.rows.data(), num_rows, logits.data());
      for (std::size_t i = 0; i < logits.size(); ++i) {
        expected[i] += static_cast<double>(logits[i]) / 3;
      }
    }
    const DenseHead mean = mean_of_heads(heads);
    EXPECT_EQ(mean.num_hidden, 3 * num_hidden);
    std::vector<float> logits(num_rows * 3);
    mean.logits(features.rows.data(), num_rows, logits.data());
    // Sums of 8 and 15 products of size about 1, in fp32 and in another order.
    testing::expect_within(testing::max_abs_difference<float, double>(logits, expected), 1e-5,
                           "logits");
  }
}

TEST(FitHead, one_member_is_the_trained_head) {
  const FeatureSet features = toy_features(3, 20, 1);
  const FittedHead fitted =
      fit_head(features, clips_from_to(0, 50), clips_from_to(50, 60), quick_options(1));
  EXPECT_EQ(fitted.members.size(), 1U);
  EXPECT_EQ(fitted.members[0].num_train_clips, 50U);
  EXPECT_EQ(fitted.members[0].num_validation_clips, 10U);
  EXPECT_EQ(fitted.head.num_hidden, 5);
}

TEST(FitHead, holds_validation_clips_out_of_training) {
  const FeatureSet features = toy_features(2, 30, 1);
  const FittedHead fitted = fit_head(features, clips_from_to(0, 60), {}, quick_options(2));
  for (const FittedHead::Member& member : fitted.members) {
    EXPECT_EQ(member.num_train_clips + member.num_validation_clips, 60U);
    EXPECT_NEAR(static_cast<double>(member.num_validation_clips), 9, 2);
    EXPECT_EQ(member.best().epoch, member.best_epoch);
  }
}

TEST(FitHead, validation_fraction_zero_trains_on_all_clips) {
  const FeatureSet features = toy_features(2, 10, 1);
  HeadFitOptions options = quick_options(1);
  options.validation_fraction = 0;
  const FittedHead fitted = fit_head(features, clips_from_to(0, 20), {}, options);
  EXPECT_EQ(fitted.members[0].num_train_clips, 20U);
  EXPECT_EQ(fitted.members[0].best_epoch, 3);
}

TEST(FitHead, result_does_not_depend_on_the_number_of_threads) {
  const FeatureSet features = toy_features(3, 20, 1);
  const auto clips = clips_from_to(0, 60);
  const FittedHead one = fit_head(features, clips, {}, quick_options(4), 1);
  const FittedHead several = fit_head(features, clips, {}, quick_options(4), 4);
  EXPECT_TRUE(same_bits(one.head, several.head));
}

TEST(FitHead, reports_every_epoch_of_every_member) {
  const FeatureSet features = toy_features(2, 20, 1);
  std::multiset<int> epochs_of_members;
  fit_head(features, clips_from_to(0, 40), {}, quick_options(3), 0,
           [&](int member, const HeadEpoch&) { epochs_of_members.insert(member); });
  for (const int member : {0, 1, 2}) {
    EXPECT_EQ(epochs_of_members.count(member), 3U);
  }
}

TEST(FitHead, refuses_options_out_of_range) {
  const FeatureSet features = toy_features(2, 10, 1);
  const auto clips = clips_from_to(0, 20);
  testing::expect_error(ErrorClass::kUsage, "at least 1",
                        [&] { fit_head(features, clips, {}, quick_options(0)); });
  HeadFitOptions options = quick_options(1);
  options.validation_fraction = 0.7;
  testing::expect_error(ErrorClass::kUsage, "validation fraction",
                        [&] { fit_head(features, clips, {}, options); });
}

}  // namespace
}  // namespace vggroove
