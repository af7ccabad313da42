#include "kernels/optim/global_norm.h"

namespace vggroove {

double square_sum_ref(const double* grad, std::int64_t count) {
  double sum = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    sum += grad[i] * grad[i];
  }
  return sum;
}

}  // namespace vggroove
