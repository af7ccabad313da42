#pragma once

#include <cmath>
#include <cstddef>
#include <variant>
#include <vector>

#include "engine/nets/vggish_training.h"
#include "tests/train/toy_features.h"
#include "train/finetune_options.h"
#include "train/random.h"

namespace vggroove::testing {

// A network of VGGish's kinds of layers that trains in milliseconds, and examples for it.
inline constexpr std::size_t kSide = 8;

inline TrainingNet small_net(std::size_t classes) {
  return {.body = {{"conv1", Conv3x3Spec{kSide, kSide, 1, 64, true}},
                   {"conv2", Conv3x3Spec{4, 4, 64, 64, true}},
                   {"fc1", DenseSpec{256, 64, true}},
                   {"fc2", DenseSpec{64, 32, false}}},
          .num_hidden = 20,
          .num_classes = classes};
}

// Noise of unit deviation, 3 examples of [8, 8] per clip; class c is louder by `signal` in frame c.
inline FeatureSet toy_logmels(int classes, int clips_per_class, float signal) {
  FeatureSet logmels = toy_features(classes, clips_per_class, 0, /*seed=*/1, kSide * kSide);
  for (const FeatureSet::Clip& clip : logmels.clips) {
    for (std::size_t row = clip.first_row; row < clip.first_row + clip.num_rows; ++row) {
      for (std::size_t band = 0; band < kSide; ++band) {
        logmels.rows[(row * kSide + static_cast<std::size_t>(clip.label)) * kSide + band] += signal;
      }
    }
  }
  return logmels;
}

// Everything that draws random numbers or adds up over batches, in four short epochs.
inline FinetuneOptions options_of_all_kinds() {
  FinetuneOptions options;
  options.dropout = 0.3;
  options.label_smoothing = 0.1;
  options.class_weights = true;
  options.clip_norm = 1;
  options.accumulation = 2;
  options.batch_size = 5;
  options.max_epochs = 4;
  options.patience = 0;
  options.seed = 11;
  options.augmentation = {.random_crop = true,
                          .time_stretch = 1.2,
                          .band_shift = 1,
                          .gain_db = 3,
                          .filter_db = 3,
                          .num_time_masks = 1,
                          .max_time_frames = 2,
                          .num_band_masks = 1,
                          .max_bands = 2,
                          .mixup_alpha = 0.4};
  return options;
}

// He's weights, the same whenever it is called.
inline void load_he_weights(VggishTraining& net) {
  const auto layers = net.net().layers();
  Random random(3);
  for (std::size_t i = 0; i < net.parameters().size(); ++i) {
    std::vector<float> values(net.parameters()[i].count);
    const auto& spec = layers[net.parameters()[i].layer].spec;
    const auto* const conv = std::get_if<Conv3x3Spec>(&spec);
    const std::size_t fan_in = conv ? 9 * conv->in_channels : std::get<DenseSpec>(spec).inputs;
    for (float& value : values) {
      value =
          net.parameters()[i].is_weights
              ? static_cast<float>(random.normal() * std::sqrt(2.0 / static_cast<double>(fan_in)))
              : 0;
    }
    net.to_device(i, net.parameter(i), values);
  }
}

}  // namespace vggroove::testing
