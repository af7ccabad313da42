#include "base/error.h"
#include "kernels/nn/dropout.h"
#include "kernels/nn/dropout_mask.h"

namespace vggroove {

DropoutMask::DropoutMask(const DropoutParams& params) : seed_(params.seed), layer_(params.layer) {
  const double probability = params.drop_probability;
  if (!(probability >= 0 && probability < 1)) {
    throw Error(ErrorClass::kUsage, "dropout: the probability must be at least 0 and below 1");
  }
  threshold_ = static_cast<std::uint32_t>(probability * 4294967296.0);
  scale_ = static_cast<float>(1 / (1 - probability));
}

void dropout_multipliers_ref(double* multipliers, std::uint32_t step, std::int64_t count,
                             const DropoutParams& params) {
  const DropoutMask mask(params);
  const double scale = 1 / (1 - static_cast<double>(params.drop_probability));
  for (std::int64_t i = 0; i < count; ++i) {
    multipliers[i] = mask.draw(i / 4, step).keep[i % 4] ? scale : 0;
  }
}

}  // namespace vggroove
