#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <thread>

#include "cli/verbs.h"
#include "engine/nets/vggish_metadata.h"
#include "weights/export.h"
#include "weights/he_init.h"
#include "weights/model_file.h"

namespace vggroove::cli {
namespace {

void add_weights_init(CLI::App& weights_verb, Action& action) {
  struct Options {
    std::uint64_t seed = 0;
    std::string out;
  };
  static Options options;
  CLI::App* verb = weights_verb.add_subcommand(
      "init", "Make a network with random weights (He initialisation), to train from nothing");
  verb->add_option("--seed", options.seed, "The same seed makes the same weights")
      ->capture_default_str();
  verb->add_option("--out", options.out, "Model file to write (.safetensors)")->required();
  verb->footer("Example:\n  vggroove weights init --seed 1 --out random.safetensors");
  verb->callback([&action] {
    action = [] {
      const unsigned num_threads = std::max(1u, std::thread::hardware_concurrency());
      weights::write_he_init_model(options.out, options.seed, frontend_metadata(), num_threads);
      fmt::print("{}: VGGish with random weights of seed {}; train it before you use it\n",
                 options.out, options.seed);
      return static_cast<int>(kAllGood);
    };
  });
}

void add_weights_export(CLI::App& weights_verb, Action& action) {
  struct Options {
    std::string model, format, out;
  };
  static Options options;
  CLI::App* verb =
      weights_verb.add_subcommand("export", "Write a model's weights for another program");
  verb->add_option("model", options.model, "Model file (.safetensors)")->required();
  verb->add_option("--to", options.format,
                   "safetensors: TensorFlow's names and layouts, fp32\n"
                   "npz: the same for NumPy\n"
                   "torch: state dict of torchvggish's VGGish, for torch.load")
      ->required()
      ->check(CLI::IsMember({"safetensors", "npz", "torch"}));
  verb->add_option("--out", options.out, "File to write")->required();
  verb->footer(
      "Example:\n  vggroove weights export vggish.safetensors --to torch --out vggish.pth");
  verb->callback([&action] {
    action = [] {
      const weights::ModelFile model = weights::ModelFile::open(options.model);
      const auto write = options.format == "npz"     ? weights::export_npz
                         : options.format == "torch" ? weights::export_torch
                                                     : weights::export_safetensors;
      write(model, options.out);
      fmt::print("{}: {} weights of {}\n", options.out, options.format, options.model);
      return static_cast<int>(kAllGood);
    };
  });
}

}  // namespace

void add_weights(CLI::App& app, Action& action) {
  CLI::App* verb =
      app.add_subcommand("weights", "Get, make, convert and look at the network's weights");
  verb->require_subcommand(1);
  add_weights_fetch(*verb, action);
  add_weights_import(*verb, action);
  add_weights_init(*verb, action);
  add_weights_export(*verb, action);
  add_weights_inspect(*verb, action);
}

}  // namespace vggroove::cli
