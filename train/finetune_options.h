#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace vggroove {

enum class OptimiserKind { kAdamW, kSgd };
enum class ScheduleKind { kCosine, kStep, kConstant };

// What is done to the examples of a training batch. Everything off: they are taken as they are.
struct Augmentation {
  bool random_crop = false;  // begin anywhere in the clip, not at multiples of an example
  double time_stretch = 1;   // up to so many times as quick or as slow; 1: at its own tempo
  double band_shift = 0;     // up or down by up to so many bands
  double gain_db = 0;        // louder or softer by up to this
  double filter_db = 0;      // FilterAugment (Nam et al. 2022): filters of up to this either way
  // SpecAugment (Park et al. 2019) without warping: stripes of random width become silence.
  int num_time_masks = 0, max_time_frames = 16;
  int num_band_masks = 0, max_bands = 8;
  double mixup_alpha = 0;  // Zhang et al. 2018: Beta(alpha, alpha); 0: no mixup
};

struct FinetuneOptions {
  // The layers from here up are trained; "head" is the head alone.
  std::string first_layer = "conv1";
  int head_epochs = 0;  // the first epochs, in which the head learns alone
  OptimiserKind optimiser = OptimiserKind::kAdamW;
  double learning_rate = 1e-4;
  double layer_decay = 1;  // of the learning rate, from a layer to the one below it
  double momentum = 0.9;   // of SGD
  double weight_decay = 0.01;
  ScheduleKind schedule = ScheduleKind::kCosine;
  int warm_up_steps = 0;
  int step_epochs = 10;  // kStep: every so many epochs the learning rate is multiplied by
  double step_factor = 0.1;
  double dropout = 0.2;
  double label_smoothing = 0;
  bool class_weights = false;  // classes count the same, however many examples they have
  double clip_norm = 0;        // of the whole gradient; 0: no clipping
  int accumulation = 1;        // batches per step
  int batch_size = 32;
  int max_epochs = 20;
  int patience = 5;  // epochs without a better validation loss before stopping; 0: never
  std::uint64_t seed = 0;
  Augmentation augmentation;
};

// Throws Error(kUsage) naming the option that is out of range.
void check_options(const FinetuneOptions& options);

nlohmann::json settings_to_json(const FinetuneOptions& options);

// The learning rate of step `step` (from 0) of `num_steps`: a linear rise over warm_up_steps, of
// which the first is 1 / warm_up_steps of the whole, then the schedule over the rest.
double scheduled_learning_rate(const FinetuneOptions& options, std::int64_t step,
                               std::int64_t num_steps, std::int64_t steps_per_epoch);

}  // namespace vggroove
