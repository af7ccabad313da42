#include "cli/data_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <set>
#include <utility>

#include "base/atomic_file.h"
#include "cli/archive_run.h"
#include "cli/progress.h"
#include "cli/unicode_text.h"
#include "cli/verbs.h"
#include "train/feature_set_builder.h"

namespace vggroove::cli {
namespace fs = std::filesystem;

namespace {

constexpr std::string_view kTableExtension = ".npz";

void keep_split(std::vector<LabelledFile>& files, const std::string& data, std::string_view split) {
  std::set<std::string> splits;
  for (const LabelledFile& file : files) {
    splits.insert(file.split.empty() ? "(none)" : file.split);
  }
  std::erase_if(files, [split](const LabelledFile& file) { return file.split != split; });
  if (files.empty()) {
    throw Error(ErrorClass::kUsage,
                fmt::format("{}: no file is of the split '{}'; its splits: {}. A manifest names "
                            "them in a column 'split'",
                            data, split, fmt::join(splits, ", ")));
  }
}

LoadedData embed(const std::vector<LabelledFile>& files, const ModelOptions& model_options) {
  const weights::ModelFile model = open_model(model_options);
  const std::shared_ptr<const Vggish> net = load_network(model, model_options);
  std::vector<AudioInput> inputs;
  inputs.reserve(files.size());
  for (const LabelledFile& file : files) {
    inputs.push_back({file.path, std::nullopt});
  }
  ArchiveRunOptions run;
  run.embed.num_jobs = model_options.num_jobs;
  run.done_word = "embedded";
  LoadedData loaded;
  FeatureSetBuilder builder(kEmbeddingSize);
  auto file = files.begin();  // clips come in the order of the files
  ProgressLine progress;
  run_archive(inputs, *net, run, progress, [&](EmbeddedClip& clip) {
    if (!clip.error) {
      try {
        builder.add(*file, clip.embeddings);
      } catch (const Error& error) {
        clip.error = error;
      }
    }
    if (clip.error) {
      loaded.failed.push_back({file->path, file->label, *clip.error});
    }
    ++file;
  });
  loaded.features = builder.finish();
  return loaded;
}

}  // namespace

void add_data_options(CLI::App& verb, DataOptions& options) {
  verb.add_option("data", options.data,
                  "A folder with a folder per genre, a CSV manifest path,label[,group][,split], or "
                  "a feature table (.npz)")
      ->required()
      ->type_name("DATA");
  verb.add_option("--group", options.group_column,
                  "Column of the manifest that holds the groups, as artist (default: group)")
      ->type_name("COLUMN");
  verb.add_option("--save-features", options.save_features,
                  "Write the embeddings as a feature table, which can be the DATA of later runs")
      ->type_name("FILE.npz");
}

std::vector<std::string> OpenedData::labels() const {
  if (table) {
    return table->labels;
  }
  std::vector<std::string> names;
  names.reserve(files.size());
  for (const LabelledFile& file : files) {
    names.push_back(file.label);
  }
  return index_labels(names).labels;
}

OpenedData open_data(const DataOptions& options, std::string_view split) {
  const bool is_table = options.data.ends_with(kTableExtension) && !fs::is_directory(options.data);
  if (!options.save_features.empty()) {
    if (is_table) {
      throw Error(ErrorClass::kUsage,
                  fmt::format("{}: is a feature table already; --save-features is for audio",
                              options.data));
    }
    if (!options.save_features.ends_with(kTableExtension)) {
      throw Error(ErrorClass::kUsage, fmt::format("--save-features {}: the name must end in {}",
                                                  options.save_features, kTableExtension));
    }
    require_writable(options.save_features);
  }
  OpenedData opened;
  if (is_table) {
    if (!options.group_column.empty()) {
      throw Error(ErrorClass::kUsage,
                  fmt::format("{}: the groups of a feature table are its array 'group'; --group is "
                              "for manifests",
                              options.data));
    }
    opened.table = read_feature_table(options.data);
    if (!split.empty()) {
      opened.table = clips_of_split(*opened.table, split);
    }
  } else {
    opened.files = read_labelled_files(options.data, options.group_column);
    if (!split.empty()) {
      keep_split(opened.files, options.data, split);
    }
  }
  return opened;
}

int LoadedData::exit_code() const {
  return failed.empty() ? kAllGood : kSomeFilesFailed;
}

nlohmann::json LoadedData::failed_json() const {
  nlohmann::json list = nlohmann::json::array();
  for (const FailedFile& file : failed) {
    list.push_back({{"path", valid_utf8(file.path.native())},
                    {"label", valid_utf8(file.label)},
                    {"error",
                     {{"class", error_class_name(file.error.error_class())},
                      {"message", valid_utf8(file.error.what())}}}});
  }
  return list;
}

LoadedData load_data(OpenedData&& opened, const DataOptions& options,
                     const ModelOptions& model_options) {
  if (opened.table) {
    return {.features = std::move(*opened.table), .failed = {}};
  }
  LoadedData loaded = embed(opened.files, model_options);
  if (!options.save_features.empty()) {
    write_feature_table(options.save_features, loaded.features);
  }
  return loaded;
}

void require_writable(const fs::path& path) {
  const AtomicFile removed_again(path);
}

}  // namespace vggroove::cli
