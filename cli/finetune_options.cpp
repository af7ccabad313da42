#include "cli/finetune_options.h"

#include <map>
#include <string>
#include <vector>

namespace vggroove::cli {

namespace {

constexpr const char* kTraining = "Training";
constexpr const char* kOptimiser = "Optimiser";
constexpr const char* kRegularisation = "Regularisation and augmentation";

// Adds options whose defaults are their values.
auto adder(CLI::App& verb, const std::string& group) {
  return [&verb, group](const char* name, auto& value, const char* text) {
    return verb.add_option(name, value, text)->capture_default_str()->group(group);
  };
}

}  // namespace

void add_finetune_options(CLI::App& verb, FinetuneOptions& o) {
  const auto training = adder(verb, kTraining);
  training("--epochs", o.max_epochs, "Passes over the data at most");
  training("--patience", o.patience,
           "Epochs without a better validation loss before stopping; 0: never stop early");
  training("--batch", o.batch_size, "Examples at a time");
  training("--seed", o.seed, "Seed; the same seed gives the same result, bit for bit");
  const auto optimiser = adder(verb, kOptimiser);
  optimiser("--lr", o.learning_rate, "Learning rate; sgd needs about a hundred times more");
  optimiser("--weight-decay", o.weight_decay, "Weight decay, decoupled in adamw");
  const auto regularisation = adder(verb, kRegularisation);
  regularisation("--dropout", o.dropout, "Share of the dense layers' units left out at random");
  regularisation("--label-smoothing", o.label_smoothing,
                 "Share of the target spread over all genres");
  add_finetune_only_options(verb, o, "");
}

std::vector<std::string> add_finetune_only_options(CLI::App& verb, FinetuneOptions& o,
                                                   const std::string& heading) {
  std::vector<const CLI::Option*> added;
  const auto training = [&, add = adder(verb, heading + kTraining)](auto&&... what) {
    added.push_back(add(what...));
  };
  training("--layers", o.first_layer,
           "The lowest layer to train: conv1 (all), conv2, conv3_1, conv3_2, conv4_1, conv4_2, "
           "fc1_1, fc1_2, fc2 or head");
  training("--head-epochs", o.head_epochs,
           "Epochs at the beginning in which the head learns alone");
  training("--accumulate", o.accumulation, "Batches per step");

  const auto optimiser = [&, add = adder(verb, heading + kOptimiser)](auto&&... what) {
    added.push_back(add(what...));
  };
  const std::map<std::string, OptimiserKind> kinds = {{"adamw", OptimiserKind::kAdamW},
                                                      {"sgd", OptimiserKind::kSgd}};
  added.push_back(
      verb.add_option("--optimizer", o.optimiser, "adamw, or sgd with momentum (default: adamw)")
          ->type_name("NAME")
          ->transform(CLI::CheckedTransformer(kinds).description(""))
          ->group(heading + kOptimiser));
  optimiser("--layer-decay", o.layer_decay,
            "Factor of the learning rate from each layer to the one below it");
  optimiser("--momentum", o.momentum, "Momentum of sgd");
  optimiser("--clip-norm", o.clip_norm, "Largest norm of the gradient; 0: any");
  const std::map<std::string, ScheduleKind> schedules = {{"cosine", ScheduleKind::kCosine},
                                                         {"step", ScheduleKind::kStep},
                                                         {"constant", ScheduleKind::kConstant}};
  added.push_back(verb.add_option("--schedule", o.schedule,
                                  "Of the learning rate: cosine, step or constant (default: "
                                  "cosine)")
                      ->type_name("NAME")
                      ->transform(CLI::CheckedTransformer(schedules).description(""))
                      ->group(heading + kOptimiser));
  optimiser("--warm-up", o.warm_up_steps, "Steps over which the learning rate rises");
  optimiser("--step-epochs", o.step_epochs, "Epochs between the steps of --schedule step");
  optimiser("--step-factor", o.step_factor, "Factor of the learning rate at each of them");

  const auto regularisation = [&, add = adder(verb, heading + kRegularisation)](auto&&... what) {
    added.push_back(add(what...));
  };
  added.push_back(verb.add_flag("--class-weights", o.class_weights,
                                "Let all genres count the same, however many examples they have")
                      ->group(heading + kRegularisation));
  Augmentation& a = o.augmentation;
  added.push_back(
      verb.add_flag("--random-crop", a.random_crop, "Let examples begin anywhere in their clip")
          ->group(heading + kRegularisation));
  regularisation("--time-stretch", a.time_stretch,
                 "Play examples up to this many times as quickly or as slowly; 1: do not");
  regularisation("--band-shift", a.band_shift,
                 "Move examples up or down by up to this many mel bands");
  regularisation("--gain", a.gain_db, "Make examples louder or softer by up to this many dB");
  regularisation("--filter", a.filter_db,
                 "FilterAugment: random filters of up to this many dB either way");
  regularisation("--time-masks", a.num_time_masks, "SpecAugment: stripes of time to silence");
  regularisation("--time-mask-frames", a.max_time_frames, "Their width at most, of 96");
  regularisation("--band-masks", a.num_band_masks, "SpecAugment: stripes of bands to silence");
  regularisation("--band-mask-bands", a.max_bands, "Their width at most, of 64");
  regularisation("--mixup", a.mixup_alpha, "Mix pairs of examples by Beta(a, a); 0: do not");
  std::vector<std::string> names;
  names.reserve(added.size());
  for (const CLI::Option* const option : added) {
    names.push_back(option->get_name());
  }
  return names;
}

}  // namespace vggroove::cli
