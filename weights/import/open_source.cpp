#include "weights/import/open_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/error.h"
#include "weights/import/little_endian.h"
#include "weights/import/table_file.h"
#include "weights/import/tf_checkpoint.h"
#include "weights/import/torch_file.h"
#include "weights/import/wire_reader.h"
#include "weights/npz.h"
#include "weights/safetensors.h"
#include "weights/zip_reader.h"

namespace vggroove::weights {
namespace {

class NpzSource final : public TensorSource {
 public:
  explicit NpzSource(const std::filesystem::path& path) : path_(path), arrays_(read_npz(path)) {
    for (const auto& [name, array] : arrays_) {
      if (!array.is_text) {
        tensors_.push_back({name, array.tensor.dtype, array.tensor.shape});
      }
    }
  }

  const std::filesystem::path& path() const override { return path_; }
  const std::vector<ForeignTensor>& tensors() const override { return tensors_; }
  Tensor read(std::string_view name) override {
    const std::string& known_name = tensors_[find_tensor(path_, tensors_, name)].name;
    Tensor tensor = arrays_.at(known_name).tensor;
    tensor.name = known_name;
    return tensor;
  }

 private:
  std::filesystem::path path_;
  std::map<std::string, NpyArray> arrays_;
  std::vector<ForeignTensor> tensors_;
};

class SafetensorsSource final : public TensorSource {
 public:
  explicit SafetensorsSource(const std::filesystem::path& path)
      : file_(SafetensorsFile::open(path)) {
    for (const auto& [name, entry] : file_.tensors()) {
      tensors_.push_back({name, entry.dtype, entry.shape});
    }
  }

  const std::filesystem::path& path() const override { return file_.path(); }
  const std::vector<ForeignTensor>& tensors() const override { return tensors_; }
  Tensor read(std::string_view name) override {
    const ForeignTensor& listed = tensors_[find_tensor(path(), tensors_, name)];
    const SafetensorsEntry& entry = file_.tensors().find(listed.name)->second;
    Tensor tensor{listed.name, entry.dtype, entry.shape, {}};
    tensor.data.resize(static_cast<std::size_t>(entry.size_bytes));
    file_.read(entry, 0, tensor.data);
    return tensor;
  }

 private:
  SafetensorsFile file_;
  std::vector<ForeignTensor> tensors_;
};

[[noreturn]] void unsupported(const std::filesystem::path& path, std::string_view what) {
  throw Error(ErrorClass::kUnsupported, fmt::format("{}: {}", path.string(), what));
}

// A checkpoint of TensorFlow's second kind goes by its prefix, which is no file.
std::filesystem::path resolved(const std::filesystem::path& path) {
  std::error_code ignored;
  const std::filesystem::path index = path.string() + ".index";
  return !std::filesystem::exists(path, ignored) && std::filesystem::exists(index, ignored) ? index
                                                                                            : path;
}

std::unique_ptr<TensorSource> open_zip(const std::filesystem::path& path) {
  const ZipReader zip(path);
  const auto has_member = [&](std::string_view ending) {
    return std::ranges::any_of(zip.members(), [&](const ZipReader::Member& member) {
      return member.name.ends_with(ending);
    });
  };
  if (has_member("/data.pkl")) {
    return open_torch_zip(path);
  }
  if (has_member(".npy")) {
    return std::make_unique<NpzSource>(path);
  }
  unsupported(path, "a zip, but neither PyTorch's (.pth) nor NumPy's (.npz)");
}

}  // namespace

std::unique_ptr<TensorSource> open_tensor_source(const std::filesystem::path& given) {
  const std::filesystem::path path = resolved(given);
  const RandomAccessFile file(path);
  std::array<std::byte, 9> head_bytes{};
  const auto head = std::span(head_bytes)
                        .first(static_cast<std::size_t>(
                            std::min<std::uint64_t>(head_bytes.size(), file.size_bytes())));
  file.read(0, head);
  const std::string_view start = as_text(head);
  if (start.starts_with("PK\x03\x04") || start.starts_with("PK\x05\x06")) {
    return open_zip(path);
  }
  if (start.starts_with('\x80')) {
    return open_torch_legacy(path);
  }
  if (TableFile::has_footer(file)) {
    return open_tf_checkpoint(path);
  }
  if (start.starts_with("\x89HDF\r\n\x1a\n")) {
    unsupported(path,
                "HDF5 (Keras) is not read; convert it in Python: import h5py, numpy as np; "
                "a = {}; f = h5py.File('in.h5'); f.visititems(lambda n, d: "
                "a.update({n: d[()]}) if hasattr(d, 'dtype') else None); np.savez('out.npz', **a)");
  }
  if (start.starts_with("\x93NUMPY")) {
    unsupported(path, "a single NumPy array; a network is an .npz with its 18 arrays");
  }
  // A length below 100 MB, then JSON.
  if (head.size() == head_bytes.size() && head.back() == std::byte{'{'} &&
      load_little_endian<std::uint64_t>(head) < 100'000'000) {
    return std::make_unique<SafetensorsSource>(path);
  }
  if (path.filename().string().find(".data-0") != std::string::npos) {
    unsupported(path, "the numbers of a TensorFlow checkpoint; give its .index file");
  }
  unsupported(path,
              "neither a TensorFlow checkpoint nor .pth, .npz or .safetensors; was it downloaded "
              "completely?");
}

}  // namespace vggroove::weights
