#pragma once

#include <cstdint>

#include "kernels/common/host_device.h"
#include "kernels/common/philox.h"
#include "kernels/nn/dropout.h"

namespace vggroove {

// DropoutParams, ready for drawing: one Philox block decides on four elements.
class DropoutMask {
 public:
  // Throws Error (kUsage) where the probability is not in [0, 1).
  explicit DropoutMask(const DropoutParams& params);

  VGGROOVE_HOST_DEVICE constexpr std::int64_t first_index(const DropoutBatch& batch) const {
    return batch.first_example * example_values_;
  }
  // Whether elements 4 * quad .. 4 * quad + 3 stay.
  struct Four {
    bool keep[4];
    VGGROOVE_HOST_DEVICE constexpr unsigned bits() const {  // the first element's is the lowest
      return (keep[0] ? 1U : 0U) | (keep[1] ? 2U : 0U) | (keep[2] ? 4U : 0U) | (keep[3] ? 8U : 0U);
    }
  };
  VGGROOVE_HOST_DEVICE constexpr Four draw(const DropoutBatch& batch, std::int64_t quad) const {
    const auto index = static_cast<std::uint64_t>(quad);
    const PhiloxBlock random = philox4x32(
        {{static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32), 0, 0}},
        batch.seed + seed_offset_);
    return {{random.word[0] >= threshold_, random.word[1] >= threshold_,
             random.word[2] >= threshold_, random.word[3] >= threshold_}};
  }
  VGGROOVE_HOST_DEVICE constexpr float scale() const { return scale_; }

 private:
  std::uint64_t seed_offset_;
  std::int64_t example_values_;
  std::uint32_t threshold_;  // probability * 2^32: an element falls where its number is below it
  float scale_;              // 1 / (1 - probability)
};

}  // namespace vggroove
