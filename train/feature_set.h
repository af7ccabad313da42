#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vggroove {

// A labelled set of clips as features: what heads are trained and judged on.
struct FeatureSet {
  struct Clip {
    std::string id;     // path of the file, or "row 17" of a table
    int label = 0;      // index into labels
    std::string group;  // clips of one group never stand on both sides of a split; may be ""
    std::string split;  // "train", "valid", "test" or "" where the data names none
    std::size_t first_row = 0, num_rows = 0;  // its frames (examples) in rows; num_rows >= 1
  };
  int num_features = 0;             // D
  std::vector<std::string> labels;  // K names, sorted
  std::vector<Clip> clips;
  std::vector<float> rows;  // [total rows, D] row-major
  // "float" embeddings or "quantized" = dequantised AudioSet form (see DenseHead::input_form).
  std::string input_form = "float";

  std::span<const float> rows_of(std::size_t clip) const {
    return {rows.data() + clips[clip].first_row * num_features,
            clips[clip].num_rows * static_cast<std::size_t>(num_features)};
  }
};

// Sorted names without repetition, and the index of each of `names` in them.
struct LabelIndex {
  std::vector<std::string> labels;
  std::vector<int> index;  // [names]
};
LabelIndex index_labels(std::span<const std::string> names);

// The clips of one split; the labels stay the same. Throws Error(kUsage) where there are none,
// naming the splits that there are.
FeatureSet clips_of_split(const FeatureSet& features, std::string_view split);

// A feature table: .npz with
//   x       [clips, frames, D] or [clips, D] (float32/64, or uint8 = quantised VGGish, which is
//           dequantised), or [rows, D] together with frames
//   y       [clips] names or integers
//   frames  [clips] integers: the rows of each clip in x, where clips differ in length
//   group, split, id  [clips], optional; input_form: one text, optional ("quantized": see above)
// Other arrays are ignored. Throws Error naming the array and row that is wrong (missing, lengths
// that differ, NaN, no clips).
FeatureSet read_feature_table(const std::filesystem::path& path);

// The same, written: atomic, x as float32. It reads back bit for bit (texts that are not UTF-8
// with replacement characters). Throws Error(kIo).
void write_feature_table(const std::filesystem::path& path, const FeatureSet& features);

}  // namespace vggroove
