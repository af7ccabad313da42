#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cli/archive_run.h"
#include "cli/interrupt.h"
#include "cli/model_options.h"
#include "cli/output_rows.h"
#include "cli/progress.h"
#include "cli/result_file.h"
#include "cli/unicode_text.h"
#include "cli/verbs.h"
#include "kernels/dsp/logmel.h"

namespace vggroove::cli {

namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  vggroove classify song.mp3\n"
    "  vggroove classify ~/music --out genres.jsonl        a whole archive; Ctrl-C keeps its rows\n"
    "  vggroove classify ~/music --out genres.jsonl --resume\n"
    "  vggroove classify mix.flac --segments --top-k 3 --format table\n"
    "Rows go to F.partial as they come, and that becomes F at the end. A file that cannot be read\n"
    "is a row with an error, and the exit code is 3. In JSON and CSV, bytes of a path that are "
    "not\n"
    "UTF-8 stand as \\xHH.";

struct ClassifyOptions {
  std::vector<std::string> paths;
  ModelOptions model;
  std::string out, format, decision;
  bool segments = false, strict = false, resume = false;
  std::size_t top_k = 0;
};

RowFormat choose_format(const ClassifyOptions& options) {
  if (!options.format.empty()) {
    return options.format == "table" ? RowFormat::kTable
           : options.format == "csv" ? RowFormat::kCsv
                                     : RowFormat::kJsonl;
  }
  if (options.out.empty() || options.out == "-") {
    return isatty(STDOUT_FILENO) != 0 ? RowFormat::kTable : RowFormat::kJsonl;
  }
  return options.out.ends_with(".csv") ? RowFormat::kCsv : RowFormat::kJsonl;
}

bool terminal_speaks_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {  // the first that is set decides
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') {
      std::string locale = value;
      std::transform(locale.begin(), locale.end(), locale.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      return locale.find("utf-8") != std::string::npos || locale.find("utf8") != std::string::npos;
    }
  }
  return false;
}

RowOptions row_options(const ClassifyOptions& options, const std::vector<AudioInput>& inputs) {
  RowOptions row;
  row.format = choose_format(options);
  row.top_k = options.top_k;
  row.segments = options.segments;
  row.unicode = terminal_speaks_utf8();
  row.path_columns = 0;
  for (const AudioInput& input : inputs) {
    row.path_columns =
        std::max(row.path_columns, display_columns(terminal_text(input.path.native())));
  }
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    row.total_columns = size.ws_col;
  }
  return row;
}

// Inputs whose rows an earlier run has left are dropped; returns how many.
std::size_t skip_finished(const ClassifyOptions& options, std::vector<AudioInput>& inputs) {
  if (!options.resume) {
    return 0;
  }
  if (choose_format(options) != RowFormat::kJsonl || options.out.empty() || options.out == "-") {
    throw Error(ErrorClass::kUsage, "--resume needs --out with a file of JSON Lines");
  }
  const std::set<std::string> finished = keep_finished_rows(options.out);
  return std::erase_if(inputs, [&finished](const AudioInput& input) {
    return finished.contains(valid_utf8(input.path.native()));
  });
}

ClipRow classify_clip(EmbeddedClip& clip, const LoadedHead& head, bool with_segments) {
  ClipRow row;
  row.path = clip.path;
  row.duration_s = clip.duration_s;
  row.padded = clip.padded;
  if (!clip.error) {
    const std::vector<float> inputs = head.inputs(clip.embeddings);
    row.probabilities = head.head.clip_probabilities(inputs.data(), clip.num_examples());
    const auto is_finite = [](float p) { return std::isfinite(p); };
    if (!std::all_of(row.probabilities.begin(), row.probabilities.end(), is_finite)) {
      clip.error =
          Error(ErrorClass::kInvalid, clip.path.native() +
                                          ": the probabilities are not finite; the model's "
                                          "weights are damaged or do not belong together");
    } else if (with_segments) {
      const std::size_t num_classes = row.probabilities.size();
      std::vector<float> each(clip.num_examples() * num_classes);
      head.head.probabilities(inputs.data(), clip.num_examples(), each.data());
      constexpr double kSegmentSeconds =
          static_cast<double>(LogMelSpec::kExampleHopSamples) / LogMelSpec::kSampleRateHz;
      for (std::size_t i = 0; i < clip.num_examples(); ++i) {
        const auto first = each.begin() + static_cast<std::ptrdiff_t>(i * num_classes);
        const double start_s = static_cast<double>(i) * kSegmentSeconds;
        row.segments.push_back({start_s,
                                std::min(start_s + kSegmentSeconds, clip.duration_s),
                                {first, first + static_cast<std::ptrdiff_t>(num_classes)}});
      }
    }
  }
  row.error = clip.error;
  return row;
}

