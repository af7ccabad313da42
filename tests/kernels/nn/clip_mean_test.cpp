#include "kernels/nn/clip_mean.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "kernels/simt/report.h"
#include "tests/support/compare.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/kernel_traffic.h"

namespace vggroove {
namespace {

using testing::expect_within;
using testing::GuardedBuffer;

struct Clips {
  std::vector<std::int64_t> offsets;
  std::vector<double> rows;
  int width;
  int num_clips() const { return static_cast<int>(offsets.size()) - 1; }
};

template <class Draw>
Clips clips_of(const std::vector<int>& lengths, int width, Draw draw) {
  Clips clips{{0}, {}, width};
  for (const int length : lengths) {
    clips.offsets.push_back(clips.offsets.back() + length);
  }
  clips.rows.resize(clips.offsets.back() * width);
  std::generate(clips.rows.begin(), clips.rows.end(), draw);
  return clips;
}

std::vector<double> means_of(const Clips& clips) {
  GuardedBuffer rows(clips.rows.size() * sizeof(float));
  std::copy(clips.rows.begin(), clips.rows.end(), rows.as<float>().begin());
  GuardedBuffer offsets(clips.offsets.size() * sizeof(std::int64_t));
  std::copy(clips.offsets.begin(), clips.offsets.end(), offsets.as<std::int64_t>().begin());
  GuardedBuffer means(static_cast<std::size_t>(clips.num_clips()) * clips.width * sizeof(float));
  clip_mean(nullptr, means.as<float>().data(), rows.as<float>().data(),
            offsets.as<std::int64_t>().data(), clips.num_clips(), clips.width);
  const auto values = means.as<float>();
  return {values.begin(), values.end()};
}

std::vector<double> reference_of(const Clips& clips) {
  std::vector<double> means(static_cast<std::size_t>(clips.num_clips()) * clips.width);
  clip_mean_ref(means.data(), clips.rows.data(), clips.offsets.data(), clips.num_clips(),
                clips.width);
  return means;
}

TEST(ClipMean, of_integers_is_exact_and_of_nothing_is_zero) {
  std::mt19937 random(1);
  for (const int width : {1, 10, 31, 32, 33, 97, 128}) {
    const Clips clips = clips_of({0, 1, 2, 64, 0, 16, 256, 0}, width,
                                 [&] { return static_cast<double>(random() % 201) - 100; });
    const auto expected = reference_of(clips);
    EXPECT_EQ(means_of(clips), expected) << width << " columns";
    EXPECT_EQ(expected.front(), 0);
  }
}

TEST(ClipMean, matches_the_reference_in_any_order_of_threads) {
  std::mt19937 random(2);
  const std::vector<int> lengths{31, 33, 95, 97, 1, 1000};
  const Clips clips = clips_of(lengths, 45, [&] {
    return static_cast<double>(static_cast<float>(random()) * 0x1p-32F);  // probabilities
  });
  const auto expected = reference_of(clips);
  // A lane sums an eighth of the rows, one lane the eight sums, and the quotient rounds: each 2^-24
  // of at most the sum of all, which the division makes 1.
  constexpr double kTolerance = (1000 / 8 + 8 + 1) * 0x1p-24;
  std::vector<double> first;
  for (const auto order : {simt::Order::kForward, simt::Order::kReverse, simt::Order::kRandom}) {
    const simt::ThreadOrder in_this_order(order, 6);
    const auto actual = means_of(clips);
    expect_within(testing::max_abs_difference(std::span<const double>(actual),
                                              std::span<const double>(expected)),
                  kTolerance, "means");
    first = first.empty() ? actual : first;
    EXPECT_EQ(actual, first);
  }
}

TEST(ClipMean, wastes_no_sector_and_no_bank) {
  VGGROOVE_SKIP_UNLESS_COUNTING();
  means_of(clips_of({31, 0, 97}, 128, [] { return 1.0; }));
  const auto total = simt::last_launch().total;
  EXPECT_EQ(total.global_read.transactions, total.global_read.ideal_transactions);
  EXPECT_EQ(total.global_write.transactions, total.global_write.ideal_transactions);
  testing::expect_no_bank_conflicts();
}

TEST(ClipMean, of_no_clips_is_nothing) {
  clip_mean(nullptr, nullptr, nullptr, nullptr, 0, 10);
}

}  // namespace
}  // namespace vggroove
