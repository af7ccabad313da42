#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/error.h"
#include "weights/float_conversion.h"
#include "weights/foreign_text.h"
#include "weights/import/import_model.h"
#include "weights/name_map.h"

namespace vggroove::weights {
namespace {

constexpr std::size_t kMaxListed = 6;  // names in a message
constexpr std::int64_t kEmbeddingSize = 128;

struct PrefixAlias {
  std::string_view theirs, ours;
};
constexpr std::array<PrefixAlias, 2> kTorchaudioNames{
    {{"features_network.", "features."}, {"embedding_network.", "embeddings."}}};

// torchvggish's name for a tensor of one of its relatives.
std::string torchvggish_name(std::string_view name) {
  if (name.starts_with("module.")) {  // torch.nn.DataParallel
    name.remove_prefix(7);
  }
  for (const PrefixAlias& alias : kTorchaudioNames) {
    if (name.starts_with(alias.theirs)) {
      return std::string(alias.ours) + std::string(name.substr(alias.theirs.size()));
    }
  }
  return std::string(name);
}

std::string list_text(std::span<const std::string> names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMaxListed); ++i) {
    text += (i > 0 ? ", " : "") + quoted_name(names[i]);
  }
  if (names.size() > kMaxListed) {
    text += fmt::format(" and {} more", names.size() - kMaxListed);
  }
  return text;
}

[[noreturn]] void unsupported(const TensorSource& source, const std::string& what) {
  throw Error(ErrorClass::kUnsupported, fmt::format("{}: {}", source.path().string(), what));
}

void check_floating_point(const TensorSource& source, const ForeignTensor& tensor) {
  if (!tensor.dtype || !is_floating_point(*tensor.dtype)) {
    unsupported(source, fmt::format("tensor {} does not hold floating-point numbers",
                                    quoted_name(tensor.name)));
  }
}

void check_pca(const TensorSource& source, const ForeignTensor& tensor, const Shape& expected) {
  check_floating_point(source, tensor);
  Shape shape = tensor.shape;
  if (expected.size() == 1) {
    std::erase(shape, 1);  // the means come as [128,1] too
  }
  if (shape != expected) {
    unsupported(source, fmt::format("{} has the shape {}, but the PCA of VGGish needs {}",
                                    quoted_name(tensor.name), shape_text(tensor.shape),
                                    shape_text(expected)));
  }
}

}  // namespace

NetworkTensors match_tensors(const TensorSource& source) {
  NetworkTensors result;
  const auto& map = vggish_name_map();
  std::vector<const ForeignTensor*> canonical(map.size()), torch(map.size());
  for (const ForeignTensor& tensor : source.tensors()) {
    if (const NameMapEntry* entry = find_canonical_name(tensor.name)) {
      canonical[static_cast<std::size_t>(entry - map.data())] = &tensor;
    } else if (const NameMapEntry* alias = find_torch_name(torchvggish_name(tensor.name))) {
      torch[static_cast<std::size_t>(alias - map.data())] = &tensor;
    } else if (tensor.name == "pca_eigen_vectors" ||
               tensor.name == "postprocess/pca_eigen_vectors") {
      check_pca(source, tensor, {kEmbeddingSize, kEmbeddingSize});
      result.pca_eigen_vectors = tensor.name;
    } else if (tensor.name == "pca_means" || tensor.name == "postprocess/pca_means") {
      check_pca(source, tensor, {kEmbeddingSize});
      result.pca_means = tensor.name;
    } else {
      result.ignored.push_back(tensor.name);
    }
  }
  if (result.pca_eigen_vectors.empty() != result.pca_means.empty()) {
    unsupported(source, "of the PCA parameters, pca_eigen_vectors and pca_means, one is missing");
  }

  result.has_torch_layout =
      std::ranges::count(torch, nullptr) < std::ranges::count(canonical, nullptr);
  const auto& found = result.has_torch_layout ? torch : canonical;
  std::vector<std::string> missing;
  for (std::size_t i = 0; i < map.size(); ++i) {
    if (found[i] == nullptr) {
      missing.emplace_back(result.has_torch_layout ? map[i].torch_name : map[i].canonical_name);
    }
  }
  if (missing.size() == map.size()) {
    if (result.pca_means.empty()) {
      unsupported(source, result.ignored.empty()
                              ? std::string("no tensors in it")
                              : "no tensor of VGGish in it, but " + list_text(result.ignored));
    }
    return result;
  }
  if (!missing.empty()) {
    unsupported(source,
                fmt::format("not a complete VGGish: {} of {} tensors are missing: {}{}",
                            missing.size(), map.size(), list_text(missing),
                            result.ignored.empty() ? std::string()
                                                   : "; unexpected: " + list_text(result.ignored)));
  }
  for (std::size_t i = 0; i < map.size(); ++i) {
    const Shape& expected = result.has_torch_layout ? map[i].torch_shape : map[i].canonical_shape;
    if (found[i]->shape != expected) {
      unsupported(source, fmt::format("tensor {} has the shape {}, but VGGish needs {}",
                                      quoted_name(found[i]->name), shape_text(found[i]->shape),
                                      shape_text(expected)));
    }
    check_floating_point(source, *found[i]);
    result.names.push_back(found[i]->name);
  }
  return result;
}

}  // namespace vggroove::weights
