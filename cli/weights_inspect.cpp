#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cli/verbs.h"
#include "weights/float_conversion.h"
#include "weights/model_file.h"
#include "weights/sha256.h"

namespace vggroove::cli {
namespace {

struct InspectedTensor {
  weights::TensorHeader header;
  std::int64_t num_values = 0;
  std::uint64_t size_bytes = 0;  // in the file
  std::string sha256;            // of the values as little-endian fp32; empty: not floating point
};

std::vector<InspectedTensor> inspect_tensors(const weights::ModelFile& model) {
  constexpr std::size_t kPieceValues = std::size_t{1} << 18;
  std::vector<InspectedTensor> inspected;
  std::vector<float> piece;
  for (const weights::TensorHeader& header : model.tensors()) {
    InspectedTensor tensor{header, weights::num_elements(header.shape), 0, ""};
    const auto num_values = static_cast<std::size_t>(tensor.num_values);
    tensor.size_bytes = num_values * weights::dtype_bytes(header.dtype);
    if (weights::is_floating_point(header.dtype)) {
      weights::Sha256 sha256;
      for (std::size_t begin = 0; begin < num_values; begin += kPieceValues) {
        piece.resize(std::min(kPieceValues, num_values - begin));
        model.read(header.name, static_cast<std::int64_t>(begin), piece);
        sha256.update(std::as_bytes(std::span(piece)));
      }
      tensor.sha256 = sha256.hex_digest();
    }
    inspected.push_back(std::move(tensor));
  }
  return inspected;
}

// Parameters are what training changes: not the standardisation before the head, nor the PCA.
std::int64_t num_parameters(const std::vector<InspectedTensor>& tensors, std::string_view prefix) {
  std::int64_t sum = 0;
  for (const InspectedTensor& tensor : tensors) {
    const std::string& name = tensor.header.name;
    const bool trained = name.ends_with("/weights") || name.ends_with("/biases");
    sum += name.starts_with(prefix) && trained ? tensor.num_values : 0;
  }
  return sum;
}

void print_json(const weights::ModelFile& model, const std::vector<InspectedTensor>& tensors) {
  const weights::ModelMetadata& metadata = model.metadata();
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const InspectedTensor& tensor : tensors) {
    list.push_back({{"name", tensor.header.name},
                    {"shape", tensor.header.shape},
                    {"dtype", weights::dtype_name(tensor.header.dtype)},
                    {"values", tensor.num_values},
                    {"bytes", tensor.size_bytes},
                    {"sha256_fp32", tensor.sha256}});
  }
  const nlohmann::ordered_json report{{"path", model.path().string()},
                                      {"architecture", metadata.architecture},
                                      {"origin", metadata.origin},
                                      {"labels", metadata.labels},
                                      {"network_parameters", num_parameters(tensors, "vggish/")},
                                      {"head_parameters", num_parameters(tensors, "head/")},
                                      {"has_postprocess", model.has_postprocess()},
                                      {"frontend", metadata.frontend},
                                      {"head", metadata.head},
                                      {"training", metadata.training},
                                      {"tensors", list}};
  fmt::print("{}\n", report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

std::string grouped(std::int64_t number) {  // 72 141 184
  std::string digits = std::to_string(number);
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), 1, ' ');
  }
  return digits;
}

std::string origin_in_words(const std::string& origin) {
  if (origin == "he-init") {
    return "random weights (He initialisation), not trained";
  }
  if (origin == "released") {
    return "the released AudioSet weights";
  }
  if (origin == "imported") {
    return "imported from another program";
  }
  if (origin == "finetuned") {
    return "fine-tuned on the training data below";
  }
  return origin.empty() ? "no network" : origin;
}

void print_object(std::string_view title, const nlohmann::json& object) {
  if (object.empty()) {
    return;
  }
  fmt::print("{}\n", title);
  for (const auto& [key, value] : object.items()) {
    fmt::print("  {:<20} {}\n", key, value.is_string() ? value.get<std::string>() : value.dump());
  }
}

void print_text(const weights::ModelFile& model, const std::vector<InspectedTensor>& tensors) {
  const weights::ModelMetadata& metadata = model.metadata();
  fmt::print("{}\n", model.path().string());
  fmt::print("architecture  {}\n", metadata.architecture);
  fmt::print("weights       {}\n", origin_in_words(metadata.origin));
  if (model.has_network()) {
    fmt::print("network       {} parameters\n", grouped(num_parameters(tensors, "vggish/")));
  }
  if (model.has_head()) {
    fmt::print("head          {} parameters, {} labels: {}\n",
               grouped(num_parameters(tensors, "head/")), metadata.labels.size(),
               fmt::join(metadata.labels, ", "));
  } else {
    fmt::print("head          none; make one with `vggroove train`\n");
  }
  fmt::print("AudioSet PCA  {}\n\n", model.has_postprocess() ? "yes" : "none");

  std::size_t width = 6;
  for (const InspectedTensor& tensor : tensors) {
    width = std::max(width, tensor.header.name.size());
  }
  fmt::print("{:<{}}  {:<18} {:<5} {:>12} {:>12}  sha256\n", "tensor", width, "shape", "dtype",
             "values", "bytes");
  for (const InspectedTensor& tensor : tensors) {
    fmt::print("{:<{}}  {:<18} {:<5} {:>12} {:>12}  {}\n", tensor.header.name, width,
               weights::shape_text(tensor.header.shape), weights::dtype_name(tensor.header.dtype),
               grouped(tensor.num_values), grouped(static_cast<std::int64_t>(tensor.size_bytes)),
               tensor.sha256.substr(0, 12));
  }
  fmt::print("\n");
  print_object("front end", metadata.frontend);
  print_object("head", metadata.head);
  print_object("training", metadata.training);
}

}  // namespace

void add_weights_inspect(CLI::App& weights_verb, Action& action) {
  struct Options {
    std::string model;
    bool json = false;
  };
  static Options options;
  CLI::App* verb = weights_verb.add_subcommand(
      "inspect", "Show a model's tensors, labels, front end and training record");
  verb->add_option("model", options.model, "Model file (.safetensors)")->required();
  verb->add_flag("--json", options.json, "Print JSON, with full checksums");
  verb->footer("Example:\n  vggroove weights inspect vggish.safetensors");
  verb->callback([&action] {
    action = [] {
      const weights::ModelFile model = weights::ModelFile::open(options.model);
      const std::vector<InspectedTensor> tensors = inspect_tensors(model);
      (options.json ? print_json : print_text)(model, tensors);
      return static_cast<int>(kAllGood);
    };
  });
}

}  // namespace vggroove::cli
