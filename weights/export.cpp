#include "weights/export.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "weights/float_conversion.h"
#include "weights/npz.h"

namespace vggroove::weights {
namespace {

constexpr std::size_t kPieceValues = std::size_t{1} << 20;

std::vector<TensorHeader> floating_point_tensors(const ModelFile& model) {
  std::vector<TensorHeader> tensors = model.tensors();
  std::erase_if(tensors, [](const TensorHeader& t) { return !is_floating_point(t.dtype); });
  return tensors;
}

void for_each_piece(const ModelFile& model, const TensorHeader& tensor,
                    const std::function<void(std::span<const float>)>& take) {
  const auto num_values = static_cast<std::size_t>(num_elements(tensor.shape));
  std::vector<float> piece;
  for (std::size_t begin = 0; begin < num_values; begin += kPieceValues) {
    piece.resize(std::min(kPieceValues, num_values - begin));
    model.read(tensor.name, static_cast<std::int64_t>(begin), piece);
    take(piece);
  }
}

}  // namespace

void export_safetensors(const ModelFile& model, const std::filesystem::path& path) {
  const std::vector<TensorHeader> tensors = floating_point_tensors(model);
  std::vector<ModelFileWriter::Entry> entries;
  entries.reserve(tensors.size());
  for (const TensorHeader& tensor : tensors) {
    entries.push_back({tensor.name, tensor.shape});
  }
  ModelFileWriter writer(path, model.metadata(), entries);
  for (const TensorHeader& tensor : tensors) {
    for_each_piece(model, tensor, [&](std::span<const float> piece) { writer.append(piece); });
  }
  writer.commit();
}

void export_npz(const ModelFile& model, const std::filesystem::path& path) {
  NpzWriter writer(path);
  for (const TensorHeader& tensor : floating_point_tensors(model)) {
    writer.begin_array(tensor.name, DType::kF32, tensor.shape);
    for_each_piece(model, tensor,
                   [&](std::span<const float> piece) { writer.append(std::as_bytes(piece)); });
  }
  writer.commit();
}

}  // namespace vggroove::weights
