#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "cli/data_options.h"
#include "cli/head_options.h"
#include "cli/interrupt.h"
#include "cli/model_options.h"
#include "cli/progress.h"
#include "cli/unicode_text.h"
#include "cli/verbs.h"
#include "train/head_fit.h"
#include "train/head_model.h"
#include "weights/model_file.h"

namespace vggroove::cli {
namespace fs = std::filesystem;

namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  vggroove train ~/gtzan --out genres.safetensors             a folder per genre\n"
    "  vggroove train gtzan.csv --save-features gtzan.npz --out genres.safetensors\n"
    "  vggroove train gtzan.npz --hidden 0 --out head.safetensors  no audio, no network\n"
    "The model file holds the network of --model and the classifier. A feature table needs no\n"
    "network: without --model the file is a classifier on its own (`classify --head`).\n"
    "Where DATA names splits, \"train\" is trained on and \"valid\" stops the training; other\n"
    "splits are left alone. Else clips for that are kept aside, and groups are not torn apart.\n"
    "The validation score chose the epoch, so it flatters: judge with `vggroove crossval`, or\n"
    "with `vggroove evaluate` on other clips.";

struct TrainOptions {
  DataOptions data;
  ModelOptions model;
  HeadFitOptions fit;
  std::string out;
  bool head_only = false;
};

void print_members(const std::vector<FittedHead::Member>& members) {
  fmt::print("member  trained on  validated on  best epoch  validation loss  accuracy\n");
  for (std::size_t m = 0; m < members.size(); ++m) {
    const FittedHead::Member& member = members[m];
    const std::string epoch = fmt::format("{} of {}", member.best_epoch, member.epochs.size());
    fmt::print("{:6}  {:10}  {:12}  {:>10}", m + 1, member.num_train_clips,
               member.num_validation_clips, epoch);
    if (member.num_validation_clips > 0) {
      fmt::print("  {:15.3f}  {:6.1f} %", member.best().validation_loss,
                 100 * member.best().validation_accuracy);
    }
    fmt::print("\n");
  }
}

int train(TrainOptions options) {
  require_writable(options.out);
  OpenedData opened = open_data(options.data);
  const bool wants_network = !options.head_only && (!opened.table || !options.model.model.empty());
  std::optional<weights::ModelFile> base;
  if (wants_network) {
    base = open_model(options.model);  // before hours of embedding
  }
  const LoadedData loaded = load_data(std::move(opened), options.data, options.model);
  const FeatureSet& features = loaded.features;
  const ChosenClips clips = choose_clips(features, options.data.data);
  require_two_genres(features, clips.train, options.data.data);
  options.fit.grouped = has_groups(features);

  FittedHead fitted;
  {
    const std::unique_ptr<HeadTrainingBackend> device = open_head_training(options.model);
    options.fit.device = device.get();
    const InterruptGuard interrupts;
    ProgressLine progress;
    fitted = fit_head(features, clips.train, clips.validation, options.fit, options.model.num_jobs,
                      [&](int member, const HeadEpoch& epoch) {
                        InterruptGuard::throw_if_interrupted();
                        progress.show(
                            fmt::format("member {} of {}, epoch {}, loss {:.3f}, "
                                        "validation {:.3f}",
                                        member + 1, options.fit.num_members, epoch.epoch,
                                        epoch.train_loss, epoch.validation_loss));
                      });
  }
  nlohmann::json record = {{"kind", "head"},
                           {"data", valid_utf8(fs::path(options.data.data).filename().native())},
                           {"clips", clips.train.size() + clips.validation.size()},
                           {"settings", settings_to_json(options.fit)},
                           {"members", members_to_json(fitted.members)},
                           {"vggroove", VGGROOVE_VERSION}};
  write_head_model(options.out, base ? &*base : nullptr, fitted.head, std::move(record));

  fmt::print("{}\n", data_text(features));
  if (clips.num_left_alone > 0) {
    fmt::print("{} clips of other splits were left alone\n", clips.num_left_alone);
  }
  print_members(fitted.members);
  fmt::print("wrote {}: {}{} inputs, {} hidden units, {} genres\n", options.out,
             base ? "network and classifier, " : "classifier, ", fitted.head.num_inputs,
             fitted.head.num_hidden, fitted.head.num_classes());
  return loaded.exit_code();
}

}  // namespace

void add_train(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("train", "Train a classifier on labelled clips");
  verb->footer(kFooter);
  const auto options = std::make_shared<TrainOptions>();
  add_data_options(*verb, options->data);
  add_model_options(*verb, options->model);
  add_head_training_options(*verb, options->fit);
  verb->add_option("--out,-o", options->out, "Model file to write")->required()->type_name("FILE");
  verb->add_flag("--head-only", options->head_only, "Write the classifier without the network");
  verb->callback([&action, options] { action = [options] { return train(*options); }; });
}

}  // namespace vggroove::cli
