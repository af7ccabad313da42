#include "base/error.h"
#include "kernels/nn/dropout.h"
#include "kernels/nn/dropout_mask.h"

namespace vggroove {

DropoutMask::DropoutMask(const DropoutParams& params)
    : seed_offset_(params.seed_offset), example_values_(params.example_values) {
  const double probability = params.drop_probability;
  if (!(probability >= 0 && probability < 1)) {
    throw Error(ErrorClass::kUsage, "dropout: the probability must be at least 0 and below 1");
  }
  threshold_ = static_cast<std::uint32_t>(probability * 4294967296.0);
  scale_ = static_cast<float>(1 / (1 - probability));
}

void dropout_multipliers_ref(double* multipliers, const DropoutBatch& batch, std::int64_t count,
                             const DropoutParams& params) {
  const DropoutMask mask(params);
  const double scale = 1 / (1 - params.drop_probability);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t index = mask.first_index(batch) + i;
    multipliers[i] = mask.draw(batch, index / 4).keep[index % 4] ? scale : 0;
  }
}

}  // namespace vggroove
