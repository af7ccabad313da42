#pragma once

#include <cstddef>
#include <span>

#include "train/finetune_options.h"
#include "train/random.h"

namespace vggroove {

// Of one log-mel example.
struct ExampleShape {
  std::size_t frames = 0, bands = 0;
  std::size_t count() const { return frames * bands; }
};

// One log-mel example of a clip, augmented; everything random about it is drawn from `random`.
//   example      [frames, bands]
//   clip         [clip_frames, bands], clip_frames >= frames
//   first_frame  where it begins, at most clip_frames - frames, unless random_crop draws another
//                place; earlier where a quicker tempo would need more frames than are left
void augmented_example(std::span<float> example, std::span<const float> clip,
                       std::size_t first_frame, const ExampleShape& shape,
                       const Augmentation& augmentation, Random& random);

}  // namespace vggroove
