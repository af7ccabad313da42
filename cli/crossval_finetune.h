#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "cli/crossval_output.h"
#include "cli/head_options.h"
#include "cli/model_options.h"
#include "train/finetune_cross_validation.h"
#include "weights/model_file.h"

namespace vggroove::cli {

// crossval --finetune: what it lets the user choose.
struct CrossvalFinetuning {
  bool chosen = false;  // --finetune
  FinetuneOptions training;
  std::string work;  // --work; empty: default_work_folder()
  bool resume = false;
};

// --finetune, --base, --work, --resume, and finetune's options that heads do not have. Call it
// after add_head_grid_options(): what both have says what it is for either.
void add_crossval_finetuning(CLI::App& verb, CrossvalFinetuning& options, ModelOptions& model);

// The settings that the command line, once parsed, asks for: lists of the options that heads have
// too make a grid. Throws Error(kUsage) where options of the two kinds are mixed up.
FinetuneCrossValidation finetuning_of(const CLI::App& verb, const CrossvalFinetuning& options,
                                      const HeadFitOptions& head, const HeadGrid& grid);
// Where there is no --finetune: throws Error(kUsage) naming an option that needs it.
void refuse_finetuning_options(const CLI::App& verb);

// "gtzan.folds" for ~/gtzan and gtzan.npz, in the current folder.
std::string default_work_folder(const std::string& data);

// Fills in the reports of all runs, with progress and a line per fold on stderr. The head of the
// base is not used. Returns a line about the device for the report. Throws what
// cross_validate_finetuning() throws, and Interrupted.
std::string finetune_runs(std::vector<CrossvalRun>& runs, const FeatureSet& logmels,
                          const weights::ModelFile& base, const ModelOptions& model, int num_hidden,
                          FinetuneCrossValidation options);

}  // namespace vggroove::cli
