#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "train/head_fit.h"

namespace vggroove::cli {

// The options of the verbs that train classifiers: --hidden, --members, --dropout, --epochs,
// --patience, --lr, --weight-decay, --label-smoothing, --batch, --seed, --validation,
// --initial-weights,
// --decision.
void add_head_training_options(CLI::App& verb, HeadFitOptions& options);

// The same, of which --hidden, --dropout, --lr, --weight-decay, --label-smoothing and --batch take
// lists, as in --hidden 64,128: every combination is a setting to try.
struct HeadGrid {
  std::vector<int> hidden, batch;
  std::vector<double> dropout, learning_rate, weight_decay, label_smoothing;

  // `training` in every combination of the lists, the last option changing first.
  std::vector<HeadTrainingOptions> settings(const HeadTrainingOptions& training) const;
};
void add_head_grid_options(CLI::App& verb, HeadFitOptions& options, HeadGrid& grid);

// Throws Error(kInvalid) naming `data` where all of `clips` are of one genre.
void require_two_genres(const FeatureSet& features, std::span<const std::size_t> clips,
                        const std::string& data);

// Whether two clips share a group: only then do groups make a difference.
bool has_groups(const FeatureSet& features);

// "540 clips of 10 genres, 5400 examples, 312 groups"
std::string data_text(const FeatureSet& features);

// Where the data name splits: the clips of "train" and "valid"; else all are to train on, and who
// trains keeps some aside. Throws Error(kUsage) where there are splits but no "train".
struct ChosenClips {
  std::vector<std::size_t> train, validation;
  std::size_t num_left_alone = 0;  // of other splits
};
ChosenClips choose_clips(const FeatureSet& features, const std::string& data);

}  // namespace vggroove::cli
