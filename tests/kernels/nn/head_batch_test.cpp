#include "kernels/nn/head_batch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/common/splitmix64.h"
#include "tests/kernels/kernel_test.h"
#include "tests/support/expect_error.h"

namespace vggroove {
namespace {

using testing::DeviceArray;
using testing::expect_same_in_every_thread_order;
using testing::formula_integers;
using Values = std::vector<double>;

// Around a thread's, a row's and a block's share.
const HeadBatchShape kShapes[] = {{1, 1, 1}, {3, 5, 7}, {2, 33, 4}, {5, 8, 31}, {2, 67, 10}};

constexpr std::int64_t kTableRows = 23;

// Every seventh place of the batch is empty.
struct Index : DeviceArray<std::int32_t> {
  explicit Index(const HeadBatchShape& shape)
      : DeviceArray(static_cast<std::size_t>(shape.heads * shape.rows)) {
    for (std::size_t i = 0; i < size(); ++i) {
      data()[i] = i % 7 == 3 ? -1 : static_cast<std::int32_t>(5 * i % kTableRows);
    }
  }
};

// A third of the units falls, but in the first head none.
struct Steps : DeviceArray<HeadBatchStep> {
  explicit Steps(const HeadBatchShape& shape) : DeviceArray(static_cast<std::size_t>(shape.heads)) {
    for (std::size_t head = 0; head < size(); ++head) {
      data()[head] = {.dropout_state = 1000 * head,
                      .dropout_threshold = head == 0 ? 0 : (std::uint64_t{1} << 53) / 3,
                      .kept = head == 0 ? 1.0F : 1.5F,
                      .target_on = 0.75F,
                      .target_off = 0.0625F * static_cast<float>(head)};
    }
  }
};

std::size_t count_of(const HeadBatchShape& shape, int width) {
  return static_cast<std::size_t>(shape.heads * shape.rows * width);
}

TEST(SplitMix64, numbers_are_those_of_the_published_program) {
  // prng.di.unimi.it/splitmix64.c with x = 1234567, its first two results.
  EXPECT_EQ(splitmix64_at(1234567, 0), 6457827717110365317U);
  EXPECT_EQ(splitmix64_at(1234567, 1), 3203168211198807973U);
  EXPECT_EQ(splitmix64_at(splitmix64_skip(7, 40), 2), splitmix64_at(7, 42));
}

// Small integers and powers of two: every result is exact.
TEST(HeadBatch, rows_are_gathered_standardised_beside_ones) {
  for (const HeadBatchShape& shape : kShapes) {
    SCOPED_TRACE(::testing::Message() << shape.heads << " " << shape.rows << " " << shape.columns);
    const Values table = formula_integers(kTableRows * shape.columns, 3, 5, 101),
                 standardisation =
                     formula_integers(std::int64_t{2} * shape.heads * shape.columns, 7, 1, 11);
    Index index(shape);
    Values expected(count_of(shape, head_width(shape.columns)), -1);
    gather_head_rows_ref(expected.data(), table.data(), index.data(), standardisation.data(),
                         shape);
    expect_same_in_every_thread_order([&] {
      DeviceArray<float> rows(table), means(standardisation), x(expected.size());
      gather_head_rows(nullptr, x.data(), rows.data(), index.data(), means.data(), shape);
      EXPECT_EQ(x.values(), expected);
      return x.bytes();
    });
  }
}

TEST(HeadBatch, targets_are_those_of_the_rows_classes) {
  for (const HeadBatchShape& shape : kShapes) {
    Index index(shape);
    DeviceArray<std::int32_t> labels(kTableRows);
    for (int row = 0; row < kTableRows; ++row) {
      labels.data()[row] = row % shape.columns;
    }
    Steps steps(shape);
    Values expected(count_of(shape, shape.columns));
    head_targets_ref(expected.data(), labels.data(), index.data(), steps.data(), shape);
    expect_same_in_every_thread_order([&] {
      DeviceArray<float> targets(expected.size());
      head_targets(nullptr, targets.data(), labels.data(), index.data(), steps.data(), shape);
      EXPECT_EQ(targets.values(), expected);
      return targets.bytes();
    });
  }
}

TEST(HeadBatch, units_below_zero_and_fallen_ones_are_zero_and_pass_no_gradient) {
  for (const HeadBatchShape& shape : kShapes) {
    Steps steps(shape);
    const auto count = static_cast<std::int64_t>(count_of(shape, head_width(shape.columns)));
    const Values start = formula_integers(count, 3, 5, 101),
                 gradient = formula_integers(count, 7, 1, 13);
    Values hidden = start, plain = start, grad = gradient;
    relu_dropout_ref(hidden.data(), steps.data(), shape);
    relu_dropout_ref(plain.data(), nullptr, shape);
    relu_dropout_bwd_ref(grad.data(), hidden.data(), steps.data(), shape);
    expect_same_in_every_thread_order([&] {
      DeviceArray<float> values(start), without(start), grads(gradient);
      relu_dropout(nullptr, values.data(), steps.data(), shape);
      relu_dropout(nullptr, without.data(), nullptr, shape);
      relu_dropout_bwd(nullptr, grads.data(), values.data(), steps.data(), shape);
      EXPECT_EQ(values.values(), hidden);
      EXPECT_EQ(without.values(), plain);
      EXPECT_EQ(grads.values(), grad);
      return testing::joined({values.bytes(), without.bytes(), grads.bytes()});
    });
  }
}

TEST(HeadBatch, as_many_units_fall_as_the_probability_says) {
  const HeadBatchShape shape{2, 100, 40};
  Steps steps(shape);
  DeviceArray<float> hidden(Values(count_of(shape, head_width(40)), 1.0));
  relu_dropout(nullptr, hidden.data(), steps.data(), shape);
  const auto second = hidden.span().subspan(std::size_t{100} * head_width(40));
  const auto fallen = static_cast<double>(std::count(second.begin(), second.end(), 0.0F)) -
                      100 * (head_width(40) - 41);                 // zeros beside the values
  EXPECT_NEAR(fallen, 4000 / 3.0, 5 * std::sqrt(4000 * 2 / 9.0));  // 5 deviations
}

TEST(HeadBatch, an_activation_that_is_not_a_number_is_noticed) {
  const HeadBatchShape shape{1, 1, 3};
  DeviceArray<float> hidden(Values{std::nan(""), 2, -1, 5});
  relu_dropout(nullptr, hidden.data(), nullptr, shape);
  EXPECT_TRUE(std::isnan(hidden.data()[0]));
  EXPECT_EQ(hidden.data()[3], 1.0F);
}

TEST(HeadBatch, refuses_more_heads_than_a_grid_has_rows) {
  testing::expect_error(ErrorClass::kUsage, "65535", [] {
    relu_dropout(nullptr, nullptr, nullptr, {70000, 1, 1});
  });
}

TEST(HeadBatch, moves_each_byte_once) {
  VGGROOVE_SKIP_UNLESS_COUNTING();
  const HeadBatchShape shape{2, 64, 124};
  const auto count = static_cast<std::int64_t>(count_of(shape, head_width(124)));
  Steps steps(shape);
  DeviceArray<float> hidden(Values(static_cast<std::size_t>(count), 1.0)),
      grad(Values(static_cast<std::size_t>(count), 1.0));
  relu_dropout_bwd(nullptr, grad.data(), hidden.data(), steps.data(), shape);
  testing::expect_traffic(simt::last_launch(), {2 * count * 4, count * 4});
}

}  // namespace
}  // namespace vggroove
