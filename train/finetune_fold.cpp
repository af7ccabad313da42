#include "train/finetune_fold.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "base/atomic_file.h"
#include "base/error.h"
#include "train/finetune_checkpoint.h"
#include "train/finetune_model.h"
#include "weights/safetensors.h"

namespace vggroove {
namespace fs = std::filesystem;

namespace {

constexpr const char* kKey = "vggroove.finetuned_fold";
constexpr const char* kTensor = "segment_probabilities";

// A result in a file, perhaps of a training that goes on.
struct StoredFold {
  FinetunedFold fold;
  bool finished = false;
};

fs::path checkpoint_of(const fs::path& result) {
  return result.empty() ? fs::path() : fs::path(result.native() + ".checkpoint");
}

std::size_t count_rows(const FeatureSet& logmels, std::span<const std::size_t> clips) {
  std::size_t count = 0;
  for (const std::size_t clip : clips) {
    count += logmels.clips[clip].num_rows;
  }
  return count;
}

std::string identity_of_fold(const FinetuneFold& fold, const std::string& run) {
  Fingerprint print;
  print.add(run);
  print.add(settings_to_json(fold.training).dump());
  for (const auto clips : {fold.train, fold.validation, fold.test}) {
    print.add(fmt::format("{}", clips.size()));
    for (const std::size_t clip : clips) {
      print.add(fmt::format("{}", clip));
    }
  }
  return print.text();
}

void write_fold(const fs::path& path, const StoredFold& stored, const std::string& identity,
                std::size_t num_classes) {
  const nlohmann::json state = {{"fold", identity},
                                {"finished", stored.finished},
                                {"epochs", epochs_to_json(stored.fold.epochs)}};
  const std::vector<float>& values = stored.fold.segment_probabilities;
  const weights::TensorHeader header{kTensor,
                                     weights::DType::kF32,
                                     {static_cast<std::int64_t>(values.size() / num_classes),
                                      static_cast<std::int64_t>(num_classes)}};
  // Predictions come with the first epoch that is to be kept.
  const std::span<const weights::TensorHeader> headers(&header, values.empty() ? 0 : 1);
  weights::SafetensorsWriter writer(path, {{kKey, state.dump()}}, headers);
  writer.append(std::as_bytes(std::span(values)));
  writer.commit();
}

// Nothing where there is no such file.
std::optional<StoredFold> read_fold(const fs::path& path, const std::string& identity,
                                    std::size_t num_rows, std::size_t num_classes) {
  std::error_code unreadable_is_for_open_to_say;
  if (!fs::exists(path, unreadable_is_for_open_to_say) && !unreadable_is_for_open_to_say) {
    return std::nullopt;
  }
  const auto file = weights::SafetensorsFile::open(path);
  const auto corrupt = [&](const char* what) {
    return Error(
        ErrorClass::kCorrupt,
        fmt::format("{}: {}; remove it, and this fold is trained again", path.string(), what));
  };
  const auto found = file.metadata().find(kKey);
  if (found == file.metadata().end()) {
    throw corrupt("is no fold of a cross-validation");
  }
  StoredFold stored;
  try {
    const nlohmann::json state = nlohmann::json::parse(found->second);
    if (state.at("fold") != identity) {
      throw Error(ErrorClass::kUsage,
                  fmt::format("{}: belongs to a cross-validation with other options, data or base "
                              "model; resume with the same ones, or leave --resume out to start "
                              "again",
                              path.string()));
    }
    stored.finished = state.at("finished");
    stored.fold.epochs = epochs_from_json(state.at("epochs"));
  } catch (const nlohmann::json::exception&) {
    throw corrupt("its state is damaged");
  }
  const auto tensor = file.tensors().find(kTensor);
  if (tensor != file.tensors().end()) {
    const weights::Shape expected = {static_cast<std::int64_t>(num_rows),
                                     static_cast<std::int64_t>(num_classes)};
    if (tensor->second.dtype != weights::DType::kF32 || tensor->second.shape != expected) {
      throw corrupt("its predictions are of other clips");
    }
    stored.fold.segment_probabilities.resize(num_rows * num_classes);
    file.read(tensor->second, 0,
              std::as_writable_bytes(std::span(stored.fold.segment_probabilities)));
  }
  if (stored.finished && stored.fold.segment_probabilities.empty()) {
    throw corrupt("its predictions are missing");
  }
  return stored;
}

}  // namespace

std::string identity_of(TrainingBackend& backend, VggishTraining& net, const FeatureSet& logmels) {
  Fingerprint print;
  print.add(precision_name(backend.precision()));
  print.add(fmt::format("{} hidden units", net.net().num_hidden));
  print.add(logmels.rows);
  for (const FeatureSet::Clip& clip : logmels.clips) {
    print.add(fmt::format("{} {}", clip.label, clip.num_rows));
  }
  std::vector<float> values;
  for (std::size_t i = 0; i < net.parameters().size(); ++i) {
    if (net.parameters()[i].layer < net.net().body.size()) {
      values.resize(net.parameters()[i].count);
      net.to_host(i, values, net.parameter(i));
      print.add(values);
    }
  }
  return print.text();
}

std::optional<FinetunedFold> read_finished_fold(const FinetuneFoldFiles& files,
                                                const std::string& run, const FeatureSet& logmels,
                                                const FinetuneFold& fold) {
  if (!files.resume || files.result.empty()) {
    return std::nullopt;
  }
  std::optional<StoredFold> stored =
      read_fold(files.result, identity_of_fold(fold, run), count_rows(logmels, fold.test),
                logmels.labels.size());
  if (!stored || !stored->finished) {
    return std::nullopt;
  }
  fs::remove(checkpoint_of(files.result));  // where the run died between the two
  return std::move(stored->fold);
}

FinetunedFold run_fold(TrainingBackend& backend, VggishTraining& net, const FinetuneStart& start,
                       const FeatureSet& logmels, const FinetuneFold& fold, const std::string& run,
                       const FinetuneFoldFiles& files,
                       const std::function<void(const FinetuneProgress&)>& on_batch) {
  const std::size_t num_classes = logmels.labels.size();
  const std::string identity = identity_of_fold(fold, run);
  const fs::path checkpoint = checkpoint_of(files.result);
  StoredFold stored;
  bool resume = files.resume && !files.result.empty();
  if (resume) {
    remove_abandoned_temporaries(files.result);
    remove_abandoned_temporaries(checkpoint);
    // Written before the checkpoint: without it the checkpoint lacks predictions of its best epoch.
    std::optional<StoredFold> before =
        read_fold(files.result, identity, count_rows(logmels, fold.test), num_classes);
    resume = before.has_value();
    stored = std::move(before).value_or(StoredFold());
  }
  start.load_body(net);
  load_head(net, initial_head(net, logmels, fold.train, fold.training.seed));

  FinetuneCallbacks callbacks;
  callbacks.on_batch = on_batch;
  callbacks.on_epoch = [&](const std::vector<FinetuneEpoch>& epochs) {
    stored.fold.epochs = epochs;
    // Without validation every epoch is the best so far; only the last one's predictions are asked
    // for.
    const bool kept = fold.validation.empty() ? epochs.back().epoch == fold.training.max_epochs
                                              : epochs.back().best;
    if (kept) {
      stored.fold.segment_probabilities = predict_segments(net, logmels, fold.test);
    }
    if (!files.result.empty()) {
      write_fold(files.result, stored, identity, num_classes);
    }
  };
  stored.fold.epochs = finetune(backend, net, logmels, fold.train, fold.validation, fold.training,
                                {.checkpoint = checkpoint, .resume = resume}, callbacks);
  if (!files.result.empty()) {
    stored.finished = true;
    write_fold(files.result, stored, identity, num_classes);
    fs::remove(checkpoint);
  }
  return std::move(stored.fold);
}

}  // namespace vggroove
