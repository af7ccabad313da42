#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/device/aligned_vector.h"

namespace vggroove {

// Adam with decoupled weight decay (Loshchilov and Hutter 2019), the arithmetic of PyTorch's AdamW:
// beta 0.9 and 0.999, epsilon 1e-8.
class Adam {
 public:
  // weight_decay [parameters]: 0 where a parameter (a bias) must not shrink
  Adam(double learning_rate, std::span<const float> weight_decay);
  // parameters and gradient [parameters]
  void step(std::span<float> parameters, std::span<const float> gradient);

 private:
  struct Run {  // of parameters with the same weight decay
    std::size_t count = 0;
    float weight_decay = 0;
  };

  double learning_rate_;
  std::vector<Run> runs_;
  AlignedVector<float> first_moment_, second_moment_;
  std::int64_t num_steps_ = 0;
};

}  // namespace vggroove
