#include "weights/model_contents.h"

#include <fmt/format.h>

#include "weights/foreign_text.h"

namespace vggroove::weights {
namespace {

// Raised when a reader of the older kind would misunderstand the file.
constexpr int kMetadataVersion = 1;
// Nothing of ours nests deeper than a fold's score in the training record (5).
constexpr int kMaxMetadataDepth = 32;
constexpr std::int64_t kEmbeddingSize = 128;

class Checker {
 public:
  Checker(const std::string& file, const ShapesByName& shapes, ErrorClass error_class)
      : file_(file), shapes_(shapes), error_class_(error_class) {}

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(error_class_, file_ + ": " + what);
  }

  bool has_any(std::string_view prefix) const {
    const auto first = shapes_.lower_bound(prefix);
    return first != shapes_.end() && first->first.starts_with(prefix);
  }

  const Shape* find(std::string_view name) const {
    const auto found = shapes_.find(name);
    return found == shapes_.end() ? nullptr : &found->second;
  }

  const Shape& need(std::string_view name) const {
    const Shape* shape = find(name);
    if (shape == nullptr) {
      fail(
          fmt::format("not a vggroove model: tensor {} is missing; convert it with `vggroove "
                      "weights import`",
                      name));
    }
    return *shape;
  }

  void need(std::string_view name, const Shape& expected) const {
    const Shape& found = need(name);
    if (found != expected) {
      fail(
          fmt::format("tensor {} has the shape {}, but this architecture needs {}; convert other "
                      "layouts with `vggroove weights import`",
                      name, shape_text(found), shape_text(expected)));
    }
  }

 private:
  const std::string& file_;
  const ShapesByName& shapes_;
  ErrorClass error_class_;
};

void check_head(const Checker& check, const ModelMetadata& metadata) {
  const auto num_labels = static_cast<std::int64_t>(metadata.labels.size());
  if (num_labels == 0) {
    check.fail(
        "it has a head, but its metadata list no labels; train the head again with "
        "`vggroove train`");
  }
  const Shape& mean = check.need("head/mean");
  if (mean.size() != 1 || mean[0] < 1) {
    check.fail("tensor head/mean has the shape " + shape_text(mean) + ", but needs one dimension");
  }
  const std::int64_t num_inputs = mean[0];
  check.need("head/scale", {num_inputs});
  std::int64_t num_last = num_inputs;
  if (check.has_any("head/hidden/")) {
    const Shape& biases = check.need("head/hidden/biases");
    if (biases.size() != 1 || biases[0] < 1) {
      check.fail("tensor head/hidden/biases has the shape " + shape_text(biases) +
                 ", but needs one dimension");
    }
    num_last = biases[0];
    check.need("head/hidden/weights", {num_inputs, num_last});
  }
  check.need("head/logits/weights", {num_last, num_labels});
  check.need("head/logits/biases", {num_labels});
}

template <class T>
T take(const std::string& file, const nlohmann::json& json, const char* key) {
  try {
    return json.contains(key) ? json.at(key).get<T>() : T{};
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorClass::kCorrupt,
                fmt::format("{}: the metadata's \"{}\" has the wrong type", file, key));
  }
}

}  // namespace

ModelParts check_model_contents(const std::string& file, const ModelMetadata& metadata,
                                const ShapesByName& shapes, ErrorClass error_class) {
  const Checker check(file, shapes, error_class);
  ModelParts parts;
  if (metadata.architecture == "vggish") {
    for (const TensorSpec& spec : vggish_tensors()) {
      check.need(spec.name, spec.shape);
    }
    parts.network = true;
  } else if (metadata.architecture != "head") {
    check.fail("the architecture " + quoted_name(metadata.architecture) +
               " is not known to this version (it knows \"vggish\" and \"head\")");
  }
  if (metadata.architecture == "head" || !metadata.labels.empty() || check.has_any("head/")) {
    check_head(check, metadata);
    parts.head = true;
  }
  if (check.has_any("postprocess/")) {
    check.need("postprocess/pca_eigen_vectors", {kEmbeddingSize, kEmbeddingSize});
    check.need("postprocess/pca_means", {kEmbeddingSize});
    parts.postprocess = true;
  }
  return parts;
}

std::string metadata_to_text(const ModelMetadata& metadata) {
  const nlohmann::json json{
      {"version", kMetadataVersion},   {"architecture", metadata.architecture},
      {"origin", metadata.origin},     {"labels", metadata.labels},
      {"frontend", metadata.frontend}, {"head", metadata.head},
      {"training", metadata.training}};
  // A label that is not UTF-8 (an old folder name) must not cost a training run its model.
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

ModelMetadata metadata_from_text(const std::string& file, const std::string& text) {
  nlohmann::json json;
  try {
    json =
        nlohmann::json::parse(text, [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
          if (depth > kMaxMetadataDepth) {  // destroying and printing recurse
            throw Error(ErrorClass::kCorrupt, file + ": the metadata nest too deep");
          }
          return true;
        });
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorClass::kCorrupt, file + ": the metadata under \"vggroove\" are not JSON");
  }
  if (!json.is_object()) {
    throw Error(ErrorClass::kCorrupt, file + ": the metadata under \"vggroove\" are no object");
  }
  if (take<double>(file, json, "version") > kMetadataVersion) {
    throw Error(ErrorClass::kUnsupported,
                file + ": a later version of vggroove wrote this model; update vggroove");
  }
  ModelMetadata metadata;
  metadata.architecture = take<std::string>(file, json, "architecture");
  metadata.origin = take<std::string>(file, json, "origin");
  metadata.labels = take<std::vector<std::string>>(file, json, "labels");
  metadata.frontend = take<nlohmann::json>(file, json, "frontend");
  metadata.head = take<nlohmann::json>(file, json, "head");
  metadata.training = take<nlohmann::json>(file, json, "training");
  return metadata;
}

}  // namespace vggroove::weights
