#include "cli/head_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace vggroove::cli {

namespace {

// Options that are no subject of a grid.
void add_single_options(CLI::App& verb, HeadFitOptions& options) {
  HeadTrainingOptions& training = options.training;
  const auto add = [&verb](const char* name, auto& value, const char* text) {
    verb.add_option(name, value, text)->capture_default_str()->group("Training");
  };
  add("--members", options.num_members, "Classifiers to train and average into one");
  add("--epochs", training.max_epochs, "Passes over the data at most");
  add("--patience", training.patience,
      "Epochs without a better validation loss before stopping; 0: never stop early");
  add("--seed", training.seed, "Seed; the same seed gives the same result, bit for bit");
  add("--validation", options.validation_fraction,
      "Share of the training clips kept aside for early stopping; 0: none");
  const std::map<std::string, InitialWeights> starts = {{"he", InitialWeights::kHe},
                                                        {"glorot", InitialWeights::kGlorot}};
  verb.add_option("--initial-weights", training.initial_weights,
                  "Weights at the beginning: he (normal, logits 0) or glorot (uniform, as "
                  "scikit-learn's) (default: he)")
      ->type_name("NAME")
      ->transform(CLI::CheckedTransformer(starts).description(""))
      ->group("Training");
  const std::map<std::string, ClipDecision> decisions = {{"mean", ClipDecision::kMeanProbability},
                                                         {"vote", ClipDecision::kVote},
                                                         {"logit-mean", ClipDecision::kMeanLogit}};
  verb.add_option("--decision", training.decision,
                  "How a clip follows from its examples: mean, vote or logit-mean (default: mean)")
      ->type_name("NAME")
      ->transform(CLI::CheckedTransformer(decisions).description(""))
      ->group("Training");
}

// The options of which a grid is made. `add(names, member of the training, list, text)`
template <class Add>
void add_grid_options(const Add& add, HeadTrainingOptions& training, HeadGrid& grid) {
  add("--hidden", training.num_hidden, grid.hidden,
      "Units of the hidden layer; 0: logistic regression");
  add("--dropout", training.dropout, grid.dropout, "Share of hidden units left out at random");
  add("--lr,--learning-rate", training.learning_rate, grid.learning_rate, "Learning rate of Adam");
  add("--weight-decay", training.weight_decay, grid.weight_decay, "Decoupled weight decay");
  add("--label-smoothing", training.label_smoothing, grid.label_smoothing,
      "Share of the target spread over all genres");
  add("--batch", training.batch_size, grid.batch, "Examples per step");
}

}  // namespace

void add_head_training_options(CLI::App& verb, HeadFitOptions& options) {
  HeadGrid unused;
  add_grid_options(
      [&verb](const char* names, auto& value, auto&, const char* text) {
        verb.add_option(names, value, text)->capture_default_str()->group("Training");
      },
      options.training, unused);
  add_single_options(verb, options);
}

void add_head_grid_options(CLI::App& verb, HeadFitOptions& options, HeadGrid& grid) {
  add_grid_options(
      [&verb](const char* names, auto& value, auto& list, const char* text) {
        list = {value};
        verb.add_option(names, list, fmt::format("{}, or a list of them to try: A,B,...", text))
            ->delimiter(',')
            ->allow_extra_args(false)
            ->default_str(fmt::format("{}", value))
            ->group("Training");
      },
      options.training, grid);
  add_single_options(verb, options);
}

std::vector<HeadTrainingOptions> HeadGrid::settings(const HeadTrainingOptions& training) const {
  std::vector<HeadTrainingOptions> settings = {training};
  const auto vary = [&settings](auto HeadTrainingOptions::*member, const auto& values) {
    std::vector<HeadTrainingOptions> varied;
    for (const HeadTrainingOptions& setting : settings) {
      for (const auto& value : values) {
        varied.push_back(setting);
        varied.back().*member = value;
      }
    }
    settings = std::move(varied);
  };
  vary(&HeadTrainingOptions::num_hidden, hidden);
  vary(&HeadTrainingOptions::dropout, dropout);
  vary(&HeadTrainingOptions::learning_rate, learning_rate);
  vary(&HeadTrainingOptions::weight_decay, weight_decay);
  vary(&HeadTrainingOptions::label_smoothing, label_smoothing);
  vary(&HeadTrainingOptions::batch_size, batch);
  return settings;
}

void require_two_genres(const FeatureSet& features, std::span<const std::size_t> clips,
                        const std::string& data) {
  const auto label_of = [&](std::size_t clip) { return features.clips[clip].label; };
  const int first = label_of(clips.front());
  if (std::all_of(clips.begin(), clips.end(),
                  [&](std::size_t clip) { return label_of(clip) == first; })) {
    throw Error(ErrorClass::kInvalid,
                fmt::format("{}: all clips to learn from are \"{}\"; a classifier needs two genres",
                            data, features.labels[static_cast<std::size_t>(first)]));
  }
}

bool has_groups(const FeatureSet& features) {
  std::set<std::string_view> seen;
  for (const FeatureSet::Clip& clip : features.clips) {
    if (!clip.group.empty() && !seen.insert(clip.group).second) {
      return true;
    }
  }
  return false;
}

std::string data_text(const FeatureSet& features) {
  std::set<std::string_view> groups;
  std::size_t num_rows = 0;
  for (const FeatureSet::Clip& clip : features.clips) {
    num_rows += clip.num_rows;
    groups.insert(clip.group);
  }
  return fmt::format("{} clips of {} genres, {} examples{}", features.clips.size(),
                     features.labels.size(), num_rows,
                     has_groups(features) ? fmt::format(", {} groups", groups.size()) : "");
}

ChosenClips choose_clips(const FeatureSet& features, const std::string& data) {
  ChosenClips clips;
  const bool has_splits =
      std::any_of(features.clips.begin(), features.clips.end(),
                  [](const FeatureSet::Clip& clip) { return !clip.split.empty(); });
  if (!has_splits) {
    clips.train.resize(features.clips.size());
    std::iota(clips.train.begin(), clips.train.end(), std::size_t{0});
    return clips;
  }
  for (std::size_t i = 0; i < features.clips.size(); ++i) {
    if (features.clips[i].split == "train") {
      clips.train.push_back(i);
    } else if (features.clips[i].split == "valid") {
      clips.validation.push_back(i);
    } else {
      ++clips.num_left_alone;
    }
  }
  if (clips.train.empty()) {
    throw Error(ErrorClass::kUsage,
                fmt::format("{}: its clips name splits, but none is \"train\"", data));
  }
  return clips;
}

}  // namespace vggroove::cli
