#pragma once

// What the tests of kernel cells share: buffers between sentinels, every thread order, made-up
// data.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/common/bfloat16.h"
#include "kernels/simt/report.h"
#include "tests/support/compare.h"
#include "tests/support/guarded_buffer.h"

namespace vggroove::testing {

// "Device" memory of exactly `size` elements, which starts as NaN (or as 0xff) and complains about
// writes outside. Where a CPU runs the kernels it is plain memory, where a GPU does, memory of
// both.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(std::size_t size) : buffer_(size * sizeof(T)) {}
  explicit DeviceArray(std::span<const double> values) : DeviceArray(values.size()) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      if constexpr (std::is_same_v<T, BFloat16>) {
        data()[i] = to_bfloat16(static_cast<float>(values[i]));
      } else {
        data()[i] = static_cast<T>(values[i]);
      }
    }
  }

  T* data() { return reinterpret_cast<T*>(buffer_.data()); }
  std::size_t size() const { return buffer_.bytes() / sizeof(T); }
  std::span<T> span() { return {data(), size()}; }

  // What a kernel would see: the values after rounding to T.
  std::vector<double> values() {
    std::vector<double> all(size());
    for (std::size_t i = 0; i < size(); ++i) {
      if constexpr (std::is_same_v<T, BFloat16>) {
        all[i] = static_cast<double>(to_float(data()[i]));
      } else {
        all[i] = static_cast<double>(data()[i]);
      }
    }
    return all;
  }

  // For comparisons of results bit by bit.
  std::vector<std::uint8_t> bytes() {
    std::vector<std::uint8_t> all(buffer_.bytes());
    if (!all.empty()) {
      std::memcpy(all.data(), buffer_.data(), all.size());
    }
    return all;
  }

 private:
  GuardedBuffer buffer_;
};

// A copy of one value in "device" memory, for kernels that read a parameter there.
template <class T>
class DeviceValue {
 public:
  explicit DeviceValue(const T& value) : buffer_(sizeof(T)) { buffer_.as<T>()[0] = value; }
  const T* data() { return buffer_.as<T>().data(); }

 private:
  GuardedBuffer buffer_;
};

// The half unit in the last place that rounding to T costs, relative to the value.
template <class T>
inline constexpr double kRounding = std::is_same_v<T, BFloat16> ? 0x1p-8 : 0x1p-24;

// Runs `run` in three thread orders; it returns its results' bytes, which must be the same in each.
template <class Run>
void expect_same_in_every_thread_order(Run run) {
  std::vector<std::uint8_t> first;
  for (const simt::Order order :
       {simt::Order::kForward, simt::Order::kReverse, simt::Order::kRandom}) {
    SCOPED_TRACE(::testing::Message() << "thread order " << static_cast<int>(order));
    const simt::ThreadOrder in_this_order(order);
    const std::vector<std::uint8_t> bytes = run();
    ASSERT_FALSE(bytes.empty());
    if (first.empty()) {
      first = bytes;
    }
    EXPECT_TRUE(bytes == first) << "the results depend on the order of the threads";
  }
}

inline std::vector<std::uint8_t> joined(std::initializer_list<std::vector<std::uint8_t>> parts) {
  std::vector<std::uint8_t> all;
  for (const auto& part : parts) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

// (square i^2 + linear i) mod modulus, around 0: the integers of tests/golden/nn/make_golden.py.
inline std::vector<double> formula_integers(std::int64_t count, std::int64_t square,
                                            std::int64_t linear, std::int64_t modulus) {
  std::vector<double> values(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    values[i] = static_cast<double>((square * i * i + linear * i) % modulus - modulus / 2);
  }
  return values;
}

// Seeded values in [-1, 1), all different enough that two of them are never equal by design.
inline std::vector<double> random_values(std::int64_t count, std::uint64_t seed) {
  std::vector<double> values(static_cast<std::size_t>(count));
  std::uint64_t state = seed * 0x9E3779B97F4A7C15U + 1;
  for (double& value : values) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    value = static_cast<double>(state >> 40) * 0x1p-23 - 1;
  }
  return values;
}

// Passes where every |actual - expected| <= tolerance(i); NaN fails.
template <class Tolerance>
void expect_each_within(std::span<const double> actual, std::span<const double> expected,
                        Tolerance tolerance, const char* what) {
  ASSERT_EQ(actual.size(), expected.size());
  double largest_share = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double share = std::abs(actual[i] - expected[i]) / tolerance(i);
    ASSERT_TRUE(share <= 1) << what << "[" << i << "]: " << actual[i] << ", expected "
                            << expected[i] << ", tolerance " << tolerance(i);
    largest_share = std::max(largest_share, share);
  }
  ::testing::Test::RecordProperty(what,
                                  std::to_string(100 * largest_share) + " % of the tolerance used");
}

// Where traffic is counted, holds a launch to the bytes that it cannot do without: each byte is
// written once, the sectors of 32 bytes read and written come to at most `share` of the floor, and
// shared memory has no bank conflicts.
struct TrafficFloor {
  std::int64_t read_bytes, written_bytes;
  double share = 1.1;
};
inline void expect_traffic(const simt::LaunchReport& launch, const TrafficFloor& floor) {
  SCOPED_TRACE(launch.kernel);
  const simt::TrafficCounts& total = launch.total;
  const double moved_bytes =
      32 * static_cast<double>(total.global_read.transactions + total.global_write.transactions);
  const double share = moved_bytes / static_cast<double>(floor.read_bytes + floor.written_bytes);
  EXPECT_TRUE(share >= 1 && share <= floor.share) << share;
  EXPECT_EQ(total.global_write.bytes, static_cast<std::uint64_t>(floor.written_bytes));
  EXPECT_EQ(total.shared_read.transactions, total.shared_read.ideal_transactions);
  EXPECT_EQ(total.shared_write.transactions, total.shared_write.ideal_transactions);
  EXPECT_EQ(total.atomics, 0U);
  ::testing::Test::RecordProperty("share_of_floor", std::to_string(share));
}

// A test of traffic has nothing to say in the build that does not count.
#define VGGROOVE_SKIP_UNLESS_COUNTING()                        \
  if (!::vggroove::simt::counting()) {                         \
    GTEST_SKIP() << "traffic is counted in the checked build"; \
  }                                                            \
  static_assert(true)

}  // namespace vggroove::testing
