#include "weights/model_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/error.h"
#include "weights/float_conversion.h"
#include "weights/model_contents.h"
#include "weights/safetensors.h"

namespace vggroove::weights {
namespace {

constexpr const char* kMetadataKey = "vggroove";
// Values converted at a time: 256 kB of F64, which stays in the second-level cache.
constexpr std::size_t kPieceValues = 32768;

}  // namespace

const std::vector<TensorSpec>& vggish_tensors() {
  static const std::vector<TensorSpec> tensors{
      {"vggish/conv1/weights", {3, 3, 1, 64}},
      {"vggish/conv1/biases", {64}},
      {"vggish/conv2/weights", {3, 3, 64, 128}},
      {"vggish/conv2/biases", {128}},
      {"vggish/conv3/conv3_1/weights", {3, 3, 128, 256}},
      {"vggish/conv3/conv3_1/biases", {256}},
      {"vggish/conv3/conv3_2/weights", {3, 3, 256, 256}},
      {"vggish/conv3/conv3_2/biases", {256}},
      {"vggish/conv4/conv4_1/weights", {3, 3, 256, 512}},
      {"vggish/conv4/conv4_1/biases", {512}},
      {"vggish/conv4/conv4_2/weights", {3, 3, 512, 512}},
      {"vggish/conv4/conv4_2/biases", {512}},
      {"vggish/fc1/fc1_1/weights", {12288, 4096}},
      {"vggish/fc1/fc1_1/biases", {4096}},
      {"vggish/fc1/fc1_2/weights", {4096, 4096}},
      {"vggish/fc1/fc1_2/biases", {4096}},
      {"vggish/fc2/weights", {4096, 128}},
      {"vggish/fc2/biases", {128}},
  };
  return tensors;
}

struct ModelFile::Impl {
  explicit Impl(SafetensorsFile opened) : file(std::move(opened)) {}

  const SafetensorsEntry& entry(std::string_view name) const {
    const auto found = file.tensors().find(name);
    if (found == file.tensors().end()) {
      throw Error(ErrorClass::kCorrupt,
                  fmt::format("{}: tensor {} is missing", file.path().string(), name));
    }
    return found->second;
  }

  SafetensorsFile file;
  ModelMetadata metadata;
  ModelParts parts;
};

ModelFile ModelFile::open(const std::filesystem::path& path) {
  auto impl = std::make_unique<Impl>(SafetensorsFile::open(path));
  const auto& stored = impl->file.metadata();
  if (const auto found = stored.find(kMetadataKey); found != stored.end()) {
    impl->metadata = metadata_from_text(path.string(), found->second);
  } else {
    impl->metadata.architecture = "vggish";  // a file of another program with the canonical names
    impl->metadata.origin = "imported";
  }
  ShapesByName shapes;
  for (const auto& [name, entry] : impl->file.tensors()) {
    shapes.emplace(name, entry.shape);
  }
  impl->parts =
      check_model_contents(path.string(), impl->metadata, shapes, ErrorClass::kUnsupported);
  return ModelFile(std::move(impl));
}

ModelFile::ModelFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ModelFile::ModelFile(ModelFile&&) noexcept = default;
ModelFile& ModelFile::operator=(ModelFile&&) noexcept = default;
ModelFile::~ModelFile() = default;

const std::filesystem::path& ModelFile::path() const {
  return impl_->file.path();
}
const ModelMetadata& ModelFile::metadata() const {
  return impl_->metadata;
}
std::vector<TensorHeader> ModelFile::tensors() const {
  std::vector<const std::pair<const std::string, SafetensorsEntry>*> by_position;
  for (const auto& tensor : impl_->file.tensors()) {
    by_position.push_back(&tensor);
  }
  std::ranges::stable_sort(by_position, {}, [](const auto* t) { return t->second.begin_byte; });
  std::vector<TensorHeader> headers;
  headers.reserve(by_position.size());
  for (const auto* tensor : by_position) {
    headers.push_back({tensor->first, tensor->second.dtype, tensor->second.shape});
  }
  return headers;
}
bool ModelFile::has(std::string_view name) const {
  return impl_->file.tensors().contains(name);
}
bool ModelFile::has_network() const {
  return impl_->parts.network;
}
bool ModelFile::has_head() const {
  return impl_->parts.head;
}
bool ModelFile::has_postprocess() const {
  return impl_->parts.postprocess;
}
const Shape& ModelFile::shape_of(std::string_view name) const {
  return impl_->entry(name).shape;
}

void ModelFile::read(std::string_view name, std::int64_t first, std::span<float> out) const {
  const SafetensorsEntry& entry = impl_->entry(name);
  if (!is_floating_point(entry.dtype)) {
    throw Error(ErrorClass::kUnsupported,
                fmt::format("{}: tensor {} has dtype {}, but weights must be floating point",
                            path().string(), name, dtype_name(entry.dtype)));
  }
  const std::size_t value_bytes = dtype_bytes(entry.dtype);
  const std::uint64_t num_values = entry.size_bytes / value_bytes;
  if (first < 0 || static_cast<std::uint64_t>(first) > num_values ||
      out.size() > num_values - static_cast<std::uint64_t>(first)) {
    throw Error(ErrorClass::kUsage,
                fmt::format("{}: {} values from number {} of tensor {} {} were asked for",
                            path().string(), out.size(), first, name, shape_text(entry.shape)));
  }
  const std::uint64_t first_byte = static_cast<std::uint64_t>(first) * value_bytes;
  if (entry.dtype == DType::kF32) {
    impl_->file.read(entry, first_byte, std::as_writable_bytes(out));
    return;
  }
  std::vector<std::byte> piece(std::min(out.size(), kPieceValues) * value_bytes);
  for (std::size_t done = 0; done < out.size(); done += kPieceValues) {
    const std::size_t count = std::min(kPieceValues, out.size() - done);
    const std::span<std::byte> bytes(piece.data(), count * value_bytes);
    impl_->file.read(entry, first_byte + done * value_bytes, bytes);
    convert_to_fp32(entry.dtype, bytes, out.subspan(done, count));
  }
}

std::vector<float> ModelFile::read_all(std::string_view name) const {
  std::vector<float> values(static_cast<std::size_t>(num_elements(shape_of(name))));
  read(name, 0, values);
  return values;
}

struct ModelFileWriter::Impl {
  Impl(const std::filesystem::path& path, const std::string& metadata,
       std::span<const TensorHeader> headers)
      : file(path, {{kMetadataKey, metadata}}, headers) {}

