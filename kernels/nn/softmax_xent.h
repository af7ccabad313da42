#pragma once

#include <cstdint>

#include "kernels/common/stream.h"

namespace vggroove {

struct SoftmaxXentShape {
  std::int64_t rows = 0;
  int classes = 0;  // 1..1024
};

// Softmax and cross-entropy with their gradient in one pass; the definition of PyTorch's
// cross_entropy(logits, labels, class_weights, label_smoothing), reduction "mean":
//   row_loss[i] = (1 - s) w[label] (-log p[label]) + s / classes * sum over c of w[c] (-log p[c])
//   loss        = sum of row_loss / sum of w[label]
// A row whose label is negative does not count: its loss and gradient are 0. (A label beyond the
// classes makes its row_loss and gradient, and so the loss, NaN.)
//   loss          [1]
//   row_loss      [rows]
//   grad_logits   [rows, classes], of loss; null: not wanted
//   weight_sum    [1], the sum of w[label]: what a sum over several batches or processes needs
//   logits        [rows, classes]
//   labels        [rows]
//   class_weights [classes]; null: all 1
void softmax_xent(Stream stream, float* loss, float* row_loss, float* grad_logits,
                  float* weight_sum, const float* logits, const std::int32_t* labels,
                  const float* class_weights, float label_smoothing, const SoftmaxXentShape& shape);

// Reference: double precision; returns the loss.
double softmax_xent_ref(double* row_loss, double* grad_logits, const double* logits,
                        const std::int32_t* labels, const double* class_weights,
                        double label_smoothing, const SoftmaxXentShape& shape);

}  // namespace vggroove
