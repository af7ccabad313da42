#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/error.h"
#include "weights/foreign_text.h"
#include "weights/import/little_endian.h"
#include "weights/import/pickle.h"
#include "weights/import/torch_file.h"
#include "weights/import/torch_tensors.h"
#include "weights/random_access_file.h"

namespace vggroove::weights {
namespace {

using Kind = PickleValue::Kind;

constexpr std::string_view kMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
constexpr std::int64_t kProtocol = 1001;

class TorchLegacy final : public TensorSource {
 public:
  explicit TorchLegacy(const std::filesystem::path& path);

  const std::filesystem::path& path() const override { return file_.path(); }
  const std::vector<ForeignTensor>& tensors() const override { return tensors_; }
  Tensor read(std::string_view name) override;

 private:
  struct Storage {
    DType dtype = DType::kF32;
    std::int64_t num_elements = 0;  // as the pickle says
    std::uint64_t first_byte = 0;   // in the file; 0: not found yet
  };

  [[noreturn]] void corrupt(const std::string& what) const {
    throw Error(ErrorClass::kCorrupt, path().string() + ": " + what);
  }
  std::map<std::string, Storage> storages_in_pickle() const;
  void locate_storages(PickleRef keys, std::uint64_t position);

  RandomAccessFile file_;
  PickleResult pickle_;
  std::map<std::string, Storage> storages_;  // by key
  std::vector<TorchTensor> views_;
  std::vector<ForeignTensor> tensors_;  // the same, in the same order
};

TorchLegacy::TorchLegacy(const std::filesystem::path& path) : file_(path) {
  std::vector<std::byte> head(
      static_cast<std::size_t>(std::min<std::uint64_t>(file_.size_bytes(), kMaxPickleBytes)));
  file_.read(0, head);
  std::size_t position = 0;
  const auto next_pickle = [&] {
    PickleResult result =
        unpickle(std::span<const std::byte>(head).subspan(position), path.string());
    position += result.size_bytes;
    return result;
  };
  const PickleResult magic = next_pickle();
  if (magic.root->kind != Kind::kInteger || magic.root->text != kMagic) {
    throw Error(ErrorClass::kUnsupported,
                path.string() +
                    ": a pickle that torch.save did not write; save module.state_dict() "
                    "with torch.save");
  }
  const PickleResult protocol = next_pickle();
  if (protocol.root->kind != Kind::kInteger || protocol.root->integer != kProtocol) {
    throw Error(ErrorClass::kUnsupported,
                path.string() + ": another version of PyTorch's old format than 1001");
  }
  const PickleResult machine = next_pickle();
  const auto& facts = machine.root->items;
  for (std::size_t i = 0; machine.root->kind == Kind::kDict && i + 1 < facts.size(); i += 2) {
    if (facts[i]->text == "little_endian" && facts[i + 1]->kind == Kind::kBool &&
        facts[i + 1]->integer == 0) {
      throw Error(ErrorClass::kUnsupported,
                  path.string() + ": written on a big-endian machine, which is not read");
    }
  }
  pickle_ = next_pickle();
  views_ = torch_tensors(pickle_.root, path.string());
  tensors_ = listed(views_);
  storages_ = storages_in_pickle();
  const PickleResult keys = next_pickle();
  locate_storages(keys.root, position);
}

// Of all tensors, also those outside the state dictionary: their numbers lie between the others'.
std::map<std::string, TorchLegacy::Storage> TorchLegacy::storages_in_pickle() const {
  std::map<std::string, Storage> storages;
  for (const PickleValue& value : pickle_.values) {
    if (value.kind != Kind::kStorage) {
      continue;
    }
    Storage storage;
    const PickleRef type = value.items[1], key = value.items[2], count = value.items[4];
    if (type->kind != Kind::kGlobal || !is_torch_storage(type->text, storage.dtype) ||
        key->kind != Kind::kText || count->kind != Kind::kInteger || count->integer < 0) {
      corrupt("the description of a storage is damaged");
    }
    storage.num_elements = count->integer;
    const auto [known, is_first] = storages.emplace(key->text, storage);
    if (!is_first && (known->second.dtype != storage.dtype ||
                      known->second.num_elements != storage.num_elements)) {
      corrupt(fmt::format("storage {} is described in two ways", quoted_name(key->text)));
    }
  }
  return storages;
}

// In the order of `keys`: the number of elements (8 bytes), the elements.
void TorchLegacy::locate_storages(PickleRef keys, std::uint64_t position) {
  if (keys->kind != Kind::kList) {
    corrupt("the list of its storages is damaged");
  }
  for (const PickleRef key : keys->items) {
    const auto found = storages_.find(key->text);
    if (key->kind != Kind::kText || found == storages_.end() || found->second.first_byte != 0) {
      corrupt("the list of its storages does not fit its tensors");
    }
    Storage& storage = found->second;
    std::array<std::byte, 8> count_bytes;
    file_.read(position, count_bytes);
    const auto count = load_little_endian<std::int64_t>(count_bytes);
    position += count_bytes.size();
    const std::uint64_t left_bytes = file_.size_bytes() - position;
    const std::uint64_t element_bytes = dtype_bytes(storage.dtype);
    if (count != storage.num_elements ||
        static_cast<std::uint64_t>(count) > left_bytes / element_bytes) {
      corrupt(
          fmt::format("storage {} has {} elements at byte {}, where the pickle says {} and the "
                      "file has {} bytes left",
                      quoted_name(key->text), count, position, storage.num_elements, left_bytes));
    }
    storage.first_byte = position;
    position += static_cast<std::uint64_t>(count) * element_bytes;
  }
}

Tensor TorchLegacy::read(std::string_view name) {
  const TorchTensor& view = views_[find_tensor(path(), tensors_, name)];
  Tensor tensor{view.name, view.dtype, view.shape, {}};
  if (view.array_bytes != nullptr) {
    tensor.data = gather_elements(view, {});
    return tensor;
  }
  const Storage& storage = storages_.at(view.storage_key);
  if (storage.first_byte == 0) {
    corrupt(fmt::format("the numbers of tensor {} are missing", quoted_name(view.name)));
  }
  const std::uint64_t element_bytes = dtype_bytes(view.dtype);
  std::vector<std::byte> bytes(static_cast<std::size_t>(view.end_element() - view.offset) *
                               element_bytes);
  file_.read(storage.first_byte + static_cast<std::uint64_t>(view.offset) * element_bytes, bytes);
  tensor.data = view.is_whole_storage() ? std::move(bytes) : gather_elements(view, bytes);
  return tensor;
}

}  // namespace

std::unique_ptr<TensorSource> open_torch_legacy(const std::filesystem::path& path) {
  return std::make_unique<TorchLegacy>(path);
}

}  // namespace vggroove::weights
