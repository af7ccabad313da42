#include "train/head_fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <string>

#include "base/error.h"
#include "engine/device/parallel_for.h"
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
  if (options.num_members < 1) {
    throw Error(ErrorClass::kUsage, fmt::format("training: {} heads to average; at least 1 is "
                                                "needed",
                                                options.num_members));
  }
  const auto num_members = static_cast<std::size_t>(options.num_members);
  std::vector<FittedHead> results(settings.size());
  for (FittedHead& result : results) {
    result.members.resize(num_members);
  }
  std::vector<std::vector<DenseHead>> heads(settings.size(), std::vector<DenseHead>(num_members));
  std::mutex one_epoch_at_a_time;
  const auto train_member = [&](std::size_t m) {
    Random seeds(options.training.seed, m);
    std::vector<HeadTrainingOptions> of_member(settings.begin(), settings.end());
    const std::uint64_t seed = seeds.next();
    for (HeadTrainingOptions& training : of_member) {
      training.seed = seed;
    }
    TrainingSplit split{{clips.begin(), clips.end()},
                        {validation_clips.begin(), validation_clips.end()}};
    if (validation_clips.empty()) {
      split = hold_out(features, clips, options.validation_fraction, options.grouped, seeds.next());
    }
    const auto report = [&](std::size_t, const HeadEpoch& epoch) {
      if (on_epoch) {
        const std::lock_guard lock(one_epoch_at_a_time);
        on_epoch(static_cast<int>(m), epoch);
      }
    };
    std::vector<TrainedHead> trained =
        train_heads(features, split.train, split.validation, of_member, report);
    for (std::size_t s = 0; s < trained.size(); ++s) {
      heads[s][m] = std::move(trained[s].head);
      results[s].members[m] = {.num_train_clips = split.train.size(),
                               .num_validation_clips = split.validation.size(),
                               .best_epoch = trained[s].best_epoch,
                               .epochs = std::move(trained[s].epochs)};
    }
  };
  parallel_for(num_members, train_member, num_threads);
  for (std::size_t s = 0; s < results.size(); ++s) {
    results[s].head = mean_of_heads(heads[s]);
  }
  return results;
}

}  // namespace vggroove
