#include "kernels/nn/dropout.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/common/philox.h"
#include "tests/kernels/kernel_test.h"
#include "tests/support/expect_error.h"

namespace vggroove {
namespace {

using testing::DeviceArray;
using testing::DeviceValue;
using testing::expect_same_in_every_thread_order;
using testing::formula_integers;
using Values = std::vector<double>;

// The known answers that the authors distribute with Random123 (kat_vectors, philox4x32 10).
TEST(Philox, gives_the_authors_known_answers) {
  struct Answer {
    PhiloxBlock counter;
    std::uint64_t key;
    PhiloxBlock expected;
  };
  const Answer answers[] = {{{{0, 0, 0, 0}}, 0, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}}},
                            {{{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}},
                             0xffffffffffffffff,
                             {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}}},
                            {{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
                             0x299f31d0a4093822,
                             {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}}};
  for (const Answer& answer : answers) {
    const PhiloxBlock actual = philox4x32(answer.counter, answer.key);
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ(actual.word[i], answer.expected.word[i]);
    }
  }
}

Values multipliers(std::int64_t count, double probability, const DropoutBatch& batch) {
  Values all(count);
  dropout_multipliers_ref(all.data(), batch, count, {probability});
  return all;
}

double share_of_zeros(const Values& values) {
  return static_cast<double>(std::count(values.begin(), values.end(), 0.0)) /
         static_cast<double>(values.size());
}

TEST(DropoutRef, drops_the_share_that_was_asked_for) {
  constexpr std::int64_t kCount = 1 << 18;
  for (const double p : {0.125, 0.5, 0.9}) {
    // Five standard deviations of a binomial share.
    EXPECT_TRUE(std::abs(share_of_zeros(multipliers(kCount, p, {9})) - p) <=
                5 * std::sqrt(p * (1 - p) / kCount))
        << p;
  }
}

TEST(DropoutRef, draws_anew_for_every_seed_and_place) {
  constexpr std::int64_t kCount = 1 << 16;
  const Values first = multipliers(kCount, 0.5, {9});
  for (const Values& other :
       {multipliers(kCount, 0.5, {10}), multipliers(kCount, 0.5, {9 + (1ULL << 32)}),
        multipliers(kCount, 0.5, {9, kCount}), multipliers(kCount, 0.5, {9, 1LL << 34})}) {
    int same = 0;
    for (std::int64_t i = 0; i < kCount; ++i) {
      same += first[i] == other[i] ? 1 : 0;
    }
    // Independent masks agree on half: five standard deviations.
    EXPECT_TRUE(std::abs(same - kCount / 2.0) <= 5 * std::sqrt(kCount / 4.0));
  }
}

TEST(DropoutRef, a_part_of_a_batch_draws_its_part_of_the_mask) {
  const Values whole = multipliers(100, 0.5, {9});
  for (const std::int64_t first : {4, 7, 99}) {
    EXPECT_EQ(multipliers(100 - first, 0.5, {9, first}),
              Values(whole.begin() + first, whole.end()));
  }
  Values of_examples(90);  // of 10 values each, from the second on
  dropout_multipliers_ref(of_examples.data(), {9, 1}, 90,
                          {.drop_probability = 0.5, .example_values = 10});
  EXPECT_EQ(of_examples, Values(whole.begin() + 10, whole.end()));
}

TEST(DropoutRef, a_layer_adds_its_offset_to_the_seed) {
  Values actual(100);
  dropout_multipliers_ref(actual.data(), {9}, 100, {.drop_probability = 0.5, .seed_offset = 4});
  EXPECT_EQ(actual, multipliers(100, 0.5, {13}));
}

TEST(DropoutRef, keeps_everything_at_probability_zero) {
  EXPECT_EQ(multipliers(1000, 0, {}), Values(1000, 1.0));
}

template <class T>
class Dropout : public ::testing::Test {};
using Types = ::testing::Types<float, BFloat16>;
TYPED_TEST_SUITE(Dropout, Types);

// p = 0.5 and small integers: the products are exact. Counts around a thread's and a block's share.
TYPED_TEST(Dropout, is_the_reference_for_every_count_and_place) {
  constexpr std::int64_t kExampleValues = 7;
  const DropoutParams params = {0.5, 1, kExampleValues};
  for (const std::int64_t count : {1, 3, 4, 5, 7, 8, 9, 1023, 1024, 2049, 4111}) {
    const DropoutBatch batch = {0x123456789abcdef, count % 3 + (count % 2 << 34)};
    SCOPED_TRACE(count);
    const Values x = formula_integers(count, 3, 5, 101);
    Values expected =
        multipliers(count, params.drop_probability,
                    {batch.seed + params.seed_offset, batch.first_example * kExampleValues});
    for (std::int64_t i = 0; i < count; ++i) {
      expected[i] *= x[i];
    }
    expect_same_in_every_thread_order([&] {
      DeviceArray<TypeParam> x_device(x), y(count);
      DeviceValue<DropoutBatch> on_device(batch);
      dropout(nullptr, y.data(), x_device.data(), on_device.data(), count, params);
      EXPECT_EQ(y.values(), expected);
      dropout(nullptr, x_device.data(), x_device.data(), on_device.data(), count, params);
      EXPECT_EQ(x_device.values(), expected);  // in place
      return y.bytes();
    });
  }
}

TYPED_TEST(Dropout, scales_what_stays) {
  DeviceValue<DropoutBatch> batch({1});
  const Values ones(64, 1.0);
  DeviceArray<TypeParam> x(ones), y(64);
  dropout(nullptr, y.data(), x.data(), batch.data(), 64, {0.75});
  EXPECT_EQ(y.values(), multipliers(64, 0.75, {1}));  // 0 or 4
  EXPECT_GT(share_of_zeros(y.values()), 0.5);
  EXPECT_LT(share_of_zeros(y.values()), 1.0);
}

TYPED_TEST(Dropout, refuses_probabilities_that_are_none) {
  for (const double probability : {1.0, -0.1, std::nan("")}) {
    testing::expect_error(ErrorClass::kUsage, "at least 0 and below 1", [&] {
      dropout<TypeParam>(nullptr, nullptr, nullptr, nullptr, 0, {probability});
    });
  }
}

TYPED_TEST(Dropout, moves_each_byte_once) {
  VGGROOVE_SKIP_UNLESS_COUNTING();
  constexpr std::int64_t kCount = 8192, kBytes = kCount * sizeof(TypeParam);
  DeviceArray<TypeParam> x(Values(kCount, 1.0));
  DeviceValue<DropoutBatch> batch({1});
  dropout(nullptr, x.data(), x.data(), batch.data(), kCount, {0.5});
  testing::expect_traffic(simt::last_launch(), {kBytes + sizeof(DropoutBatch), kBytes});
}

}  // namespace
}  // namespace vggroove
