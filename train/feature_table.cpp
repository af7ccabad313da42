// Reading and writing of feature tables: the part of feature_set.h that knows NumPy's files.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "base/error.h"
#include "engine/heads/postprocess.h"
#include "train/feature_set.h"
#include "train/manifest.h"
#include "weights/foreign_text.h"
#include "weights/npz.h"

namespace vggroove {
namespace fs = std::filesystem;
using weights::DType;
using weights::NpyArray;

namespace {

template <class T>
T element(const NpyArray& array, std::size_t i) {
  T value;
  std::memcpy(&value, array.tensor.data.data() + i * sizeof(T), sizeof(T));
  return value;
}

std::optional<std::int64_t> integer(const NpyArray& array, std::size_t i) {
  switch (array.tensor.dtype) {
    case DType::kI64:
      return element<std::int64_t>(array, i);
    case DType::kI32:
      return element<std::int32_t>(array, i);
    case DType::kI16:
      return element<std::int16_t>(array, i);
    case DType::kI8:
      return element<std::int8_t>(array, i);
    case DType::kU8:
      return element<std::uint8_t>(array, i);
    default:
      return std::nullopt;
  }
}

class TableReader {
 public:
  explicit TableReader(const fs::path& path)
      : file_(path.string()), arrays_(weights::read_npz(path)) {}

  FeatureSet read() {
    const std::vector<std::string> names = column("y", require("y").tensor.shape);
    if (names.empty()) {
      fail(ErrorClass::kEmpty, "y", "is empty: the table holds no clips");
    }
    num_clips_ = names.size();
    LabelIndex labels = index_labels(names);
    FeatureSet features;
    features.labels = std::move(labels.labels);
    features.clips.resize(num_clips_);
    set_rows(features);
    const weights::Shape per_clip = {static_cast<std::int64_t>(num_clips_)};
    const std::vector<std::string> ids = column("id", per_clip);
    const std::vector<std::string> groups = column("group", per_clip);
    const std::vector<std::string> splits = column("split", per_clip);
    for (std::size_t i = 0; i < num_clips_; ++i) {
      FeatureSet::Clip& clip = features.clips[i];
      if (names[i].empty()) {
        fail(ErrorClass::kInvalid, "y", fmt::format("has an empty label in row {}", i));
      }
      clip.label = labels.index[i];
      clip.id = ids.empty() || ids[i].empty() ? fmt::format("row {}", i) : ids[i];
      clip.group = groups.empty() ? "" : groups[i];
      if (!splits.empty()) {
        const auto split = split_name(splits[i]);
        if (!split) {
          fail(ErrorClass::kInvalid, "split",
               fmt::format("has {} in row {}, which is none of train, valid, test",
                           weights::quoted_name(splits[i]), i));
        }
        clip.split = *split;
      }
    }
    return features;
  }

 private:
  [[noreturn]] void fail(ErrorClass error_class, const char* key, const std::string& what) const {
    throw Error(error_class, fmt::format("{}: array '{}' {}", file_, key, what));
  }

  const NpyArray* find(const char* key) const {
    const auto found = arrays_.find(key);
    return found == arrays_.end() ? nullptr : &found->second;
  }

  const NpyArray& require(const char* key) const {
    if (const NpyArray* array = find(key)) {
      return *array;
    }
    std::vector<std::string> present;
    for (const auto& [name, array] : arrays_) {
      present.push_back(weights::quoted_name(name));
    }
    throw Error(
        ErrorClass::kInvalid,
        fmt::format("{}: no array '{}'; a feature table needs x and y, and this file has {}", file_,
                    key,
                    present.empty() ? "nothing" : fmt::format("{}", fmt::join(present, ", "))));
  }

  // The texts of a column; integers as decimal numbers; nothing where there is no such array.
  std::vector<std::string> column(const char* key, const weights::Shape& shape) const {
    const NpyArray* array = find(key);
    if (array == nullptr) {
      return {};
    }
    if (array->tensor.shape.size() != 1 || array->tensor.shape != shape) {
      fail(ErrorClass::kInvalid, key,
           fmt::format("has the shape {}, but needs one value per clip{}",
                       weights::shape_text(array->tensor.shape),
                       shape.size() == 1 ? fmt::format(", {}", weights::shape_text(shape)) : ""));
    }
    if (array->is_text) {
      return array->strings;
    }
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < static_cast<std::size_t>(shape[0]); ++i) {
      const auto number = integer(*array, i);
      if (!number) {
        fail(ErrorClass::kUnsupported, key,
             fmt::format("has the dtype {}; names or integers are needed",
                         weights::dtype_name(array->tensor.dtype)));
      }
      texts.push_back(fmt::format("{}", *number));
    }
    return texts;
  }

