#include <fmt/format.h>

#include <string>

#include "cli/verbs.h"
#include "engine/nets/vggish_metadata.h"
#include "weights/import/import_model.h"

namespace vggroove::cli {
namespace {

constexpr const char* kFooter =
    "Formats, told by content: TensorFlow checkpoints of both kinds (a single .ckpt file; a prefix "
    "or\n"
    "its .index), PyTorch .pth and .pt (state dicts), .npz, .safetensors. Nothing in a file is "
    "run.\n"
    "The names may be those of TensorFlow's VGGish, torchvggish or torchaudio.\n"
    "Keras .h5: convert it first, in Python:\n"
    "  import h5py, numpy as np; a = {}; f = h5py.File('in.h5')\n"
    "  f.visititems(lambda n, d: a.update({n: d[()]}) if hasattr(d, 'dtype') else None)\n"
    "  np.savez('out.npz', **a)   # and rename the keys to vggish/conv1/weights, ...\n"
    "Examples:\n"
    "  vggroove weights import vggish_model.ckpt --pca vggish_pca_params.npz --released "
    "--out vggish.safetensors\n"
    "  vggroove weights import my_vggish.pth --out mine.safetensors\n"
    "  vggroove weights import vggish_pca_params.npz --base mine.safetensors --out "
    "mine_pca.safetensors";

struct Options {
  std::string file, out, pca, base;
  bool is_released = false;
};

int import_file(const Options& options) {
  weights::ImportRequest request;
  request.file = options.file;
  request.pca_file = options.pca;
  request.base_model = options.base;
  request.is_released = options.is_released;
  request.frontend = frontend_metadata();
  const weights::ImportReport report = weights::import_model(request, options.out);
  fmt::print("{}: VGGish with {} weights, {} PCA parameters\n", options.out, report.origin,
             report.has_postprocess ? "with" : "without");
  if (!report.ignored.empty()) {
    fmt::print("{} tensors that VGGish has no use for were left out, such as {}\n",
               report.ignored.size(), report.ignored.front());
  }
  if (report.origin == "imported" && options.file.ends_with("vggish_model.ckpt")) {
    fmt::print("If this is the file that Google released, say --released\n");
  }
  return kAllGood;
}

}  // namespace

void add_weights_import(CLI::App& weights_verb, Action& action) {
  static Options options;
  CLI::App* verb =
      weights_verb.add_subcommand("import", "Make a model file out of another program's weights");
  verb->add_option("file", options.file, "File with a network, with PCA parameters, or both")
      ->required();
  verb->add_option("--out", options.out, "Model file to write (.safetensors)")->required();
  verb->add_option("--pca", options.pca, "File with the PCA parameters to put beside the network");
  verb->add_option("--base", options.base,
                   "Where the file has PCA parameters only: the model that they are added to");
  verb->add_flag("--released", options.is_released,
                 "The file is the one that Google released (the model says where it is from)");
  verb->footer(kFooter);
  verb->callback([&action] { action = [] { return import_file(options); }; });
}

}  // namespace vggroove::cli
