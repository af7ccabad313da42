#include "weights/import/import_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>

#include "base/error.h"
#include "weights/float_conversion.h"
#include "weights/foreign_text.h"
#include "weights/import/open_source.h"
#include "weights/model_file.h"
#include "weights/name_map.h"
#include "weights/safetensors.h"
#include "weights/sha256.h"

namespace vggroove::weights {
namespace {

constexpr std::string_view kReleasedTorchSha256Start = "10086976";  // vggish-10086976.pth
constexpr const char* kEigenVectors = "postprocess/pca_eigen_vectors";
constexpr const char* kMeans = "postprocess/pca_means";
const Shape kEigenVectorsShape{128, 128};
const Shape kMeansShape{128};
constexpr std::size_t kPieceFloats = std::size_t{1} << 18;  // 1 MiB at a time

[[noreturn]] void usage(const std::filesystem::path& path, const char* what) {
  throw Error(ErrorClass::kUsage, fmt::format("{}: {}", path.string(), what));
}

// Values of any floating-point type as finite fp32, to the writer in pieces.
void append_as_fp32(const TensorSource& source, const Tensor& tensor, ModelFileWriter& writer) {
  const std::size_t element_bytes = dtype_bytes(tensor.dtype);
  std::vector<float> piece(std::min(kPieceFloats, tensor.data.size() / element_bytes));
  std::span<const std::byte> rest = tensor.data;
  while (!rest.empty()) {
    const std::span<float> values =
        std::span(piece).first(std::min(piece.size(), rest.size() / element_bytes));
    convert_to_fp32(tensor.dtype, rest.first(values.size() * element_bytes), values);
    if (!std::ranges::all_of(values, [](float value) { return std::isfinite(value); })) {
      throw Error(ErrorClass::kInvalid,
                  fmt::format("{}: tensor {} holds NaN or infinite values; the training that made "
                              "it went wrong",
                              source.path().string(), quoted_name(tensor.name)));
    }
    writer.append(values);
    rest = rest.subspan(values.size() * element_bytes);
  }
}

void append_network(TensorSource& source, const NetworkTensors& network, ModelFileWriter& writer) {
  const auto& map = vggish_name_map();
  for (std::size_t i = 0; i < network.names.size(); ++i) {
    Tensor tensor = source.read(network.names[i]);
    if (network.has_torch_layout) {
      tensor.name = map[i].torch_name;  // where it came under a relative's name
      tensor = from_torch(source.path().string(), tensor);
    }
    append_as_fp32(source, tensor, writer);
  }
}

void append_pca(TensorSource& source, const NetworkTensors& tensors, ModelFileWriter& writer) {
  append_as_fp32(source, source.read(tensors.pca_eigen_vectors), writer);
  append_as_fp32(source, source.read(tensors.pca_means), writer);
}

std::vector<ModelFileWriter::Entry> pca_entries() {
  return {{kEigenVectors, kEigenVectorsShape}, {kMeans, kMeansShape}};
}

// All of the base model, with the PCA parameters of `source` in place of its own.
void add_pca_to_model(const std::filesystem::path& base_path, TensorSource& source,
                      const NetworkTensors& tensors, const std::filesystem::path& out) {
  const ModelFile base = ModelFile::open(base_path);
  std::vector<ModelFileWriter::Entry> entries;
  const SafetensorsFile base_tensors = SafetensorsFile::open(base_path);
  for (const auto& [name, entry] : base_tensors.tensors()) {
    if (name != kEigenVectors && name != kMeans && is_floating_point(entry.dtype)) {
      entries.push_back({name, entry.shape});
    }
  }
  const std::size_t num_kept = entries.size();
  for (auto& entry : pca_entries()) {
    entries.push_back(std::move(entry));
  }
  ModelFileWriter writer(out, base.metadata(), entries);
  std::vector<float> piece(kPieceFloats);
  for (std::size_t i = 0; i < num_kept; ++i) {
    const std::int64_t count = num_elements(entries[i].shape);
    for (std::int64_t first = 0; first < count;) {
      const auto values = std::span(piece).first(
          static_cast<std::size_t>(std::min<std::int64_t>(kPieceFloats, count - first)));
      base.read(entries[i].name, first, values);
      writer.append(values);
      first += static_cast<std::int64_t>(values.size());
    }
  }
  append_pca(source, tensors, writer);
  writer.commit();
}

// Where PCA parameters come from: the file given for them, else the network's own file.
class PcaChoice {
 public:
  PcaChoice(const std::filesystem::path& pca_file, TensorSource& network_source,
            const NetworkTensors& network_tensors)
      : source_(&network_source), tensors_(network_tensors) {
    if (!pca_file.empty()) {
      opened_ = open_tensor_source(pca_file);
      source_ = opened_.get();
      tensors_ = match_tensors(*opened_);
      if (tensors_.pca_means.empty()) {
        usage(pca_file, "no PCA parameters (pca_eigen_vectors, pca_means) in it");
      }
    }
  }
  bool has_any() const { return !tensors_.pca_means.empty(); }
  void append(ModelFileWriter& writer) { append_pca(*source_, tensors_, writer); }

 private:
  std::unique_ptr<TensorSource> opened_;
  TensorSource* source_;
  NetworkTensors tensors_;
};

}  // namespace

ImportReport import_model(const ImportRequest& request, const std::filesystem::path& out) {
  const auto source = open_tensor_source(request.file);
  const NetworkTensors tensors = match_tensors(*source);
  ImportReport report;
  report.ignored = tensors.ignored;
  if (tensors.names.empty()) {
    if (request.base_model.empty() || !request.pca_file.empty()) {
      usage(request.file,
            "PCA parameters without a network; name the model that they go to with --base");
    }
    add_pca_to_model(request.base_model, *source, tensors, out);
    report.origin = ModelFile::open(out).metadata().origin;
    report.has_postprocess = true;
    return report;
  }
  if (!request.base_model.empty()) {
    usage(request.file, "a network of its own; --base is for files with PCA parameters only");
  }

  PcaChoice pca(request.pca_file, *source, tensors);
  report.has_postprocess = pca.has_any();
  const bool is_released = request.is_released ||
                           (tensors.has_torch_layout &&
                            sha256_of_file(source->path()).starts_with(kReleasedTorchSha256Start));
  report.origin = is_released ? "released" : "imported";

  std::vector<ModelFileWriter::Entry> entries;
  for (const NameMapEntry& entry : vggish_name_map()) {
    entries.push_back({std::string(entry.canonical_name), entry.canonical_shape});
  }
  if (report.has_postprocess) {
    for (auto& entry : pca_entries()) {
      entries.push_back(std::move(entry));
    }
  }
  ModelMetadata metadata;
  metadata.architecture = "vggish";
  metadata.origin = report.origin;
  metadata.frontend = request.frontend;
  ModelFileWriter writer(out, metadata, entries);
  append_network(*source, tensors, writer);
  if (report.has_postprocess) {
    pca.append(writer);
  }
  writer.commit();
  return report;
}

}  // namespace vggroove::weights
