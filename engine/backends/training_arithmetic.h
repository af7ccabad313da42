#pragma once

#include <cstddef>
#include <cstdint>

namespace vggroove {

// What every host-side implementation of the training operations shares: the small ones, for which
// no device needs a code of its own. Sums are in double.

// Whether dropout keeps element `index` (training_backend.h): a counter, so that any part of any
// tensor can be computed by itself.
inline bool dropout_keeps(std::uint64_t seed, std::size_t index, double rate) {
  constexpr std::uint64_t kGamma = 0x9e3779b97f4a7c15;
  std::uint64_t z = seed + (index + 1) * kGamma;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1.0p-53 >= rate;
}

template <class Real>
void dropout_on_host(Real* values, std::size_t count, double rate, std::uint64_t seed) {
  const auto kept = static_cast<Real>(1 / (1 - rate));
  for (std::size_t i = 0; i < count; ++i) {
    values[i] *= dropout_keeps(seed, i, rate) ? kept : Real{0};
  }
}

// As BasicTrainingBackend::softmax_cross_entropy, ::standardise, ::standardise_bwd, ::clip_factor.
template <class Real>
void softmax_cross_entropy_on_host(Real* losses, Real* grad_logits, const Real* logits,
                                   const Real* targets, std::size_t n, std::size_t k);
template <class Real>
void standardise_on_host(Real* y, const Real* x, const Real* mean, const Real* scale, std::size_t n,
                         std::size_t d);
template <class Real>
void standardise_bwd_on_host(Real* grad_x, const Real* grad_y, const Real* scale, std::size_t n,
                             std::size_t d);
double clip_factor_on_host(double total, double max_norm);

}  // namespace vggroove
