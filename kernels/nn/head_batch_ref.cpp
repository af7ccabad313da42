#include "kernels/common/splitmix64.h"
#include "kernels/nn/head_batch.h"

namespace vggroove {
namespace {

// Calls visit(head, row of all heads, column, element) for every element of [heads, rows, width].
template <class Visit>
void for_each_element(const HeadBatchShape& shape, int width, Visit visit) {
  std::int64_t element = 0, row = 0;
  for (int head = 0; head < shape.heads; ++head) {
    for (int i = 0; i < shape.rows; ++i, ++row) {
      for (int column = 0; column < width; ++column, ++element) {
        visit(head, row, column, element);
      }
    }
  }
}

}  // namespace

void gather_head_rows_ref(double* x, const double* table, const std::int32_t* index,
                          const double* standardisation, const HeadBatchShape& shape) {
  const std::int64_t d = shape.columns;
  for_each_element(shape, head_width(shape.columns),
                   [&](std::int64_t head, std::int64_t row, int column, std::int64_t element) {
                     x[element] = 0;
                     if (index[row] >= 0 && column <= d) {
                       const double* const mean = standardisation + head * 2 * d;
                       x[element] = column == d ? 1
                                                : (table[index[row] * d + column] - mean[column]) *
                                                      mean[d + column];
                     }
                   });
}

void head_targets_ref(double* targets, const std::int32_t* labels, const std::int32_t* index,
                      const HeadBatchStep* steps, const HeadBatchShape& shape) {
  for_each_element(shape, shape.columns,
                   [&](int head, std::int64_t row, int column, std::int64_t element) {
                     const bool on = index[row] >= 0 && labels[index[row]] == column;
                     const float target = on ? steps[head].target_on : steps[head].target_off;
                     targets[element] = index[row] < 0 ? 0 : static_cast<double>(target);
                   });
}

void relu_dropout_ref(double* hidden, const HeadBatchStep* steps, const HeadBatchShape& shape) {
  for_each_element(
      shape, head_width(shape.columns),
      [&](int head, std::int64_t row, int column, std::int64_t element) {
        if (column >= shape.columns) {
          hidden[element] = column == shape.columns ? 1 : 0;
          return;
        }
        double factor = hidden[element] > 0 ? 1 : 0;
        if (steps != nullptr) {
          const std::int64_t of_head = row % shape.rows * shape.columns + column;
          const std::uint64_t number =
              splitmix64_at(steps[head].dropout_state, static_cast<std::uint64_t>(of_head)) >> 11;
          factor *=
              number < steps[head].dropout_threshold ? 0 : static_cast<double>(steps[head].kept);
        }
        hidden[element] *= factor;
      });
}

void relu_dropout_bwd_ref(double* grad, const double* hidden, const HeadBatchStep* steps,
                          const HeadBatchShape& shape) {
  for_each_element(shape, head_width(shape.columns),
                   [&](int head, std::int64_t, int column, std::int64_t element) {
                     const bool open = column < shape.columns && hidden[element] > 0;
                     grad[element] *= open ? static_cast<double>(steps[head].kept) : 0;
                   });
}

}  // namespace vggroove
