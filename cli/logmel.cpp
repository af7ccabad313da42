#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/logmel_map.h"
#include "cli/unicode_text.h"
#include "cli/verbs.h"
#include "kernels/dsp/logmel.h"
#include "pipeline/clip_decoder.h"
#include "plot/charts.h"
#include "plot/png_file.h"
#include "weights/npz.h"

namespace vggroove::cli {
namespace fs = std::filesystem;

namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  vggroove logmel song.mp3 --out song.npy    float32 [examples, 96, 64], what VGGish is fed\n"
    "  vggroove logmel song.mp3 --out song.png    a picture of it, seconds against Hz";

constexpr std::size_t kExamplesPerRead = 32;

struct LogmelOptions {
  std::string path, out;
  bool strict = false;
};

enum class Format { kArray, kPicture };

Format format_of(const fs::path& out) {
  std::string extension = out.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (extension == ".npy") {
    return Format::kArray;
  }
  if (extension == ".png") {
    return Format::kPicture;
  }
  throw Error(ErrorClass::kUsage,
              fmt::format("{}: {}; name it .npy for the numbers or .png for a picture",
                          terminal_text(out.string()),
                          extension.empty() ? "no extension tells what to write"
                                            : "cannot write " + terminal_text(extension)));
}

// [examples, 96, 64]
std::vector<float> read_examples(const LogmelOptions& options) {
  ClipDecoder decoder(options.path, options.strict);
  std::vector<float> examples;
  std::size_t num_examples = 0;
  while (!decoder.finished()) {
    examples.resize((num_examples + kExamplesPerRead) * LogMelSpec::kExampleValues);
    num_examples += decoder.decode(examples.data() + num_examples * LogMelSpec::kExampleValues,
                                   kExamplesPerRead);
  }
  examples.resize(num_examples * LogMelSpec::kExampleValues);
  if (decoder.padded()) {
    fmt::print(stderr,
               "vggroove: {}: {:.3f} s is shorter than one example; padded with silence to "
               "{:.3f} s\n",
               terminal_text(options.path), decoder.decoded_seconds(),
               static_cast<double>(LogMelSpec::kFirstExampleSamples) / LogMelSpec::kSampleRateHz);
  }
  return examples;
}

weights::Tensor as_tensor(std::span<const float> examples) {
  weights::Tensor tensor;
  tensor.shape = {static_cast<std::int64_t>(examples.size() / LogMelSpec::kExampleValues),
                  LogMelSpec::kExampleFrames, LogMelSpec::kNumBands};
  const auto bytes = std::as_bytes(examples);
  tensor.data.assign(bytes.begin(), bytes.end());
  return tensor;
}

int run(const LogmelOptions& options) {
  const Format format = format_of(options.out);
  const std::vector<float> examples = read_examples(options);
  if (format == Format::kArray) {
    weights::write_npy(options.out, as_tensor(examples));
  } else {
    const std::string title = "Log-mel of " + fs::path(options.path).filename().string();
    plot::write_png(options.out, plot::heat_map(logmel_map(examples, title)));
  }
  return kAllGood;
}

}  // namespace

void add_logmel(CLI::App& app, Action& action) {
  CLI::App* verb =
      app.add_subcommand("logmel", "The log-mel spectrogram of one file, as numbers or a picture");
  verb->footer(kFooter);
  const auto options = std::make_shared<LogmelOptions>();
  verb->add_option("file", options->path, "An audio file")->required();
  verb->add_option("--out", options->out, "Where to write: NAME.npy or NAME.png")->required();
  verb->add_flag("--strict", options->strict,
                 "Refuse clips shorter than 0.975 s instead of adding silence");
  verb->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace vggroove::cli
