#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "kernels/dsp/logmel.h"

namespace vggroove {

// Cuts one clip's samples (mono, 16 kHz) into examples, those of the definition: the first begins
// with the clip, each takes 15 600 samples, and they begin 15 360 samples apart.
class ExampleCutter {
 public:
  // Takes samples of any number; keeps what does not fill an example yet.
  void push(std::span<const float> samples);

  // The next example [15600], valid until the next push(); empty where none is finished.
  std::span<const float> pop();

  // At the end of a clip that gave no example: pads with silence to exactly one.
  void pad_to_one_example();

 private:
  std::vector<float> samples_;
  std::size_t first_ = 0;  // samples before it are used up
  bool gave_example_ = false;

  std::size_t num_waiting() const { return samples_.size() - first_; }
};

}  // namespace vggroove
