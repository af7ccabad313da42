#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "cli/data_options.h"
#include "cli/interrupt.h"
#include "cli/output_rows.h"
#include "cli/progress.h"
#include "cli/unicode_text.h"
#include "cli/verbs.h"
#include "frontend/archive/walk.h"
#include "train/check/dataset_check.h"
#include "train/manifest.h"

namespace vggroove::cli {
namespace fs = std::filesystem;

namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  vggroove check ~/gtzan\n"
    "  vggroove check gtzan.csv --json problems.json --groups grouped.csv\n"
    "  vggroove crossval grouped.csv                         duplicates stay in one fold\n"
    "  vggroove check ~/music --ignore equal-channels,clipped\n"
    "Problems, each with the files that have it:\n"
    "  unreadable      not audio, or damaged beyond decoding\n"
    "  truncated       ends before its own header or structure says\n"
    "  too-short       shorter than --shortest\n"
    "  silent          half of its time or more is below -60 dB of full scale\n"
    "  clipped         a thousandth of its samples or more stands in runs at full scale\n"
    "  equal-channels  mono stored as stereo\n"
    "  same-file       the bytes of another file\n"
    "  same-samples    the samples of another file, in another container or with other tags\n"
    "  near-duplicate  the same recording for 3 s or longer: other codec, level, rate or cut\n"
    "  label-conflict  duplicates that have different labels\n"
    "  split-leak      duplicates in different splits of the manifest\n"
    "A copy at another speed or pitch, or under other sounds, is not found. No model is needed.\n"
    "Exit code: 0 where nothing was found, 3 where something was.";

struct CheckVerbOptions {
  std::string data, group_column, json, groups;
  std::vector<std::string> ignored;
  CheckOptions check;

  bool json_to_stdout() const { return json == "-"; }
};

// Like the other verbs; and a folder with audio directly in it is taken as files without labels.
std::vector<LabelledFile> files_to_check(const CheckVerbOptions& options) {
  const fs::path data = options.data;
  if (data.extension() == ".npz") {
    throw Error(ErrorClass::kUsage,
                fmt::format("{}: a feature table holds no audio; check what it was made from",
                            options.data));
  }
  std::error_code unreadable;
  if (fs::is_directory(data, unreadable)) {
    const std::vector<fs::path> paths = find_audio_files({&data, 1});
    const bool is_plain = std::any_of(paths.begin(), paths.end(), [&](const fs::path& path) {
      return path.parent_path() == data || path.parent_path() / "" == data;
    });
    if (is_plain && options.group_column.empty()) {
      std::vector<LabelledFile> files;
      files.reserve(paths.size());
      for (const fs::path& path : paths) {
        files.push_back({.path = path, .label = "", .group = "", .split = ""});
      }
      return files;
    }
  }
  return read_labelled_files(data, options.group_column);
}

CheckReport run_check(std::span<const LabelledFile> files, const CheckOptions& options) {
  const InterruptGuard interrupts;
  ProgressLine line;
  EmbedFilesProgress decoding;
  decoding.files_total = files.size();
  CheckProgress progress;
  progress.on_file = [&](std::size_t files_done, double audio_seconds) {
    InterruptGuard::throw_if_interrupted();
    decoding.files_done = files_done;
    decoding.audio_seconds = audio_seconds;
    line.show(decoding);
  };
  progress.on_match = [&](std::size_t clips_done) {
    InterruptGuard::throw_if_interrupted();
    line.show(fmt::format("{} clips compared", clips_done));
  };
  progress.on_confirm = [&](std::size_t pairs_done, std::size_t pairs) {
    InterruptGuard::throw_if_interrupted();
    line.show(fmt::format("{} of {} near duplicates listened to again", pairs_done, pairs));
  };
  CheckReport report = check_dataset(files, options, progress);
  line.clear();
  fmt::print(stderr, "{}\n", summary_text("checked", decoding, line.elapsed_s()));
  return report;
}

std::string file_text(const LabelledFile& file) {
  const std::string path = terminal_text(file.path.native());
  return file.label.empty() ? path : fmt::format("{} ({})", path, terminal_text(file.label));
}

void print_report(std::span<const LabelledFile> files, const CheckReport& report) {
  if (report.findings.empty()) {
    fmt::print("{} files, no problem found\n", files.size());
    return;
  }
  fmt::print("{:<14}  {:>8}  {:>5}\n", "problem", "findings", "files");
  for (const Problem problem : kProblems) {
    std::set<std::size_t> concerned;
    std::size_t num_findings = 0;
    for (const Finding& finding : report.findings) {
      if (finding.problem == problem) {
        ++num_findings;
        concerned.insert(finding.files.begin(), finding.files.end());
      }
    }
    if (num_findings > 0) {
      fmt::print("{:<14}  {:>8}  {:>5}\n", problem_name(problem), num_findings, concerned.size());
    }
  }
  const Finding* previous = nullptr;
  for (const Finding& finding : report.findings) {
    if (previous == nullptr || previous->problem != finding.problem) {
      fmt::print("\n{}\n", problem_name(finding.problem));
    }
    previous = &finding;
    if (finding.problem == Problem::kUnreadable) {
      fmt::print("  {}\n", terminal_text(finding.details));  // names the file
      continue;
    }
    fmt::print("  {}: {}\n", file_text(files[finding.files.front()]), finding.details);
    for (std::size_t i = 1; i < finding.files.size(); ++i) {
      fmt::print("    {}\n", file_text(files[finding.files[i]]));
    }
  }
}

nlohmann::json file_json(const LabelledFile& file, const ClipFacts& facts,
                         const std::string& group) {
  nlohmann::json json = {{"path", valid_utf8(file.path.native())},
                         {"label", valid_utf8(file.label)},
                         {"group", valid_utf8(group)},
                         {"split", file.split}};
  if (facts.error) {
    json["error"] = {{"class", error_class_name(facts.error->error_class())},
                     {"message", valid_utf8(facts.error->what())}};
    return json;
  }
  json["format"] = facts.info.format;
  json["sample_rate_hz"] = facts.info.sample_rate_hz;
  json["channels"] = facts.info.num_channels;
  json["duration_s"] = facts.duration_s;
  json["peak"] = facts.signal.peak;
  json["clipped_share"] = facts.signal.clipped_share;
  json["silent_share"] = facts.signal.silent_share;
  json["channels_equal"] = facts.signal.channels_equal;
  json["file_sha256"] = facts.file_sha256;
  json["samples_sha256"] = facts.signal.sha256;
  return json;
}

void write_json(const CheckVerbOptions& options, std::span<const LabelledFile> files,
                const CheckReport& report) {
  nlohmann::json json = {{"data", valid_utf8(options.data)},
                         {"problems", nlohmann::json::array()},
                         {"files", nlohmann::json::array()}};
  for (const Finding& finding : report.findings) {
    nlohmann::json paths = nlohmann::json::array();
    for (const std::size_t file : finding.files) {
      paths.push_back(valid_utf8(files[file].path.native()));
    }
    nlohmann::json problem = {{"problem", problem_name(finding.problem)},
                              {"files", std::move(paths)},
                              {"details", valid_utf8(finding.details)}};
    if (finding.match) {
      problem["offset_s"] = finding.match->offset_s;
      problem["overlap_s"] = finding.match->overlap_s;
      problem["bit_error_rate"] = finding.match->bit_error_rate;
      problem["logmel_distance"] = finding.match->logmel_distance;
    }
    json["problems"].push_back(std::move(problem));
  }
  for (std::size_t file = 0; file < files.size(); ++file) {
    json["files"].push_back(file_json(files[file], report.facts[file], report.groups[file]));
  }
  const std::string text = json.dump(2) + "\n";
  if (options.json_to_stdout()) {
    fmt::print("{}", text);
  } else {
    write_file_atomically(options.json, text);
  }
}

// A manifest of the files that can be read. Its paths are relative to its folder where they can be.
void write_groups(const CheckVerbOptions& options, std::span<const LabelledFile> files,
                  const CheckReport& report) {
  const fs::path folder = fs::absolute(options.groups).lexically_normal().parent_path();
  std::string text = "path,label,group,split\n";
  for (std::size_t file = 0; file < files.size(); ++file) {
    if (!report.facts[file].error) {
      const fs::path path = fs::absolute(files[file].path).lexically_normal();
      text += fmt::format("{},{},{},{}\n", csv_field(path.lexically_proximate(folder).string()),
                          csv_field(files[file].label), csv_field(report.groups[file]),
                          files[file].split);
    }
  }
  write_file_atomically(options.groups, text);
}

int check(const CheckVerbOptions& options) {
  for (const std::string& output : {options.json, options.groups}) {
    if (!output.empty() && output != "-") {
      require_writable(output);
    }
  }
  const std::vector<LabelledFile> files = files_to_check(options);
  if (!options.groups.empty() && files.front().label.empty()) {
    throw Error(ErrorClass::kUsage,
                fmt::format("{}: its files have no labels, so --groups has no manifest to write; "
                            "give each genre a folder, or name a manifest",
                            options.data));
  }
  const CheckReport report = run_check(files, options.check);
  if (!options.json_to_stdout()) {
    print_report(files, report);
  }
  if (!options.json.empty()) {
    write_json(options, files, report);
  }
  if (!options.groups.empty()) {
    write_groups(options, files, report);
  }
  return report.findings.empty() ? kAllGood : kSomeFilesFailed;
}

}  // namespace

