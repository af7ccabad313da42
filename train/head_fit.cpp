#include "train/head_fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <utility>

#include "base/error.h"
#include "engine/device/parallel_for.h"
#include "train/device_head_trainer.h"
#include "train/folds.h"
#include "train/random.h"

namespace vggroove {
namespace {

// weights [D, out] and biases [out] of a dense layer that takes inputs standardised as `from` does,
// rewritten for inputs standardised as `to` does:
//   (x - m_from) s_from = (x - m_to) s_to (s_from / s_to) + (m_to - m_from) s_from
void restandardise(std::vector<float>& weights, std::vector<float>& biases, const DenseHead& from,
                   const DenseHead& to) {
  const std::size_t num_outputs = biases.size();
  for (std::size_t o = 0; o < num_outputs; ++o) {
    double shift = 0;
    for (std::size_t i = 0; i < from.mean.size(); ++i) {
      float& weight = weights[i * num_outputs + o];
      const double scale = from.scale[i];
      shift += (static_cast<double>(to.mean[i]) - from.mean[i]) * scale * weight;
      weight = static_cast<float>(weight * (scale / to.scale[i]));
    }
    biases[o] += static_cast<float>(shift);
  }
}

// sums += values / count
void add_mean(std::vector<float>& sums, const std::vector<float>& values, std::size_t count) {
  sums.resize(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    sums[i] += values[i] / static_cast<float>(count);
  }
}

// What one member of a fit is trained on, and how: every setting with the member's seed.
struct PlannedMember {
  TrainingSplit split;
  std::vector<HeadTrainingOptions> settings;
};

std::vector<PlannedMember> plan_members(const FeatureSet& features, const HeadFit& fit,
                                        const HeadFitOptions& options) {
  if (options.num_members < 1) {
    throw Error(ErrorClass::kUsage, fmt::format("training: {} heads to average; at least 1 is "
                                                "needed",
                                                options.num_members));
  }
  std::vector<PlannedMember> members(static_cast<std::size_t>(options.num_members));
  for (std::size_t m = 0; m < members.size(); ++m) {
    Random seeds(fit.seed, m);
    members[m].settings.assign(fit.settings.begin(), fit.settings.end());
    const std::uint64_t seed = seeds.next();
    for (HeadTrainingOptions& training : members[m].settings) {
      training.seed = seed;
    }
    members[m].split = {{fit.clips.begin(), fit.clips.end()},
                        {fit.validation_clips.begin(), fit.validation_clips.end()}};
    if (fit.validation_clips.empty()) {
      members[m].split =
          hold_out(features, fit.clips, options.validation_fraction, options.grouped, seeds.next());
    }
  }
  return members;
}

// trained [members][settings] -> [settings]
std::vector<FittedHead> combine(const std::vector<PlannedMember>& members,
                                std::span<std::vector<TrainedHead>> trained) {
  std::vector<FittedHead> results(trained.front().size());
  for (std::size_t s = 0; s < results.size(); ++s) {
    std::vector<DenseHead> heads;
    for (std::size_t m = 0; m < members.size(); ++m) {
      TrainedHead& member = trained[m][s];
      results[s].members.push_back({.num_train_clips = members[m].split.train.size(),
                                    .num_validation_clips = members[m].split.validation.size(),
                                    .best_epoch = member.best_epoch,
                                    .epochs = std::move(member.epochs)});
      heads.push_back(std::move(member.head));
    }
    results[s].head = mean_of_heads(heads);
  }
  return results;
}

using OnEpochOfFit = std::function<void(std::size_t fit, int member, const HeadEpoch&)>;

std::vector<std::vector<FittedHead>> fit_on_device(
    const FeatureSet& features, const std::vector<std::vector<PlannedMember>>& planned,
    HeadTrainingBackend& device, int num_threads, const OnEpochOfFit& on_epoch) {
  std::vector<HeadTask> tasks;
  std::vector<std::pair<std::size_t, int>> places;  // fit, member
  for (std::size_t f = 0; f < planned.size(); ++f) {
    for (std::size_t m = 0; m < planned[f].size(); ++m) {
      const PlannedMember& member = planned[f][m];
      tasks.push_back({member.split.train, member.split.validation, member.settings});
      places.emplace_back(f, static_cast<int>(m));
    }
  }
  const auto report = [&](std::size_t task, std::size_t, const HeadEpoch& epoch) {
    if (on_epoch) {
      on_epoch(places[task].first, places[task].second, epoch);
    }
  };
  std::vector<std::vector<TrainedHead>> trained =
      train_heads_on(device, features, tasks, num_threads, report);
  std::vector<std::vector<FittedHead>> results;
  std::size_t first = 0;
  for (const std::vector<PlannedMember>& members : planned) {
    results.push_back(combine(members, std::span(trained).subspan(first, members.size())));
    first += members.size();
  }
  return results;
}

std::vector<FittedHead> fit_on_processor(const FeatureSet& features,
                                         const std::vector<PlannedMember>& members, std::size_t fit,
                                         int num_threads, const OnEpochOfFit& on_epoch) {
  std::mutex one_epoch_at_a_time;
  std::vector<std::vector<TrainedHead>> trained(members.size());
  const auto train_member = [&](std::size_t m) {
    const auto report = [&](std::size_t, const HeadEpoch& epoch) {
      if (on_epoch) {
        const std::lock_guard lock(one_epoch_at_a_time);
        on_epoch(fit, static_cast<int>(m), epoch);
      }
    };
    trained[m] = train_heads(features, members[m].split.train, members[m].split.validation,
                             members[m].settings, report);
  };
  parallel_for(members.size(), train_member, num_threads);
  return combine(members, trained);
}

}  // namespace

DenseHead mean_of_heads(std::span<const DenseHead> heads) {
  const DenseHead& first = heads.front();
  if (heads.size() == 1) {
    return first;
  }
  const std::size_t d = first.mean.size(), count = heads.size();
  const auto hidden = static_cast<std::size_t>(first.num_hidden);
  DenseHead mean = first;
  mean.num_hidden = static_cast<int>(count * hidden);
  mean.hidden_weights.assign(d * count * hidden, 0);
  mean.hidden_biases.clear();
  mean.logits_weights.clear();
  mean.logits_biases.clear();
  for (std::size_t m = 0; m < count; ++m) {
    DenseHead member = heads[m];
    if (hidden == 0) {
      restandardise(member.logits_weights, member.logits_biases, heads[m], first);
      add_mean(mean.logits_weights, member.logits_weights, count);
    } else {
      restandardise(member.hidden_weights, member.hidden_biases, heads[m], first);
      for (std::size_t i = 0; i < d; ++i) {
        std::copy_n(member.hidden_weights.data() + i * hidden, hidden,
                    mean.hidden_weights.data() + (i * count + m) * hidden);
      }
      mean.hidden_biases.insert(mean.hidden_biases.end(), member.hidden_biases.begin(),
                                member.hidden_biases.end());
      for (const float weight : member.logits_weights) {
        mean.logits_weights.push_back(weight / static_cast<float>(count));
      }
    }
    add_mean(mean.logits_biases, member.logits_biases, count);
  }
  return mean;
}

TrainingSplit hold_out(const FeatureSet& features, std::span<const std::size_t> clips,
                       double fraction, bool grouped, std::uint64_t seed) {
  if (!(fraction >= 0 && fraction <= 0.5)) {
    throw Error(
        ErrorClass::kUsage,
        fmt::format("training: the validation fraction is {}, but must be 0 .. 0.5", fraction));
  }
  TrainingSplit split{{clips.begin(), clips.end()}, {}};
  if (fraction == 0) {
    return split;
  }
  std::vector<int> labels;
  std::vector<std::string> groups;
  for (const std::size_t clip : clips) {
    labels.push_back(features.clips[clip].label);
    if (grouped) {
      groups.push_back(features.clips[clip].group);
    }
  }
  const std::vector<std::size_t> held_out = stratified_holdout(labels, groups, fraction, seed);
  split.train.clear();
  for (std::size_t i = 0; i < clips.size(); ++i) {
    const bool validates = std::binary_search(held_out.begin(), held_out.end(), i);
    (validates ? split.validation : split.train).push_back(clips[i]);
  }
  return split;
}

FittedHead fit_head(const FeatureSet& features, std::span<const std::size_t> clips,
                    std::span<const std::size_t> validation_clips, const HeadFitOptions& options,
                    int num_threads,
                    const std::function<void(int member, const HeadEpoch&)>& on_epoch) {
  return std::move(fit_heads(features, clips, validation_clips, options, {&options.training, 1},
                             num_threads, on_epoch)
                       .front());
}

std::vector<FittedHead> fit_heads(
    const FeatureSet& features, std::span<const std::size_t> clips,
    std::span<const std::size_t> validation_clips, const HeadFitOptions& options,
    std::span<const HeadTrainingOptions> settings, int num_threads,
    const std::function<void(int member, const HeadEpoch&)>& on_epoch) {
  const HeadFit fit{clips, validation_clips, settings, options.training.seed};
  OnEpochOfFit report;
  if (on_epoch) {
    report = [&](std::size_t, int member, const HeadEpoch& epoch) { on_epoch(member, epoch); };
  }
  return std::move(fit_all_heads(features, {&fit, 1}, options, num_threads, report).front());
}

std::vector<std::vector<FittedHead>> fit_all_heads(
    const FeatureSet& features, std::span<const HeadFit> fits, const HeadFitOptions& options,
    int num_threads,
    const std::function<void(std::size_t fit, int member, const HeadEpoch&)>& on_epoch) {
  std::vector<std::vector<PlannedMember>> planned;
  for (const HeadFit& fit : fits) {
    planned.push_back(plan_members(features, fit, options));
  }
  if (options.device != nullptr) {
    return fit_on_device(features, planned, *options.device, num_threads, on_epoch);
  }
  std::vector<std::vector<FittedHead>> results;
  for (std::size_t f = 0; f < planned.size(); ++f) {
    results.push_back(fit_on_processor(features, planned[f], f, num_threads, on_epoch));
  }
  return results;
}

}  // namespace vggroove
