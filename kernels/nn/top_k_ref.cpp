#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "kernels/nn/top_k.h"

namespace vggroove {

void top_k_ref(float* values, std::int32_t* indices, const float* rows, std::int64_t num_rows,
               int width, int k) {
  std::vector<std::int32_t> order(width);
  for (std::int64_t row = 0; row < num_rows; ++row) {
    const float* of_row = rows + row * width;
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
      return of_row[a] > of_row[b] || (std::isnan(of_row[b]) && !std::isnan(of_row[a]));
    });
    for (int i = 0; i < k; ++i) {
      indices[row * k + i] = order[i];
      values[row * k + i] = of_row[order[i]];
    }
  }
}

}  // namespace vggroove
