#include "bench/support/workload.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

namespace vggroove::bench {
namespace {

std::vector<Cell>& cells() {
  static std::vector<Cell> all;
  return all;
}

}  // namespace

template <class T>
std::vector<T> random_values(std::int64_t count, std::uint64_t seed) {
  std::vector<T> values(static_cast<std::size_t>(count));
  std::uint64_t state = seed * 0x9E3779B97F4A7C15U + 1;
  for (T& value : values) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    const float number = static_cast<float>(state >> 40) * 0x1p-23f - 1;
    if constexpr (std::is_same_v<T, BFloat16>) {
      value = to_bfloat16(number);
    } else {
      value = number;
    }
  }
  return values;
}
template std::vector<float> random_values(std::int64_t, std::uint64_t);
template std::vector<BFloat16> random_values(std::int64_t, std::uint64_t);

template <class T>
std::vector<double> in_double(const std::vector<T>& values) {
  std::vector<double> wide(values.size());
  std::transform(values.begin(), values.end(), wide.begin(), [](T value) {
    if constexpr (std::is_same_v<T, BFloat16>) {
      return static_cast<double>(to_float(value));
    } else {
      return static_cast<double>(value);
    }
  });
  return wide;
}
template std::vector<double> in_double(const std::vector<float>&);
template std::vector<double> in_double(const std::vector<BFloat16>&);

double largest_error(const std::vector<double>& actual, const std::vector<double>& expected,
                     const std::function<double(double expected)>& tolerance) {
  if (expected.empty() || actual.size() < expected.size()) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  double largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double share = std::abs(actual[i] - expected[i]) / tolerance(expected[i]);
    largest = share <= largest ? largest : share;  // takes NaN, and then whatever follows
    if (std::isnan(share)) {
      break;
    }
  }
  return largest;
}

Registration::Registration(Cell cell) {
  const auto after = std::ranges::upper_bound(cells(), cell.name, {}, &Cell::name);
  cells().insert(after, std::move(cell));
}

const std::vector<Cell>& registered_cells() {
  return cells();
}

}  // namespace vggroove::bench
