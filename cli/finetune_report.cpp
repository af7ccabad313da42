#include "cli/finetune_report.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "cli/unicode_text.h"
#include "engine/heads/dense_head.h"
#include "train/finetune_model.h"
#include "train/metrics.h"
#include "weights/model_file.h"

namespace vggroove::cli {

void write_finetune_report(const ReportFolder& folder, VggishTraining& net,
                           const std::filesystem::path& model, const FeatureSet& logmels,
                           std::span<const std::size_t> validation_clips,
                           std::span<const FinetuneEpoch> epochs, const std::string& data,
                           const nlohmann::json& training) {
  const auto file = weights::ModelFile::open(model);
  load_body(net, file);
  load_head(net, DenseHead::from_model(file));
  const std::vector<double> probabilities = predict_clips(net, logmels, validation_clips);
  FeatureSet validation;
  std::vector<int> truth;
  for (const std::size_t clip : validation_clips) {
    validation.clips.push_back(logmels.clips[clip]);
    truth.push_back(logmels.clips[clip].label);
  }
  RunReport page = run_report(validation, logmels.labels, truth, probabilities);
  RunReport::Curve& curve = page.curves.emplace_back();
  for (const FinetuneEpoch& epoch : epochs) {
    curve.epochs.push_back({.train_loss = epoch.train_loss,
                            .validation_loss = epoch.validation_loss,
                            .validation_accuracy = epoch.validation_accuracy});
    if (epoch.best) {
      curve.best_epoch = static_cast<std::size_t>(epoch.epoch);
    }
  }
  page.title = title_of(data);
  page.subtitle = fmt::format("Fine-tuning: predictions of epoch {} of {} for {} validation clips.",
                              curve.best_epoch, epochs.size(), validation_clips.size());
  page.warnings = {
      "These clips chose the epoch, so their score flatters; judge the model by other clips "
      "(vggroove evaluate, or crossval --finetune)."};
  page.facts = {{"Data", terminal_text(data)}, {"Model", terminal_text(model.native())}};
  for (const auto& [name, value] : training.at("settings").items()) {
    page.facts.push_back({name, value.is_string() ? value.get<std::string>() : value.dump()});
  }
  page.facts.push_back({"precision", training.at("precision")});
  page.facts.push_back({"Program", fmt::format("vggroove {}, finetune", VGGROOVE_VERSION)});
  nlohmann::json metrics = metrics_to_json(
      compute_metrics(truth, probabilities, static_cast<int>(logmels.labels.size())), page.labels);
  metrics["training"] = training;
  folder.write(std::move(page), metrics);
}

}  // namespace vggroove::cli
