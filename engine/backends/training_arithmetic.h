#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/nn/dropout_mask.h"

namespace vggroove {

// What every host-side implementation of the training operations shares: the small ones, for which
// no device needs a code of its own. Sums are in double.

// As BasicTrainingBackend::dropout.
template <class Real>
void dropout_on_host(Real* values, const DropoutBatch& batch, std::size_t count,
                     const DropoutParams& params) {
  const DropoutMask mask(params);
  const auto kept = static_cast<Real>(1 / (1 - params.drop_probability));
  const auto first_index = static_cast<std::size_t>(mask.first_index(batch));
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t index = first_index + i;
    const auto four = mask.draw(batch, static_cast<std::int64_t>(index / 4));
    values[i] *= four.keep[index % 4] ? kept : Real{0};
  }
}

// As BasicTrainingBackend::softmax_cross_entropy, ::standardise, ::standardise_bwd.
template <class Real>
void softmax_cross_entropy_on_host(Real* losses, Real* grad_logits, const Real* logits,
                                   const Real* targets, std::size_t n, std::size_t k);
template <class Real>
void standardise_on_host(Real* y, const Real* x, const Real* mean, const Real* scale, std::size_t n,
                         std::size_t d);
template <class Real>
void standardise_bwd_on_host(Real* grad_x, const Real* grad_y, const Real* scale, std::size_t n,
                             std::size_t d);

}  // namespace vggroove
