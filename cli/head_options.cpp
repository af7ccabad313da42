#include "cli/head_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <string_view>

#include "base/error.h"

namespace vggroove::cli {

void add_head_training_options(CLI::App& verb, HeadFitOptions& options) {
  HeadTrainingOptions& training = options.training;
  const auto add = [&verb](const char* name, auto& value, const char* text) {
    verb.add_option(name, value, text)->capture_default_str()->group("Training");
  };
  add("--hidden", training.num_hidden, "Units of the hidden layer; 0: logistic regression");
  add("--members", options.num_members, "Classifiers to train and average into one");
  add("--dropout", training.dropout, "Share of hidden units left out at random");
  add("--epochs", training.max_epochs, "Passes over the data at most");
  add("--patience", training.patience,
      "Epochs without a better validation loss before stopping; 0: never stop early");
  add("--lr", training.learning_rate, "Learning rate of Adam");
  add("--weight-decay", training.weight_decay, "Decoupled weight decay");
  add("--label-smoothing", training.label_smoothing, "Share of the target spread over all genres");
  add("--batch", training.batch_size, "Examples per step");
  add("--seed", training.seed, "Seed; the same seed gives the same result, bit for bit");
  add("--validation", options.validation_fraction,
      "Share of the training clips kept aside for early stopping; 0: none");
  const std::map<std::string, ClipDecision> decisions = {{"mean", ClipDecision::kMeanProbability},
                                                         {"vote", ClipDecision::kVote},
                                                         {"logit-mean", ClipDecision::kMeanLogit}};
  verb.add_option("--decision", training.decision,
                  "How a clip follows from its examples: mean, vote or logit-mean (default: mean)")
      ->type_name("NAME")
      ->transform(CLI::CheckedTransformer(decisions).description(""))
      ->group("Training");
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
