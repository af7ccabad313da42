#include "train/head_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/nets/vggish.h"

namespace vggroove {
namespace {

constexpr std::int64_t kPieceElements = 1 << 20;  // 4 MB: the network is never held as a whole

void append_tensor(weights::ModelFileWriter& writer, const weights::ModelFile& model,
                   const weights::ModelFileWriter::Entry& entry) {
  const std::int64_t count = weights::num_elements(entry.shape);
  std::vector<float> piece;
  for (std::int64_t first = 0; first < count; first += kPieceElements) {
    piece.resize(static_cast<std::size_t>(std::min(kPieceElements, count - first)));
    model.read(entry.name, first, piece);
    writer.append(piece);
  }
}

// JSON has no NaN.
nlohmann::json number_or_null(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

}  // namespace

void write_head_model(const std::filesystem::path& path, const weights::ModelFile* base,
                      const DenseHead& head, nlohmann::json training) {
  weights::ModelMetadata metadata;
  metadata.architecture = "head";
  std::vector<weights::ModelFileWriter::Entry> entries;
  if (base != nullptr) {
    if (head.num_inputs != static_cast<int>(kEmbeddingSize)) {
      throw Error(ErrorClass::kUsage,
                  fmt::format("{}: its embeddings have {} values, but the classifier was trained "
                              "on features of {}; leave the network out",
                              base->path().string(), kEmbeddingSize, head.num_inputs));
    }
    metadata = base->metadata();
    for (const weights::TensorHeader& tensor : base->tensors()) {
      if (!tensor.name.starts_with("head/")) {
        entries.push_back({tensor.name, tensor.shape});
      }
    }
  }
  const std::size_t num_base_tensors = entries.size();
  const std::vector<weights::Tensor> of_head = head.to_tensors();
  for (const weights::Tensor& tensor : of_head) {
    entries.push_back({tensor.name, tensor.shape});
  }
  head.describe(metadata);
  metadata.training = std::move(training);

  weights::ModelFileWriter writer(path, metadata, entries);
  if (base != nullptr) {
    for (std::size_t i = 0; i < num_base_tensors; ++i) {
      append_tensor(writer, *base, entries[i]);
    }
  }
  for (const weights::Tensor& tensor : of_head) {
    writer.append(tensor.data);
  }
  writer.commit();
}

nlohmann::json settings_to_json(const HeadFitOptions& options) {
  const HeadTrainingOptions& training = options.training;
  return {{"hidden", training.num_hidden},
          {"initial_weights", initial_weights_name(training.initial_weights)},
          {"dropout", training.dropout},
          {"learning_rate", training.learning_rate},
          {"weight_decay", training.weight_decay},
          {"label_smoothing", training.label_smoothing},
          {"batch", training.batch_size},
          {"max_epochs", training.max_epochs},
          {"patience", training.patience},
          {"seed", training.seed},
          {"decision", clip_decision_name(training.decision)},
          {"members", options.num_members},
          {"validation_fraction", options.validation_fraction},
          {"grouped", options.grouped}};
}

nlohmann::json members_to_json(const std::vector<FittedHead::Member>& members) {
  nlohmann::json list = nlohmann::json::array();
  for (const FittedHead::Member& member : members) {
    list.push_back({{"train_clips", member.num_train_clips},
                    {"validation_clips", member.num_validation_clips},
                    {"epochs", member.epochs.size()},
                    {"best_epoch", member.best_epoch},
                    {"train_loss", member.best().train_loss},
                    {"validation_loss", number_or_null(member.best().validation_loss)},
                    {"validation_accuracy", number_or_null(member.best().validation_accuracy)}});
  }
  return list;
}

}  // namespace vggroove