  // D, the clips' rows, and their values.
  void set_rows(FeatureSet& features) const {
    const NpyArray& x = require("x");
    const weights::Shape& shape = x.tensor.shape;
    const NpyArray* frames = find("frames");
    const bool ragged = frames != nullptr;
    const auto n = static_cast<std::int64_t>(num_clips_);
    const bool fits =
        ragged ? shape.size() == 2 : (shape.size() == 2 || shape.size() == 3) && shape[0] == n;
    // 2^20 features: far more than any embedding has, and safe to count in an int.
    if (!fits || shape.back() < 1 || shape.back() > (1 << 20) || x.is_text) {
      fail(ErrorClass::kInvalid, "x",
           fmt::format("has the shape {}; for the {} clips of y it must hold numbers [{}, frames, "
                       "D] or [{}, D], or [rows, D] together with an array 'frames'",
                       weights::shape_text(shape), n, n, n));
    }
    features.num_features = static_cast<int>(shape.back());
    if (ragged) {
      set_ragged_clips(features, *frames, shape[0]);
    } else {
      const std::int64_t frames_per_clip = shape.size() == 3 ? shape[1] : 1;
      if (frames_per_clip < 1) {
        fail(ErrorClass::kInvalid, "x", "has no frames");
      }
      const auto num_rows = static_cast<std::size_t>(frames_per_clip);
      for (std::size_t i = 0; i < num_clips_; ++i) {
        features.clips[i].first_row = i * num_rows;
        features.clips[i].num_rows = num_rows;
      }
    }
    set_values(features, x);
  }

  void set_ragged_clips(FeatureSet& features, const NpyArray& frames, std::int64_t num_rows) const {
    if (frames.is_text ||
        frames.tensor.shape != weights::Shape{static_cast<std::int64_t>(num_clips_)}) {
      fail(ErrorClass::kInvalid, "frames",
           fmt::format("must hold one integer for each of the {} clips", num_clips_));
    }
    std::int64_t first = 0;
    for (std::size_t i = 0; i < num_clips_; ++i) {
      const auto count = integer(frames, i);
      if (!count || *count < 1 || *count > num_rows - first) {
        fail(ErrorClass::kInvalid, "frames",
             fmt::format("has no count of rows in row {} that fits the {} rows of x", i, num_rows));
      }
      features.clips[i].first_row = static_cast<std::size_t>(first);
      features.clips[i].num_rows = static_cast<std::size_t>(*count);
      first += *count;
    }
    if (first != num_rows) {
      fail(ErrorClass::kInvalid, "frames",
           fmt::format("counts {} rows, but x has {}", first, num_rows));
    }
  }

  void set_values(FeatureSet& features, const NpyArray& x) const {
    const auto count = static_cast<std::size_t>(weights::num_elements(x.tensor.shape));
    features.rows.resize(count);
    switch (x.tensor.dtype) {
      case DType::kU8:
        dequantize(reinterpret_cast<const std::uint8_t*>(x.tensor.data.data()), count,
                   features.rows.data());
        features.input_form = "quantized";
        break;
      case DType::kF32:
        std::memcpy(features.rows.data(), x.tensor.data.data(), count * sizeof(float));
        break;
      case DType::kF64:
        for (std::size_t i = 0; i < count; ++i) {
          features.rows[i] = static_cast<float>(element<double>(x, i));
        }
        break;
      default:
        fail(
            ErrorClass::kUnsupported, "x",
            fmt::format("has the dtype {}; float32, float64 or uint8 (quantised VGGish) are needed",
                        weights::dtype_name(x.tensor.dtype)));
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (!std::isfinite(features.rows[i])) {
        const auto d = static_cast<std::size_t>(features.num_features);
        std::size_t clip = 0;
        while (i / d >= features.clips[clip].first_row + features.clips[clip].num_rows) {
          ++clip;
        }
        fail(
            ErrorClass::kInvalid, "x",
            fmt::format("holds a value in row {} (frame {}, feature {}) that is not finite in fp32",
                        clip, i / d - features.clips[clip].first_row, i % d));
      }
    }
    if (const NpyArray* form = find("input_form")) {
      if (form->strings.size() != 1 ||
          (form->strings[0] != "float" && form->strings[0] != "quantized")) {
        fail(ErrorClass::kInvalid, "input_form", "must be one text, \"float\" or \"quantized\"");
      }
      features.input_form = form->strings[0];
    }
  }

  std::string file_;
  std::map<std::string, NpyArray> arrays_;
  std::size_t num_clips_ = 0;
};

}  // namespace

FeatureSet read_feature_table(const fs::path& path) {
  return TableReader(path).read();
}

void write_feature_table(const fs::path& path, const FeatureSet& features) {
  const auto n = static_cast<std::int64_t>(features.clips.size());
  std::vector<std::string> names, ids, groups, splits;
  std::vector<std::int64_t> frames;
  bool any_group = false, any_split = false, even = true;
  for (const FeatureSet::Clip& clip : features.clips) {
    names.push_back(features.labels.at(static_cast<std::size_t>(clip.label)));
    ids.push_back(clip.id);
    groups.push_back(clip.group);
    splits.push_back(clip.split);
    frames.push_back(static_cast<std::int64_t>(clip.num_rows));
    any_group = any_group || !clip.group.empty();
    any_split = any_split || !clip.split.empty();
    even = even && frames.back() == frames.front();
  }
  weights::NpzWriter writer(path);
  const std::int64_t d = features.num_features;
  writer.begin_array("x", DType::kF32,
                     even && n > 0
                         ? weights::Shape{n, frames.front(), d}
                         : weights::Shape{static_cast<std::int64_t>(features.rows.size()) / d, d});
  writer.append(std::as_bytes(std::span(features.rows)));
  if (!even) {
    writer.begin_array("frames", DType::kI64, {n});
    writer.append(std::as_bytes(std::span(frames)));
  }
  writer.append_text("y", names);
  writer.append_text("id", ids);
  if (any_group) {
    writer.append_text("group", groups);
  }
  if (any_split) {
    writer.append_text("split", splits);
  }
  writer.append_text("input_form", std::vector{features.input_form});
  writer.commit();
}

}  // namespace vggroove
