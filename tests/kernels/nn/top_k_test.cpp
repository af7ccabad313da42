#include "kernels/nn/top_k.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/simt/report.h"
#include "tests/support/expect_error.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/kernel_traffic.h"

namespace vggroove {
namespace {

using testing::GuardedBuffer;

struct Top {
  std::vector<float> values;
  std::vector<std::int32_t> indices;
};

Top top_of(const std::vector<float>& rows, int width, int k) {
  const std::int64_t num_rows = static_cast<std::int64_t>(rows.size()) / width;
  GuardedBuffer x(rows.size() * sizeof(float));
  std::copy(rows.begin(), rows.end(), x.as<float>().begin());
  GuardedBuffer values(num_rows * k * sizeof(float)), indices(num_rows * k * sizeof(std::int32_t));
  top_k(nullptr, values.as<float>().data(), indices.as<std::int32_t>().data(), x.as<float>().data(),
        num_rows, width, k);
  const auto v = values.as<float>();
  const auto i = indices.as<std::int32_t>();
  return {{v.begin(), v.end()}, {i.begin(), i.end()}};
}

void expect_matches_reference(const std::vector<float>& rows, int width, int k) {
  const std::int64_t num_rows = static_cast<std::int64_t>(rows.size()) / width;
  Top expected{std::vector<float>(num_rows * k), std::vector<std::int32_t>(num_rows * k)};
  top_k_ref(expected.values.data(), expected.indices.data(), rows.data(), num_rows, width, k);
  const Top actual = top_of(rows, width, k);
  EXPECT_EQ(actual.indices, expected.indices) << k << " of " << width;
  EXPECT_EQ(std::memcmp(actual.values.data(), expected.values.data(),
                        expected.values.size() * sizeof(float)),
            0);
}

TEST(TopK, matches_a_stable_sort_in_any_order_of_threads) {
  std::mt19937 random(1);
  for (const auto order : {simt::Order::kForward, simt::Order::kReverse, simt::Order::kRandom}) {
    const simt::ThreadOrder in_this_order(order, 8);
    for (const int width : {1, 10, 31, 32, 33, 97, 527}) {
      std::vector<float> rows(7 * width);
      // Few different values: ties everywhere.
      std::generate(rows.begin(), rows.end(),
                    [&] { return static_cast<float>(static_cast<int>(random() % 41) - 20) / 8; });
      expect_matches_reference(rows, width, std::min(width, 5));
    }
  }
  std::vector<float> row(kMaxTopKWidth);
  std::generate(row.begin(), row.end(), [&] { return static_cast<float>(random() % 100); });
  expect_matches_reference(row, kMaxTopKWidth, 100);
}

TEST(TopK, puts_NaN_last_and_knows_no_negative_zero) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> row{kNan, -kInfinity, -0.0F, 0.0F, kInfinity, -kNan, -1, 1e-40F};
  EXPECT_EQ(top_of(row, 8, 8).indices, (std::vector<std::int32_t>{4, 7, 2, 3, 6, 1, 0, 5}));
  expect_matches_reference(row, 8, 8);
}

TEST(TopK, has_no_bank_conflicts) {
  VGGROOVE_SKIP_UNLESS_COUNTING();
  top_of(std::vector<float>(5 * 527, 0.5F), 527, 3);
  EXPECT_GT(simt::last_launch().total.shared_read.transactions, 100u);
  testing::expect_no_bank_conflicts();
}

TEST(TopK, refuses_what_makes_no_sense) {
  for (const auto& [width, k] : {std::pair{10, 0}, {10, 11}, {kMaxTopKWidth + 1, 1}}) {
    testing::expect_error(ErrorClass::kUsage, "top-k: ", [&, width = width, k = k] {
      top_k(nullptr, nullptr, nullptr, nullptr, 1, width, k);
    });
  }
  top_k(nullptr, nullptr, nullptr, nullptr, 0, 10, 1);
}

}  // namespace
}  // namespace vggroove
