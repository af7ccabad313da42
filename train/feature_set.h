#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
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

// A feature table: .npz with `x` [clips, frames, D] or [clips, D] (float32/64, or uint8 = quantised
// VGGish, which is dequantised), `y` (names or integers) and optionally `group`, `split`, `id`.
// Throws Error naming the key and row that is wrong (missing, lengths that differ, NaN, one class).
FeatureSet read_feature_table(const std::filesystem::path& path);

}  // namespace vggroove
