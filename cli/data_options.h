#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cli/model_options.h"
#include "train/feature_set.h"
#include "train/manifest.h"

namespace vggroove::cli {

// What the verbs that learn from or score labelled data let the user choose. Register, parse:
//   OpenedData opened = open_data(options);          // cheap: what is there?
//   ... checks that should not wait for the network ...
//   LoadedData data = load_data(std::move(opened), options, model_options);
struct DataOptions {
  std::string data;           // folder of genre folders, CSV manifest, or feature table (.npz)
  std::string group_column;   // of a manifest; empty: "group" where there is one
  std::string save_features;  // .npz to write the features to; empty: do not
};

// DATA, --group, --save-features
void add_data_options(CLI::App& verb, DataOptions& options);

// Labelled clips, before anything was decoded: the files, or a feature table.
struct OpenedData {
  std::vector<LabelledFile> files;  // empty where there is a table
  std::optional<FeatureSet> table;

  std::vector<std::string> labels() const;  // sorted
};

// `split`: only the clips of this split; "": all. Throws Error(kUsage) where no clip is of it.
OpenedData open_data(const DataOptions& options, std::string_view split = "");

struct FailedFile {
  std::filesystem::path path;
  std::string label;
  Error error;
};

struct LoadedData {
  FeatureSet features;             // of the files that could be read
  std::vector<FailedFile> failed;  // the others; each was reported on stderr

  int exit_code() const;               // kAllGood or kSomeFilesFailed
  nlohmann::json failed_json() const;  // [{"path", "label", "error": {"class", "message"}}]
};

// Embeds the files with the network of the model, with progress, failures and a summary on stderr
// (a table passes through without any network), and writes --save-features. A file that fails is
// left out. Throws Error(kEmpty) where all failed, and Interrupted.
LoadedData load_data(OpenedData&& opened, const DataOptions& options,
                     const ModelOptions& model_options);

// Throws Error(kIo) where a file could not be written there: to know before hours of computing.
void require_writable(const std::filesystem::path& path);

}  // namespace vggroove::cli
