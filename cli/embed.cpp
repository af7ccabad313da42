#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/archive_run.h"
#include "cli/model_options.h"
#include "cli/progress.h"
#include "cli/unicode_text.h"
#include "cli/verbs.h"
#include "engine/heads/postprocess.h"
#include "weights/npz.h"

namespace vggroove::cli {
namespace fs = std::filesystem;

namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  vggroove embed song.mp3 --out song.npy              float32 [examples, 128], one per 0.96 "
    "s\n"
    "  vggroove embed ~/music --out embeddings/            embeddings/rock/a.mp3.npy, ...\n"
    "  vggroove embed ~/music --out music.npz              one file, keyed by path\n"
    "  vggroove embed song.mp3 --out song.npy --postprocess   uint8, as AudioSet's features\n"
    "A file that cannot be read is reported and left out, and the exit code is 3.";

struct EmbedOptions {
  std::vector<std::string> paths;
  ModelOptions model;
  std::string out;
  bool postprocess = false, strict = false;
};

// The rows of one clip as they are stored: float32, or uint8 in AudioSet's form.
class RowEncoder {
 public:
  RowEncoder(const weights::ModelFile& model, bool postprocess) {
    if (!postprocess) {
      return;
    }
    if (!model.has_postprocess()) {
      throw Error(ErrorClass::kUnsupported,
                  model.path().string() +
                      ": has no PCA parameters, which --postprocess needs; "
                      "fetch or import the weights together with "
                      "vggish_pca_params.npz");
    }
    postprocessor_ = Postprocessor::from_model(model);
  }

  weights::Tensor encode(const EmbeddedClip& clip) const {
    weights::Tensor tensor;
    tensor.name = valid_utf8(clip.path.native());  // readers of .npz insist on it
    tensor.shape = {static_cast<std::int64_t>(clip.num_examples()), kEmbeddingSize};
    if (!postprocessor_) {
      const auto bytes = std::as_bytes(std::span(clip.embeddings));
      tensor.data.assign(bytes.begin(), bytes.end());
      return tensor;
    }
    std::vector<std::uint8_t> quantized(clip.embeddings.size());
    postprocessor_->quantize(clip.embeddings.data(), clip.num_examples(), quantized.data());
    const auto bytes = std::as_bytes(std::span(quantized));
    tensor.dtype = weights::DType::kU8;
    tensor.data.assign(bytes.begin(), bytes.end());
    return tensor;
  }

 private:
  std::optional<Postprocessor> postprocessor_;
};

class EmbeddingOutput {
 public:
  virtual ~EmbeddingOutput() = default;
  virtual void write(const fs::path& path, const weights::Tensor& rows) = 0;
  virtual void commit() {}
};

class NpyOutput : public EmbeddingOutput {
 public:
  explicit NpyOutput(fs::path out) : out_(std::move(out)) {}
  void write(const fs::path&, const weights::Tensor& rows) override {
    weights::write_npy(out_, rows);
  }

 private:
  fs::path out_;
};

class NpzOutput : public EmbeddingOutput {
 public:
  explicit NpzOutput(const fs::path& out) : writer_(out) {}
  void write(const fs::path&, const weights::Tensor& rows) override {
    writer_.begin_array(rows.name, rows.dtype, rows.shape);
    writer_.append(rows.data);
  }
  void commit() override { writer_.commit(); }

 private:
  weights::NpzWriter writer_;
};

// The deepest folder that holds everything the user named.
fs::path common_folder(std::span<const std::string> arguments) {
  fs::path common;
  for (const std::string& argument : arguments) {
    fs::path folder = fs::absolute(argument).lexically_normal();
    if (!fs::is_directory(folder) || !folder.has_filename()) {  // a file, or "folder/"
      folder = folder.parent_path();
    }
    if (common.empty()) {
      common = folder;
      continue;
    }
    fs::path shared;
    auto part = folder.begin();
    for (const fs::path& step : common) {
      if (part == folder.end() || *part != step) {
        break;
      }
      shared /= step;
      ++part;
    }
    common = shared;
  }
  return common;
}

// OUT/<path below the common folder>.npy: different files never meet, for the name keeps both
// their folders and their extension.
class FolderOutput : public EmbeddingOutput {
 public:
  FolderOutput(fs::path out, std::span<const std::string> arguments)
      : out_(std::move(out)), root_(common_folder(arguments)) {
    make_folder(out_);
  }
  void write(const fs::path& path, const weights::Tensor& rows) override {
    fs::path target = out_ / fs::absolute(path).lexically_normal().lexically_relative(root_);
    target += ".npy";
    make_folder(target.parent_path());
    weights::write_npy(target, rows);
  }

 private:
  static void make_folder(const fs::path& folder) {
    std::error_code reason;
    fs::create_directories(folder, reason);
    if (reason) {
      throw Error(ErrorClass::kIo,
                  folder.string() + ": cannot make this folder: " + reason.message());
    }
  }

  fs::path out_, root_;
};

std::unique_ptr<EmbeddingOutput> open_output(const EmbedOptions& options, std::size_t num_inputs) {
  const fs::path out = options.out;
  const bool is_folder = fs::is_directory(out);
  if (!is_folder && out.extension() == ".npz") {
    return std::make_unique<NpzOutput>(out);
  }
  if (!is_folder && out.extension() == ".npy") {
    if (num_inputs > 1) {
      throw Error(ErrorClass::kUsage,
                  fmt::format("{}: a .npy file holds the embeddings of one audio file, and these "
                              "are {}; give a folder or a .npz file",
                              options.out, num_inputs));
    }
    return std::make_unique<NpyOutput>(out);
  }
  return std::make_unique<FolderOutput>(out, options.paths);
}

int embed(const EmbedOptions& options) {
  const weights::ModelFile model = open_model(options.model);
  const RowEncoder encoder(model, options.postprocess);
  const std::vector<AudioInput> inputs = find_audio_inputs(options.paths);
  const std::unique_ptr<EmbeddingOutput> output = open_output(options, inputs.size());
  const std::shared_ptr<const Vggish> net = load_network(model, options.model);

  ArchiveRunOptions run;
  run.embed.num_jobs = options.model.num_jobs;
  run.embed.strict = options.strict;
  run.done_word = "embedded";
  ProgressLine progress;
  const int exit_code = run_archive(inputs, *net, run, progress, [&](EmbeddedClip& clip) {
    if (!clip.error) {
      output->write(clip.path, encoder.encode(clip));
    }
  });
  output->commit();
  return exit_code;
}

}  // namespace

void add_embed(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("embed", "Write the VGGish embeddings of audio files");
  verb->footer(kFooter);
  const auto options = std::make_shared<EmbedOptions>();
  verb->add_option("PATH", options->paths, "Audio files, or folders to search for them")
      ->required();
  verb->add_option("--out,-o", options->out, "FILE.npy (one audio file), FILE.npz, or a folder")
      ->required()
      ->type_name("OUT");
  add_model_options(*verb, options->model);
  verb->add_flag("--postprocess", options->postprocess,
                 "AudioSet's form: PCA, clipped, 8 bit (needs a model with PCA parameters)");
  verb->add_flag("--strict", options->strict,
                 "Refuse clips shorter than 0.975 s instead of adding silence");
  verb->callback([&action, options] { action = [options] { return embed(*options); }; });
}

}  // namespace vggroove::cli
