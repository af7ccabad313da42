#include "train/finetune_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "train/random.h"

namespace vggroove {
namespace {

constexpr std::int64_t kPieceElements = 1 << 20;

// The parameter called `name`, or the number of parameters.
std::size_t find_parameter(const VggishTraining& net, std::string_view name) {
  const auto parameters = net.parameters();
  return static_cast<std::size_t>(
      std::find_if(parameters.begin(), parameters.end(),
                   [name](const TrainingParameter& p) { return p.name == name; }) -
      parameters.begin());
}

std::vector<float> read_parameter(VggishTraining& net, std::string_view name) {
  const std::size_t i = find_parameter(net, name);
  std::vector<float> values;
  if (i < net.parameters().size()) {
    values.resize(net.parameters()[i].count);
    net.to_host(i, values, net.parameter(i));
  }
  return values;
}

void write_parameter(VggishTraining& net, std::string_view name, const std::vector<float>& values) {
  const std::size_t i = find_parameter(net, name);
  if (i < net.parameters().size()) {
    net.to_device(i, net.parameter(i), values);
  }
}

void append_from(weights::ModelFileWriter& writer, const weights::ModelFile& model,
                 const weights::ModelFileWriter::Entry& entry) {
  const std::int64_t count = weights::num_elements(entry.shape);
  std::vector<float> piece;
  for (std::int64_t first = 0; first < count; first += kPieceElements) {
    piece.resize(static_cast<std::size_t>(std::min(kPieceElements, count - first)));
    model.read(entry.name, first, piece);
    writer.append(piece);
  }
}

nlohmann::json number_or_null(double value) {  // JSON has no NaN
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}
double number_or_nan(const nlohmann::json& json) {
  return json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
}

}  // namespace

void load_body(VggishTraining& net, const weights::ModelFile& model) {
  if (!model.has_network()) {
    throw Error(ErrorClass::kInvalid,
                model.path().string() +
                    ": holds no complete VGGish network, only a head; name a model with a network");
  }
  for (std::size_t i = 0; i < net.parameters().size(); ++i) {
    if (net.parameters()[i].layer < net.net().body.size()) {
      net.to_device(i, net.parameter(i), model.read_all(net.parameters()[i].name));
    }
  }
}

void load_head(VggishTraining& net, const DenseHead& head) {
  net.set_standardisation(head.mean, head.scale);
  write_parameter(net, "head/hidden/weights", head.hidden_weights);
  write_parameter(net, "head/hidden/biases", head.hidden_biases);
  write_parameter(net, "head/logits/weights", head.logits_weights);
  write_parameter(net, "head/logits/biases", head.logits_biases);
}

DenseHead initial_head(VggishTraining& net, const FeatureSet& logmels,
                       std::span<const std::size_t> clips, std::uint64_t seed,
                       Communicator& processes) {
  const std::size_t d = net.net().embedding_size(), values = net.net().input_count();
  const std::size_t h = net.net().num_hidden, k = net.net().num_classes;
  std::vector<double> sums(2 * d + 1);  // of the embeddings, of their squares; their number
  const std::span<double> sum = std::span(sums).first(d), squares = std::span(sums).subspan(d, d);
  double& count = sums.back();
  std::vector<float> logits, embeddings;
  const auto [begin, end] = share_of(processes, clips.size());
  for (const std::size_t clip : clips.subspan(begin, end - begin)) {
    const std::size_t num_rows = logmels.clips[clip].num_rows;
    for (std::size_t first = 0; first < num_rows; first += net.max_batch()) {
      const std::size_t n = std::min(net.max_batch(), num_rows - first);
      logits.resize(n * k);
      embeddings.resize(n * d);
      net.forward(logmels.rows_of(clip).subspan(first * values, n * values), n, {}, logits);
      net.read_embeddings(embeddings);
      for (std::size_t i = 0; i < n * d; ++i) {
        sum[i % d] += embeddings[i];
        squares[i % d] += static_cast<double>(embeddings[i]) * embeddings[i];
      }
      count += static_cast<double>(n);
    }
  }
  processes.all_reduce_sum(sums);
  DenseHead head;
  head.num_inputs = static_cast<int>(d);
  head.num_hidden = static_cast<int>(h);
  head.labels = logmels.labels;
  for (std::size_t i = 0; i < d; ++i) {
    const double mean = sum[i] / count;
    const double deviation = std::sqrt(std::max(0.0, squares[i] / count - mean * mean));
    // A value that varies by less than fp32 can tell is constant: there is nothing to scale.
    const bool constant =
        deviation <= 1e-3 * std::numeric_limits<float>::epsilon() + 1e-6 * std::abs(mean);
    head.mean.push_back(static_cast<float>(mean));
    head.scale.push_back(constant ? 1.0F : static_cast<float>(1 / deviation));
  }
  Random random(seed, 0);
  const double deviation = std::sqrt(2.0 / static_cast<double>(d));
  for (std::size_t i = 0; i < d * h; ++i) {
    head.hidden_weights.push_back(static_cast<float>(random.normal() * deviation));
  }
  head.hidden_biases.assign(h, 0);
  head.logits_weights.assign((h > 0 ? h : d) * k, 0);
  head.logits_biases.assign(k, 0);
  return head;
}

DenseHead trained_head(VggishTraining& net, const DenseHead& head) {
  DenseHead trained = head;
  trained.hidden_weights = read_parameter(net, "head/hidden/weights");
  trained.hidden_biases = read_parameter(net, "head/hidden/biases");
  trained.logits_weights = read_parameter(net, "head/logits/weights");
  trained.logits_biases = read_parameter(net, "head/logits/biases");
  return trained;
}

void write_finetuned_model(const std::filesystem::path& path, const weights::ModelFile& base,
                           VggishTraining& net, std::size_t first_layer, const DenseHead& head,
                           nlohmann::json training) {
  const bool body_trained = first_layer < net.net().body.size();
  weights::ModelMetadata metadata = base.metadata();
  if (body_trained) {
    metadata.origin = "finetuned";
  }
  head.describe(metadata);
  metadata.training = std::move(training);
  std::vector<weights::ModelFileWriter::Entry> entries;
  for (const weights::TensorHeader& tensor : base.tensors()) {
    const bool outdated = body_trained && tensor.name.starts_with("postprocess/");
    if (!tensor.name.starts_with("head/") && !outdated) {
      entries.push_back({tensor.name, tensor.shape});
    }
  }
  const std::size_t num_base = entries.size();
  const std::vector<weights::Tensor> of_head = trained_head(net, head).to_tensors();
  for (const weights::Tensor& tensor : of_head) {
    entries.push_back({tensor.name, tensor.shape});
  }
  weights::ModelFileWriter writer(path, metadata, entries);
  for (std::size_t i = 0; i < num_base; ++i) {
    const std::size_t parameter = find_parameter(net, entries[i].name);
    if (parameter < net.parameters().size() && net.parameters()[parameter].layer >= first_layer) {
      writer.append(read_parameter(net, entries[i].name));
    } else {
      append_from(writer, base, entries[i]);
    }
  }
  for (const weights::Tensor& tensor : of_head) {
    writer.append(tensor.data);
  }
  writer.commit();
}

nlohmann::json epochs_to_json(std::span<const FinetuneEpoch> epochs) {
  nlohmann::json list = nlohmann::json::array();
  for (const FinetuneEpoch& epoch : epochs) {
    list.push_back({{"epoch", epoch.epoch},
                    {"train_loss", epoch.train_loss},
                    {"train_accuracy", epoch.train_accuracy},
                    {"validation_loss", number_or_null(epoch.validation_loss)},
                    {"validation_accuracy", number_or_null(epoch.validation_accuracy)},
                    {"learning_rate", epoch.learning_rate},
                    {"best", epoch.best}});
  }
  return list;
}

std::vector<FinetuneEpoch> epochs_from_json(const nlohmann::json& json) {
  std::vector<FinetuneEpoch> epochs;
  for (const nlohmann::json& epoch : json) {
    epochs.push_back({.epoch = epoch.at("epoch"),
                      .train_loss = epoch.at("train_loss"),
                      .train_accuracy = epoch.at("train_accuracy"),
                      .validation_loss = number_or_nan(epoch.at("validation_loss")),
                      .validation_accuracy = number_or_nan(epoch.at("validation_accuracy")),
                      .learning_rate = epoch.at("learning_rate"),
                      .best = epoch.at("best")});
  }
  return epochs;
}

}  // namespace vggroove
