#include "kernels/optim/global_norm.h"

#include <cmath>

namespace vggroove {

double square_sum_ref(const double* grad, std::int64_t count) {
  double sum = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    sum += grad[i] * grad[i];
  }
  return sum;
}

double clip_factor_ref(double total, double max_norm) {
  const double ratio = max_norm / (std::sqrt(total) + 1e-6);
  return ratio >= 1 ? 1 : ratio;  // std::min would hide a NaN
}

}  // namespace vggroove