int classify(const ClassifyOptions& options) {
  // What can be wrong is looked at in the order of its cost: usage, model, head, files, network.
  const weights::ModelFile model = open_model(options.model);
  LoadedHead head = load_head(model, options.model);
  if (!options.decision.empty()) {
    head.head.decision = options.decision == "vote"         ? ClipDecision::kVote
                         : options.decision == "logit-mean" ? ClipDecision::kMeanLogit
                                                            : ClipDecision::kMeanProbability;
  }
  std::vector<AudioInput> inputs = find_audio_inputs(options.paths);
  ArchiveRunOptions run;
  run.num_skipped = skip_finished(options, inputs);
  ResultFile out(options.out,
                 options.resume ? ResultFile::Leftover::kContinue : ResultFile::Leftover::kRefuse);
  const std::shared_ptr<const Vggish> net = load_network(model, options.model);

  const RowFormatter formatter(head.head.labels, row_options(options, inputs));
  run.embed.num_jobs = options.model.num_jobs;
  run.embed.strict = options.strict;
  run.done_word = "classified";
  run.print_failures = !out.on_terminal();  // there the row says it
  ProgressLine progress;
  out.write(formatter.header());
  try {
    const int exit_code = run_archive(inputs, *net, run, progress, [&](EmbeddedClip& clip) {
      const ClipRow row = classify_clip(clip, head, options.segments);
      if (out.on_terminal()) {
        progress.clear();
      }
      out.write(formatter.row(row));
    });
    out.commit();
    return exit_code;
  } catch (const Interrupted&) {
    if (const std::filesystem::path rows = out.partial_with_rows(); !rows.empty()) {
      fmt::print(stderr, "vggroove: interrupted; the rows so far are in {}{}\n", rows.string(),
                 choose_format(options) == RowFormat::kJsonl ? ", --resume continues" : "");
    }
    throw;
  }
}

}  // namespace

void add_classify(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("classify", "Tell the genre of audio files");
  verb->footer(kFooter);
  const auto options = std::make_shared<ClassifyOptions>();
  verb->add_option("PATH", options->paths, "Audio files, or folders to search for them")
      ->required();
  add_model_options(*verb, options->model);
  add_head_option(*verb, options->model);
  verb->add_option("--out,-o", options->out, "Write rows to this file (default: standard output)")
      ->type_name("FILE");
  verb->add_option(
          "--format", options->format,
          "Default: a table on a terminal; otherwise jsonl, or csv where FILE ends in .csv")
      ->type_name("NAME")
      ->check(CLI::IsMember({"table", "jsonl", "csv"}));
  verb->add_flag("--segments", options->segments, "A genre for every 0.96 s too");
  verb->add_option("--top-k,-k", options->top_k, "Name only the K most likely genres")
      ->type_name("K")
      ->check(CLI::Range(1, 1000));
  verb->add_option("--decision", options->decision,
                   "How the parts of a clip decide together (default: as the head was trained)")
      ->type_name("NAME")
      ->check(CLI::IsMember({"mean", "vote", "logit-mean"}));
  verb->add_flag("--strict", options->strict,
                 "Refuse clips shorter than 0.975 s instead of adding silence");
  verb->add_flag("--resume", options->resume,
                 "Keep the rows that FILE already has and add those that are missing or failed");
  verb->callback([&action, options] { action = [options] { return classify(*options); }; });
}

}  // namespace vggroove::cli
