#include "train/finetune_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace vggroove {
namespace {

void check(bool good, const char* name, double value, const char* range) {
  if (!good) {
    throw Error(ErrorClass::kUsage,
                fmt::format("fine-tuning: {} is {}, but must be {}", name, value, range));
  }
}

const char* name_of(OptimiserKind kind) {
  return kind == OptimiserKind::kAdamW ? "adamw" : "sgd";
}
const char* name_of(ScheduleKind kind) {
  switch (kind) {
    case ScheduleKind::kCosine:
      return "cosine";
    case ScheduleKind::kStep:
      return "step";
    case ScheduleKind::kConstant:
      return "constant";
  }
  return "";
}

}  // namespace

void check_options(const FinetuneOptions& o) {
  check(o.learning_rate > 0 && std::isfinite(o.learning_rate), "the learning rate", o.learning_rate,
        "positive");
  check(o.layer_decay > 0 && o.layer_decay <= 1, "the layer decay", o.layer_decay,
        "above 0 and at most 1");
  check(o.momentum >= 0 && o.momentum < 1, "the momentum", o.momentum, "0 <= momentum < 1");
  check(o.weight_decay >= 0 && o.weight_decay * o.learning_rate < 1, "the weight decay",
        o.weight_decay, "at least 0 and less than 1 / learning rate");
  check(o.head_epochs >= 0, "the number of head epochs", o.head_epochs, "at least 0");
  check(o.warm_up_steps >= 0, "the number of warm-up steps", o.warm_up_steps, "at least 0");
  check(o.step_epochs >= 1, "the number of epochs between steps", o.step_epochs, "at least 1");
  check(o.step_factor > 0 && o.step_factor <= 1, "the step factor", o.step_factor,
        "above 0 and at most 1");
  check(o.dropout >= 0 && o.dropout < 1, "the dropout", o.dropout, "0 <= dropout < 1");
  check(o.label_smoothing >= 0 && o.label_smoothing < 1, "the label smoothing", o.label_smoothing,
        "0 <= smoothing < 1");
  check(o.clip_norm >= 0, "the gradient's norm", o.clip_norm, "at least 0");
  check(o.accumulation >= 1, "the number of batches per step", o.accumulation, "at least 1");
  check(o.batch_size >= 1 && o.batch_size <= 1024, "the batch size", o.batch_size, "1 .. 1024");
  check(o.max_epochs >= 1, "the number of epochs", o.max_epochs, "at least 1");
  check(o.patience >= 0, "the patience", o.patience, "at least 0");
  const Augmentation& a = o.augmentation;
  check(a.time_stretch >= 1 && a.time_stretch <= 2, "the time stretch", a.time_stretch, "1 .. 2");
  check(a.band_shift >= 0 && a.band_shift <= 32, "the band shift", a.band_shift, "0 .. 32 bands");
  check(a.gain_db >= 0 && a.gain_db <= 60, "the gain", a.gain_db, "0 .. 60 dB");
  check(a.filter_db >= 0 && a.filter_db <= 60, "the filters' gain", a.filter_db, "0 .. 60 dB");
  check(a.num_time_masks >= 0, "the number of time masks", a.num_time_masks, "at least 0");
  check(a.max_time_frames >= 0, "the width of time masks", a.max_time_frames, "at least 0");
  check(a.num_band_masks >= 0, "the number of band masks", a.num_band_masks, "at least 0");
  check(a.max_bands >= 0, "the width of band masks", a.max_bands, "at least 0");
  check(a.mixup_alpha >= 0 && std::isfinite(a.mixup_alpha), "mixup's alpha", a.mixup_alpha,
        "at least 0");
}

nlohmann::json settings_to_json(const FinetuneOptions& o) {
  const Augmentation& a = o.augmentation;
  return {{"first_layer", o.first_layer},
          {"head_epochs", o.head_epochs},
          {"optimiser", name_of(o.optimiser)},
          {"learning_rate", o.learning_rate},
          {"layer_decay", o.layer_decay},
          {"momentum", o.momentum},
          {"weight_decay", o.weight_decay},
          {"schedule", name_of(o.schedule)},
          {"warm_up_steps", o.warm_up_steps},
          {"step_epochs", o.step_epochs},
          {"step_factor", o.step_factor},
          {"dropout", o.dropout},
          {"label_smoothing", o.label_smoothing},
          {"class_weights", o.class_weights},
          {"clip_norm", o.clip_norm},
          {"accumulation", o.accumulation},
          {"batch", o.batch_size},
          {"max_epochs", o.max_epochs},
          {"patience", o.patience},
          {"seed", o.seed},
          {"augmentation",
           {{"random_crop", a.random_crop},
            {"time_stretch", a.time_stretch},
            {"band_shift", a.band_shift},
            {"gain_db", a.gain_db},
            {"filter_db", a.filter_db},
            {"time_masks", a.num_time_masks},
            {"time_frames", a.max_time_frames},
            {"band_masks", a.num_band_masks},
            {"bands", a.max_bands},
            {"mixup", a.mixup_alpha}}}};
}

double scheduled_learning_rate(const FinetuneOptions& options, std::int64_t step,
                               std::int64_t num_steps, std::int64_t steps_per_epoch) {
  const double base = options.learning_rate;
  const std::int64_t warm_up = options.warm_up_steps;
  if (step < warm_up) {
    return base * static_cast<double>(step + 1) / static_cast<double>(warm_up);
  }
  const auto done = static_cast<double>(step - warm_up);
  switch (options.schedule) {
    case ScheduleKind::kCosine: {
      const auto all = static_cast<double>(std::max<std::int64_t>(1, num_steps - warm_up));
      return base * (1 + std::cos(std::numbers::pi * done / all)) / 2;
    }
    case ScheduleKind::kStep: {
      const auto period = static_cast<double>(options.step_epochs * steps_per_epoch);
      return base * std::pow(options.step_factor, std::floor(done / period));
    }
    case ScheduleKind::kConstant:
      break;
  }
  return base;
}

}  // namespace vggroove
