#pragma once

#include <cstdint>

#include "kernels/common/stream.h"

namespace vggroove {

struct SoftmaxXentShape {
  std::int64_t rows = 0;
  int classes = 0;  // 1..1024
};

// Softmax and cross-entropy with their gradient in one pass:
//   losses[i] = -sum over c of targets[i, c] log p[i, c]
// targets >= 0 need not add up to 1: labels, label smoothing, mixup, class weights and the division
// by the batch are all in them. A row of zeros does not count: its loss and gradient are 0.
// T is float or BFloat16, arithmetic is fp32.
//   losses      [rows]
//   grad_logits [rows, classes], of the sum of the losses; may be logits
//   logits, targets [rows, classes]
template <class T>
void softmax_xent(Stream stream, float* losses, T* grad_logits, const T* logits,
                  const float* targets, const SoftmaxXentShape& shape);

// Reference: double precision.
void softmax_xent_ref(double* losses, double* grad_logits, const double* logits,
                      const double* targets, const SoftmaxXentShape& shape);

}  // namespace vggroove