  SafetensorsWriter file;
};

ModelFileWriter::ModelFileWriter(const std::filesystem::path& path, const ModelMetadata& metadata,
                                 std::span<const Entry> entries) {
  std::vector<TensorHeader> headers;
  ShapesByName shapes;
  for (const Entry& entry : entries) {
    headers.push_back({entry.name, DType::kF32, entry.shape});
    shapes.emplace(entry.name, entry.shape);
  }
  check_model_contents(path.string(), metadata, shapes, ErrorClass::kUsage);
  impl_ = std::make_unique<Impl>(path, metadata_to_text(metadata), headers);
}

ModelFileWriter::ModelFileWriter(ModelFileWriter&&) noexcept = default;
ModelFileWriter& ModelFileWriter::operator=(ModelFileWriter&&) noexcept = default;
ModelFileWriter::~ModelFileWriter() = default;

void ModelFileWriter::append(std::span<const float> values) {
  append(std::as_bytes(values));
}
void ModelFileWriter::append(std::span<const std::byte> bytes) {
  impl_->file.append(bytes);
}
void ModelFileWriter::commit() {
  impl_->file.commit();
}

void write_model_file(const std::filesystem::path& path, const ModelMetadata& metadata,
                      std::span<const Tensor> tensors) {
  std::vector<ModelFileWriter::Entry> entries;
  for (const Tensor& tensor : tensors) {
    const auto needed_bytes =
        static_cast<std::size_t>(num_elements(tensor.shape)) * dtype_bytes(tensor.dtype);
    if (tensor.dtype != DType::kF32 || tensor.data.size() != needed_bytes) {
      throw Error(ErrorClass::kUsage,
                  fmt::format("{}: tensor {} has {} bytes of {} for the shape {}; model files hold "
                              "F32",
                              path.string(), tensor.name, tensor.data.size(),
                              dtype_name(tensor.dtype), shape_text(tensor.shape)));
    }
    entries.push_back({tensor.name, tensor.shape});
  }
  ModelFileWriter writer(path, metadata, entries);
  for (const Tensor& tensor : tensors) {
    writer.append(tensor.data);
  }
  writer.commit();
}

}  // namespace vggroove::weights
