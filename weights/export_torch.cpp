#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "weights/export.h"
#include "weights/name_map.h"
#include "weights/permute_axes.h"
#include "weights/zip_writer.h"

namespace vggroove::weights {
namespace {

// Writes the few opcodes of pickle protocol 2 that torch.load(weights_only=True) admits.
class PickleText {
 public:
  PickleText() { bytes_ = "\x80\x02"; }

  PickleText& mark() { return add("("); }
  PickleText& tuple() { return add("t"); }  // of everything since the mark
  PickleText& empty_tuple() { return add(")"); }
  PickleText& call() { return add("R"); }           // function and tuple -> result
  PickleText& set_items() { return add("u"); }      // keys and values since the mark
  PickleText& persistent_id() { return add("Q"); }  // PyTorch's word for "storage in a file"
  PickleText& no() { return add("\x89"); }
  PickleText& stop() { return add("."); }
  PickleText& global(const std::string& module, const std::string& name) {
    return add("c" + module + "\n" + name + "\n");
  }
  PickleText& text(std::string_view text) { return add("X").u32(text.size()).add(text); }
  PickleText& integer(std::int64_t value) {  // all of ours are below 2^31
    return add("J").u32(static_cast<std::uint64_t>(value));
  }
  const std::string& bytes() const { return bytes_; }

 private:
  PickleText& add(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }
  PickleText& u32(std::uint64_t value) {
    for (int shift = 0; shift < 32; shift += 8) {
      bytes_ += static_cast<char>(value >> shift & 0xff);
    }
    return *this;
  }
  std::string bytes_;
};

// OrderedDict of name -> torch._utils._rebuild_tensor_v2(storage, offset, size, stride,
// requires_grad, hooks), tensor number i in the member data/i.
std::string state_dict_pickle() {
  PickleText pickle;
  pickle.global("collections", "OrderedDict").empty_tuple().call().mark();
  int number = 0;
  for (const NameMapEntry& entry : vggish_name_map()) {
    pickle.text(entry.torch_name).global("torch._utils", "_rebuild_tensor_v2").mark();
    pickle.mark().text("storage").global("torch", "FloatStorage").text(std::to_string(number++));
    pickle.text("cpu").integer(num_elements(entry.torch_shape)).tuple().persistent_id();
    pickle.integer(0).mark();
    for (const std::int64_t extent : entry.torch_shape) {
      pickle.integer(extent);
    }
    pickle.tuple().mark();
    std::int64_t stride = num_elements(entry.torch_shape);
    for (const std::int64_t extent : entry.torch_shape) {
      stride /= extent;
      pickle.integer(stride);
    }
    pickle.tuple().no().global("collections", "OrderedDict").empty_tuple().call().tuple().call();
  }
  return pickle.set_items().stop().bytes();
}

void append_whole(const ModelFile& model, const NameMapEntry& entry, ZipWriter& zip) {
  const std::vector<float> values = model.read_all(entry.canonical_name);
  if (entry.layout == TensorLayout::kVector) {
    zip.append(std::as_bytes(std::span(values)));
    return;
  }
  std::vector<std::byte> rearranged(values.size() * sizeof(float));
  permute_axes(std::as_bytes(std::span(values)), entry.canonical_shape, axes_to_torch(entry.layout),
               sizeof(float), rearranged);
  zip.append(rearranged);
}

// Transposes a band of output units at a time: 2 x 25 MB for fc1_1 instead of 2 x 201 MB. A band's
// rows are 2 kB in the file; reading all of fc1_1 so costs 98 304 calls of pread.
void append_dense(const ModelFile& model, const NameMapEntry& entry, ZipWriter& zip) {
  constexpr std::int64_t kBandUnits = 512;
  const std::int64_t num_inputs = entry.canonical_shape[0], num_units = entry.canonical_shape[1];
  std::vector<float> band;
  std::vector<std::byte> rearranged;
  for (std::int64_t unit = 0; unit < num_units; unit += kBandUnits) {
    const auto width = static_cast<std::size_t>(std::min(kBandUnits, num_units - unit));
    band.resize(static_cast<std::size_t>(num_inputs) * width);
    for (std::int64_t input = 0; input < num_inputs; ++input) {
      model.read(entry.canonical_name, input * num_units + unit,
                 std::span(band).subspan(static_cast<std::size_t>(input) * width, width));
    }
    rearranged.resize(band.size() * sizeof(float));
    permute_axes(std::as_bytes(std::span(band)), {num_inputs, static_cast<std::int64_t>(width)},
                 axes_to_torch(entry.layout), sizeof(float), rearranged);
    zip.append(rearranged);
  }
}

void add_text_member(ZipWriter& zip, const std::string& name, std::string_view text) {
  zip.begin_member(name, text.size());
  zip.append(std::as_bytes(std::span(text)));
}

}  // namespace

void export_torch(const ModelFile& model, const std::filesystem::path& path) {
  if (!model.has_network()) {
    throw Error(ErrorClass::kUsage, model.path().string() +
                                        ": it holds a head but no network; export it as npz or "
                                        "safetensors");
  }
  ZipWriter zip(path);
  add_text_member(zip, "archive/data.pkl", state_dict_pickle());
  add_text_member(zip, "archive/byteorder", "little");
  int number = 0;
  for (const NameMapEntry& entry : vggish_name_map()) {
    zip.begin_member("archive/data/" + std::to_string(number++),
                     static_cast<std::uint64_t>(num_elements(entry.torch_shape)) * sizeof(float));
    if (entry.layout == TensorLayout::kDense) {
      append_dense(model, entry, zip);
    } else {
      append_whole(model, entry, zip);
    }
  }
  add_text_member(zip, "archive/version", "3\n");
  zip.commit();
}

}  // namespace vggroove::weights
