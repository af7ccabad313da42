#include "cli/finetune_options.h"

#include <map>
#include <string>

namespace vggroove::cli {

void add_finetune_options(CLI::App& verb, FinetuneOptions& o) {
  const auto add_to = [&verb](const char* group) {
    return [&verb, group](const char* name, auto& value, const char* text) {
      verb.add_option(name, value, text)->capture_default_str()->group(group);
    };
  };
  const auto training = add_to("Training");
  training("--layers", o.first_layer,
           "The lowest layer to train: conv1 (all), conv2, conv3_1, conv3_2, conv4_1, conv4_2, "
           "fc1_1, fc1_2, fc2 or head");
  training("--head-epochs", o.head_epochs,
           "Epochs at the beginning in which the head learns alone");
  training("--epochs", o.max_epochs, "Passes over the data at most");
  training("--patience", o.patience,
           "Epochs without a better validation loss before stopping; 0: never stop early");
  training("--batch", o.batch_size, "Examples at a time");
  training("--accumulate", o.accumulation, "Batches per step");
  training("--seed", o.seed, "Seed; the same seed gives the same result, bit for bit");

  const auto optimiser = add_to("Optimiser");
  const std::map<std::string, OptimiserKind> kinds = {{"adamw", OptimiserKind::kAdamW},
                                                      {"sgd", OptimiserKind::kSgd}};
  verb.add_option("--optimizer", o.optimiser, "adamw, or sgd with momentum (default: adamw)")
      ->type_name("NAME")
      ->transform(CLI::CheckedTransformer(kinds).description(""))
      ->group("Optimiser");
  optimiser("--lr", o.learning_rate, "Learning rate; sgd needs about a hundred times more");
  optimiser("--layer-decay", o.layer_decay,
            "Factor of the learning rate from each layer to the one below it");
  optimiser("--momentum", o.momentum, "Momentum of sgd");
  optimiser("--weight-decay", o.weight_decay, "Weight decay, decoupled in adamw");
  optimiser("--clip-norm", o.clip_norm, "Largest norm of the gradient; 0: any");
  const std::map<std::string, ScheduleKind> schedules = {{"cosine", ScheduleKind::kCosine},
                                                         {"step", ScheduleKind::kStep},
                                                         {"constant", ScheduleKind::kConstant}};
  verb.add_option("--schedule", o.schedule,
                  "Of the learning rate: cosine, step or constant (default: cosine)")
      ->type_name("NAME")
      ->transform(CLI::CheckedTransformer(schedules).description(""))
      ->group("Optimiser");
  optimiser("--warm-up", o.warm_up_steps, "Steps over which the learning rate rises");
  optimiser("--step-epochs", o.step_epochs, "Epochs between the steps of --schedule step");
  optimiser("--step-factor", o.step_factor, "Factor of the learning rate at each of them");

  const auto regularisation = add_to("Regularisation and augmentation");
  regularisation("--dropout", o.dropout, "Share of the dense layers' units left out at random");
  regularisation("--label-smoothing", o.label_smoothing,
                 "Share of the target spread over all genres");
  verb.add_flag("--class-weights", o.class_weights,
                "Let all genres count the same, however many examples they have")
      ->group("Regularisation and augmentation");
  Augmentation& a = o.augmentation;
  verb.add_flag("--random-crop", a.random_crop, "Let examples begin anywhere in their clip")
      ->group("Regularisation and augmentation");
  regularisation("--gain", a.gain_db, "Make examples louder or softer by up to this many dB");
  regularisation("--time-masks", a.num_time_masks, "SpecAugment: stripes of time to silence");
  regularisation("--time-mask-frames", a.max_time_frames, "Their width at most, of 96");
  regularisation("--band-masks", a.num_band_masks, "SpecAugment: stripes of bands to silence");
  regularisation("--band-mask-bands", a.max_bands, "Their width at most, of 64");
  regularisation("--mixup", a.mixup_alpha, "Mix pairs of examples by Beta(a, a); 0: do not");
}

}  // namespace vggroove::cli