void add_check(CLI::App& app, Action& action) {
  CLI::App* verb =
      app.add_subcommand("check", "Find what spoils a data set: duplicates, damage, silence, ...");
  verb->footer(kFooter);
  const auto options = std::make_shared<CheckVerbOptions>();
  verb->add_option("data", options->data,
                   "A folder with a folder per genre, a CSV manifest path,label[,group][,split], "
                   "or a folder of audio without labels")
      ->required()
      ->type_name("DATA");
  verb->add_option("--group", options->group_column,
                   "Column of the manifest that holds the groups, as artist (default: group)")
      ->type_name("COLUMN");
  std::set<std::string> names;
  for (const Problem problem : kProblems) {
    names.emplace(problem_name(problem));
  }
  verb->add_option("--ignore", options->ignored, "Problems not to look for, separated by commas")
      ->delimiter(',')
      ->type_name("PROBLEM,...")
      ->check(CLI::IsMember(names));
  verb->add_option("--shortest", options->check.shortest_s, "Seconds that a clip must have")
      ->capture_default_str()
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 1e6));
  verb->add_option("--json", options->json,
                   "Write problems and the facts of each file as JSON; - prints them instead of "
                   "the table")
      ->type_name("FILE");
  verb->add_option("--groups", options->groups,
                   "Write a manifest whose groups join duplicates, for crossval and train")
      ->type_name("FILE.csv");
  verb->add_option("--jobs,-j", options->check.num_threads,
                   "Worker threads (default: one per core)")
      ->type_name("N")
      ->check(CLI::Range(0, 4096));
  verb->callback([&action, options] {
    action = [options] {
      for (const std::string& name : options->ignored) {
        options->check.ignored.push_back(problem_called(name).value());
      }
      return check(*options);
    };
  });
}

}  // namespace vggroove::cli
