#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "engine/nets/vggish_training.h"
#include "train/finetune_options.h"

namespace vggroove {

// The optimiser's state of the parameters that may be trained, and its steps. Weights decay, biases
// do not.
class FinetuneOptimiser {
 public:
  // The backend and the network must outlive this.
  FinetuneOptimiser(TrainingBackend& backend, VggishTraining& net, const FinetuneOptions& options,
                    std::size_t first_layer);

  // Steps all parameters that the network trains now, from their gradients. head_step and
  // body_step count from 1 since the head, and the layers below it, began to learn.
  void step(double learning_rate, std::int64_t head_step, std::int64_t body_step);

  // The arrays of state of a parameter, in its layout: 2 for AdamW, 1 for SGD; none where it is
  // never trained.
  std::size_t num_moments(std::size_t parameter) const { return moments_[parameter].size(); }
  float* moment(std::size_t parameter, std::size_t index) {
    return moments_[parameter][index].as<float>();
  }

 private:
  const float* clip_factor();
  void make_step();

  TrainingBackend& backend_;
  VggishTraining& net_;
  const FinetuneOptions options_;
  std::vector<std::vector<DeviceMemory>> moments_;  // [parameters]
  DeviceMemory squares_, factor_;
  DeviceMemory head_step_, body_step_;
  std::map<std::size_t, std::unique_ptr<CallSequence>> sequences_;  // by first trainable layer
};

}  // namespace vggroove
