#pragma once

#include <cstdint>

#include "kernels/common/stream.h"

namespace vggroove {

// What many heads of one shape, [dense + ReLU + dropout] -> dense, need beside their products when
// they train together, each on rows of its own. Matrices of activations end in a column of ones and
// in zeros up to a multiple of 4 columns, so that biases are rows of the weights, their gradients
// rows of the weights' gradients, and every row begins at 16 bytes.
constexpr int head_width(int values) {
  return (values + 1 + 3) / 4 * 4;
}

struct HeadBatchShape {
  int heads = 0;    // at most 65535
  int rows = 0;     // of each head
  int columns = 0;  // values of a row, without the ones and zeros beside them
};

// What differs from head to head and from step to step; read on the device, [heads].
struct HeadBatchStep {
  // Unit `column` of row `row` falls where the upper 53 bits of the number
  // splitmix64_at(dropout_state, row * columns + column) are below the threshold; the others are
  // multiplied by kept.
  std::uint64_t dropout_state = 0;
  std::uint64_t dropout_threshold = 0;  // probability * 2^53; 0: none falls
  float kept = 1;                       // 1 / (1 - probability)
  // Of the cross-entropy, of the row's class and of every other.
  float target_on = 1, target_off = 0;
};

// x [heads, rows, head_width(columns)] = (table - mean) * scale, 1, zeros; of index -1: zeros
//   table           [*, columns]
//   index           [heads, rows]: a row of the table, or -1
//   standardisation [heads, 2, columns]: mean, scale
void gather_head_rows(Stream stream, float* x, const float* table, const std::int32_t* index,
                      const float* standardisation, const HeadBatchShape& shape);

// targets [heads, rows, columns]: target_on in the column of the row's class, target_off in the
// others; of index -1: zeros
//   labels [*]: classes of the table's rows
void head_targets(Stream stream, float* targets, const std::int32_t* labels,
                  const std::int32_t* index, const HeadBatchStep* steps,
                  const HeadBatchShape& shape);

// hidden [heads, rows, head_width(columns)] in place: max(0, hidden) with dropout, 1, zeros.
// steps null: no dropout.
void relu_dropout(Stream stream, float* hidden, const HeadBatchStep* steps,
                  const HeadBatchShape& shape);

// grad, shaped like hidden, in place, from what relu_dropout() left: grad * kept where hidden is
// above 0, else 0; 0 beside the values.
void relu_dropout_bwd(Stream stream, float* grad, const float* hidden, const HeadBatchStep* steps,
                      const HeadBatchShape& shape);

// References: double precision; the threshold and the targets are those of the steps.
void gather_head_rows_ref(double* x, const double* table, const std::int32_t* index,
                          const double* standardisation, const HeadBatchShape& shape);
void head_targets_ref(double* targets, const std::int32_t* labels, const std::int32_t* index,
                      const HeadBatchStep* steps, const HeadBatchShape& shape);
void relu_dropout_ref(double* hidden, const HeadBatchStep* steps, const HeadBatchShape& shape);
void relu_dropout_bwd_ref(double* grad, const double* hidden, const HeadBatchStep* steps,
                          const HeadBatchShape& shape);

}  // namespace vggroove
