#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "weights/foreign_text.h"
#include "weights/import/pickle.h"
#include "weights/import/torch_file.h"
#include "weights/import/torch_tensors.h"
#include "weights/import/wire_reader.h"
#include "weights/zip_reader.h"

namespace vggroove::weights {
namespace {

constexpr std::string_view kPickleMember = "/data.pkl";

class TorchZip final : public TensorSource {
 public:
  explicit TorchZip(const std::filesystem::path& path);

  const std::filesystem::path& path() const override { return zip_.path(); }
  const std::vector<ForeignTensor>& tensors() const override { return tensors_; }
  Tensor read(std::string_view name) override;

 private:
  std::vector<std::byte> read_storage(const TorchTensor& tensor) const;

  ZipReader zip_;
  std::string top_;  // the folder that every member lies in, "NAME/"
  PickleResult pickle_;
  std::vector<TorchTensor> views_;
  std::vector<ForeignTensor> tensors_;  // the same, in the same order
};

TorchZip::TorchZip(const std::filesystem::path& path) : zip_(path) {
  const auto member = std::ranges::find_if(zip_.members(), [](const ZipReader::Member& candidate) {
    return candidate.name.ends_with(kPickleMember);
  });
  if (member == zip_.members().end()) {
    throw Error(ErrorClass::kUnsupported, path.string() + ": a zip without PyTorch's data.pkl");
  }
  top_ = member->name.substr(0, member->name.size() - kPickleMember.size() + 1);
  if (const auto* order = zip_.find(top_ + "byteorder");
      order != nullptr && order->size_bytes == 3 && as_text(zip_.read(*order)) == "big") {
    throw Error(ErrorClass::kUnsupported,
                path.string() + ": written on a big-endian machine, which is not read");
  }
  if (member->size_bytes > kMaxPickleBytes) {
    throw Error(ErrorClass::kUnsupported,
                fmt::format("{}: its pickle has {} bytes; a list of tensors has far fewer",
                            path.string(), member->size_bytes));
  }
  pickle_ = unpickle(zip_.read(*member), path.string());
  views_ = torch_tensors(pickle_.root, path.string());
  tensors_ = listed(views_);
}

std::vector<std::byte> TorchZip::read_storage(const TorchTensor& tensor) const {
  const std::string place = fmt::format("{}: tensor {}", path().string(), quoted_name(tensor.name));
  const auto* member = zip_.find(top_ + "data/" + tensor.storage_key);
  if (member == nullptr) {
    throw Error(ErrorClass::kCorrupt,
                fmt::format("{}: its numbers are missing from the file", place));
  }
  const std::uint64_t element_bytes = dtype_bytes(tensor.dtype);
  if (member->size_bytes % element_bytes != 0 ||
      member->size_bytes / element_bytes != static_cast<std::uint64_t>(tensor.storage_elements)) {
    throw Error(ErrorClass::kCorrupt,
                fmt::format("{}: {} bytes where {} numbers of {} bytes are expected", place,
                            member->size_bytes, tensor.storage_elements, element_bytes));
  }
  return zip_.read(*member);
}

Tensor TorchZip::read(std::string_view name) {
  const TorchTensor& view = views_[find_tensor(path(), tensors_, name)];
  Tensor tensor{view.name, view.dtype, view.shape, {}};
  if (view.array_bytes != nullptr) {
    tensor.data = gather_elements(view, {});
    return tensor;
  }
  std::vector<std::byte> storage = read_storage(view);
  if (view.is_whole_storage()) {
    tensor.data = std::move(storage);
  } else {
    const auto offset_bytes = static_cast<std::size_t>(view.offset) * dtype_bytes(view.dtype);
    tensor.data = gather_elements(view, std::span<const std::byte>(storage).subspan(offset_bytes));
  }
  return tensor;
}

}  // namespace

std::unique_ptr<TensorSource> open_torch_zip(const std::filesystem::path& path) {
  return std::make_unique<TorchZip>(path);
}

}  // namespace vggroove::weights
