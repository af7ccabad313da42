#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <utility>

namespace vggroove {

// The random numbers of training: SplitMix64 (Steele, Lea, Flood 2014). Own, because the standard
// library fixes the bits of its engines but not those of its distributions and of std::shuffle; the
// folds of a seed must be the same folds whatever compiler built the program. 64 bits of state; it
// passes BigCrush; its period of 2^64 is far from any training run.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  // One of several streams of a seed ("folds", "initial weights", "dropout of epoch 3", ...).
  // Streams start at unrelated places of the same cycle: two of 10^10 numbers each overlap with a
  // probability of about 10^-9.
  Random(std::uint64_t seed, std::uint64_t stream)
      : state_(mix(mix(seed + kGamma) + stream * kGamma)) {}

  std::uint64_t next() {
    state_ += kGamma;
    return mix(state_);
  }

  // Uniform in [0, 1): 53 bits, so every double k * 2^-53 is equally likely.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

  // Uniform in 0 .. count-1, count >= 1. The lowest 2^64 mod count numbers are rejected: a plain
  // remainder would favour small results.
  std::uint64_t below(std::uint64_t count) {
    for (;;) {
      const std::uint64_t number = next();
      // 2^64 mod count is less than count: only a number that small costs a second division.
      if (number >= count || number >= (0 - count) % count) {
        return number % count;
      }
    }
  }

  // Standard normal (Box-Muller; every call uses two numbers, so positions stay countable).
  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));  // 1 - uniform() is never 0
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

  // Fisher-Yates: every order is equally likely.
  template <class T>
  void shuffle(std::span<T> items) {
    for (std::size_t i = items.size(); i > 1; --i) {
      std::swap(items[i - 1], items[static_cast<std::size_t>(below(i))]);
    }
  }

 private:
  static constexpr std::uint64_t kGamma = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio, odd

  static std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  std::uint64_t state_;
};

}  // namespace vggroove
