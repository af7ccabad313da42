#include "train/finetune_optimiser.h"

#include <cmath>

namespace vggroove {

FinetuneOptimiser::FinetuneOptimiser(TrainingBackend& backend, VggishTraining& net,
                                     const FinetuneOptions& options, std::size_t first_layer)
    : backend_(backend),
      net_(net),
      options_(options),
      moments_(net.parameters().size()),
      squares_(backend.allocate(sizeof(double))),
      factor_(backend.allocate(sizeof(float))),
      head_step_(backend.allocate(sizeof(OptimiserStep))),
      body_step_(backend.allocate(sizeof(OptimiserStep))) {
  const std::size_t num_moments = options.optimiser == OptimiserKind::kAdamW ? 2 : 1;
  for (std::size_t i = 0; i < moments_.size(); ++i) {
    if (net.parameters()[i].layer >= first_layer) {
      for (std::size_t m = 0; m < num_moments; ++m) {
        moments_[i].push_back(backend.allocate(net.parameters()[i].count * sizeof(float)));
      }
    }
  }
}

// On the device; null: no clipping.
const float* FinetuneOptimiser::clip_factor() {
  if (options_.clip_norm == 0) {
    return nullptr;
  }
  backend_.fill_zero(squares_.as<double>(), sizeof(double));
  for (std::size_t i = 0; i < moments_.size(); ++i) {
    if (net_.is_trainable(i)) {
      backend_.add_squares(squares_.as<double>(), net_.gradient(i), net_.parameters()[i].count);
    }
  }
  backend_.clip_factor(factor_.as<float>(), squares_.as<double>(), options_.clip_norm);
  return factor_.as<float>();
}

void FinetuneOptimiser::step(double learning_rate, std::int64_t head_step, std::int64_t body_step) {
  backend_.optimiser_step_to_device(head_step_.as<void>(),
                                    optimiser_step(learning_rate, head_step));
  backend_.optimiser_step_to_device(body_step_.as<void>(),
                                    optimiser_step(learning_rate, body_step));
  backend_.repeat("optimiser", sequences_[net_.first_trainable_layer()], [this] { make_step(); });
}

void FinetuneOptimiser::make_step() {
  const float* const factor = clip_factor();
  const std::size_t top = net_.parameters().back().layer;
  for (std::size_t i = 0; i < moments_.size(); ++i) {
    if (!net_.is_trainable(i)) {
      continue;
    }
    const TrainingParameter& parameter = net_.parameters()[i];
    const double scale = std::pow(options_.layer_decay, static_cast<double>(top - parameter.layer));
    const double decay = parameter.is_weights ? options_.weight_decay : 0;
    const bool in_head = parameter.layer >= net_.net().body.size();
    const void* const step = (in_head ? head_step_ : body_step_).as<void>();
    if (options_.optimiser == OptimiserKind::kAdamW) {
      backend_.adamw(net_.parameter(i), moment(i, 0), moment(i, 1), net_.gradient(i), factor,
                     parameter.count, step, {.learning_rate_scale = scale, .weight_decay = decay});
    } else {
      backend_.sgd(
          net_.parameter(i), moment(i, 0), net_.gradient(i), factor, parameter.count, step,
          {.learning_rate_scale = scale, .weight_decay = decay, .momentum = options_.momentum});
    }
  }
}

}  // namespace vggroove
