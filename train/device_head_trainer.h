#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "engine/heads/head_training_backend.h"
#include "train/feature_set.h"
#include "train/head_trainer.h"

namespace vggroove {

// What train_heads() is asked for, once.
struct HeadTask {
  std::span<const std::size_t> train_clips, validation_clips;
  std::span<const HeadTrainingOptions> settings;
};

// What train_heads() does, for many tasks and on a device: heads of the same number of hidden units
// and batch size train together, all tasks x all settings, until the last one stops; the results
// [tasks][settings]. The order of rows, the first weights and the units that fall are those of the
// processor, sums are rounded otherwise. `num_threads` of the host prepare and judge (0: one per
// core). on_epoch is called from one thread at a time.
// Throws what train_heads() throws, and what the device does.
std::vector<std::vector<TrainedHead>> train_heads_on(
    HeadTrainingBackend& device, const FeatureSet& features, std::span<const HeadTask> tasks,
    int num_threads = 0,
    const std::function<void(std::size_t task, std::size_t setting, const HeadEpoch&)>& on_epoch =
        {});

}  // namespace vggroove
