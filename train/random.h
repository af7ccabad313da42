#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <utility>

#include "kernels/common/splitmix64.h"

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
      : state_(splitmix64_mix(splitmix64_skip(splitmix64_mix(splitmix64_skip(seed, 1)), stream))) {}

  std::uint64_t next() {
    state_ = splitmix64_skip(state_, 1);
    return splitmix64_mix(state_);
  }

  // Where the stream is: the numbers to come are splitmix64_at(state(), 0), (state(), 1), ...
  std::uint64_t state() const { return state_; }

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
  std::uint64_t state_;
};

}  // namespace vggroove
