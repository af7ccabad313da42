#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "train/feature_set.h"
#include "train/feature_set_builder.h"
#include "weights/npz.h"

namespace vggroove {
namespace {

using testing::expect_error;
using testing::TemporaryFolder;
using weights::DType;

std::vector<float> quarters(std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = static_cast<float>(i) / 4;
  }
  return values;
}

// Writes arrays by parts that tests replace.
struct Table {
  std::vector<float> x = quarters(12);
  weights::Shape x_shape = {3, 2, 2};
  std::vector<std::string> y = {"rock", "jazz", "rock"};
  std::function<void(weights::NpzWriter&)> more = [](weights::NpzWriter&) {};

  FeatureSet read() const {
    const TemporaryFolder folder;
    weights::NpzWriter writer(folder / "t.npz");
    writer.begin_array("x", DType::kF32, x_shape);
    writer.append(std::as_bytes(std::span(x)));
    writer.append_text("y", y);
    more(writer);
    writer.commit();
    return read_feature_table(folder / "t.npz");
  }
};

void append_integers(weights::NpzWriter& writer, const std::string& name,
                     const std::vector<std::int64_t>& values) {
  writer.begin_array(name, DType::kI64, {static_cast<std::int64_t>(values.size())});
  writer.append(std::as_bytes(std::span(values)));
}

TEST(FeatureTable, of_quantised_vggish_is_dequantised) {
  const FeatureSet set = read_feature_table(VGGROOVE_GOLDEN_DIR "/feature_table/audioset.npz");
  EXPECT_EQ(set.num_features, 4);
  EXPECT_EQ(set.input_form, "quantized");
  EXPECT_EQ(set.labels, (std::vector<std::string>{"jazz", "rock"}));
  ASSERT_EQ(set.clips.size(), 3u);
  EXPECT_EQ(set.clips[0].label, 1);
  EXPECT_EQ(set.clips[1].label, 0);
  EXPECT_EQ(set.clips[0].group, "7");
  EXPECT_EQ(set.clips[2].group, "-1");
  EXPECT_EQ(set.clips[0].split, "train");
  EXPECT_EQ(set.clips[1].split, "test");
  EXPECT_EQ(set.clips[2].split, "valid");
  EXPECT_EQ(set.clips[1].id, "K\u00e4the \u2013 \U0001f3b5");
  EXPECT_EQ(set.clips[2].id, "row 2");
  EXPECT_EQ(set.clips[2].first_row, 4u);
  EXPECT_EQ(set.clips[2].num_rows, 2u);
  ASSERT_EQ(set.rows.size(), 24u);
  EXPECT_EQ(set.rows[0], -2.0f);
  EXPECT_EQ(set.rows_of(2)[7], static_cast<float>(23 / 255.0 * 4 - 2));
}

TEST(FeatureTable, of_numpys_defaults_is_read) {
  const FeatureSet set = read_feature_table(VGGROOVE_GOLDEN_DIR "/feature_table/flat.npz");
  EXPECT_EQ(set.num_features, 3);
  EXPECT_EQ(set.input_form, "float");
  EXPECT_EQ(set.labels, (std::vector<std::string>{"0", "10", "2"}));
  ASSERT_EQ(set.clips.size(), 4u);
  EXPECT_EQ(set.clips[0].label, 1);
  EXPECT_EQ(set.clips[3].id, "row 3");
  EXPECT_EQ(set.clips[3].num_rows, 1u);
  EXPECT_EQ(set.rows, quarters(12));
}

TEST(FeatureTable, may_hold_clips_of_different_lengths) {
  const FeatureSet set = read_feature_table(VGGROOVE_GOLDEN_DIR "/feature_table/ragged.npz");
  ASSERT_EQ(set.clips.size(), 3u);
  EXPECT_EQ(set.clips[1].first_row, 1u);
  EXPECT_EQ(set.clips[1].num_rows, 3u);
  EXPECT_EQ(set.rows_of(2)[0], 2.0f);
  EXPECT_EQ(set.rows, quarters(12));
}

FeatureSet example_set(bool ragged) {
  FeatureSetBuilder builder(2);
  const std::vector<float> rows = {0.1f, -0.0f, 1e-42f, 3e38f, 5, 6};
  builder.add({.path = "rock/a, b.wav", .label = "rock", .group = "Trio", .split = "test"},
              std::span(rows).first(ragged ? 2 : 4));
  builder.add(
      {.path = "jazz/\xF0\x9F\x8E\xB5.wav", .label = "K\u00e4the", .group = "", .split = ""},
      std::span(rows).last(4));
  return builder.finish();
}

TEST(FeatureTable, reads_back_bit_for_bit_what_was_written) {
  for (const bool ragged : {false, true}) {
    const TemporaryFolder folder;
    FeatureSet written = example_set(ragged);
    written.input_form = ragged ? "quantized" : "float";
    write_feature_table(folder / "t.npz", written);
    const FeatureSet read = read_feature_table(folder / "t.npz");
    EXPECT_EQ(read.num_features, 2);
    EXPECT_EQ(read.labels, written.labels);
    EXPECT_EQ(read.input_form, written.input_form);
    ASSERT_EQ(read.rows.size(), written.rows.size());
    EXPECT_EQ(std::memcmp(read.rows.data(), written.rows.data(), read.rows.size() * 4), 0);
    ASSERT_EQ(read.clips.size(), 2u);
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(read.clips[i].id, written.clips[i].id);
      EXPECT_EQ(read.clips[i].label, written.clips[i].label);
      EXPECT_EQ(read.clips[i].group, written.clips[i].group);
      EXPECT_EQ(read.clips[i].split, written.clips[i].split);
      EXPECT_EQ(read.clips[i].first_row, written.clips[i].first_row);
      EXPECT_EQ(read.clips[i].num_rows, written.clips[i].num_rows);
    }
  }
}

TEST(FeatureTable, of_names_that_are_not_utf8_is_written_with_replacement_characters) {
  const TemporaryFolder folder;
  FeatureSetBuilder builder(1);
  const float row[] = {1};
  // A Latin-1 byte, a surrogate, an overlong slash, a character cut off.
  builder.add(
      {.path = "M\xFCnchen \xED\xA0\x80 \xC0\xAF \xE2\x82", .label = "x", .group = "", .split = ""},
      row);
  write_feature_table(folder / "t.npz", builder.finish());
  const std::string r = "\uFFFD";
  EXPECT_EQ(read_feature_table(folder / "t.npz").clips[0].id,
            "M" + r + "nchen " + r + r + r + " " + r + r + " " + r + r);
}

TEST(FeatureTable, names_the_array_and_row_that_is_wrong) {
  Table table;
  EXPECT_EQ(table.read().clips.size(), 3u);

  table.x[7] = std::numeric_limits<float>::quiet_NaN();
  expect_error(ErrorClass::kInvalid, "t.npz: array 'x' holds a value in row 1 (frame 1, feature 1)",
               [&] { table.read(); });
  table = {};
  table.y = {"rock", "", "jazz"};
  expect_error(ErrorClass::kInvalid, "array 'y' has an empty label in row 1",
               [&] { table.read(); });
  table.y = {"rock", "jazz"};
  expect_error(ErrorClass::kInvalid, "array 'x' has the shape [3, 2, 2]; for the 2 clips of y",
               [&] { table.read(); });
  table.y = {};
  expect_error(ErrorClass::kEmpty, "holds no clips", [&] { table.read(); });

  for (const weights::Shape& shape : {weights::Shape{12}, {1, 3, 2, 2}, {3, 2, 2, 1}}) {
    table = {};
    table.x_shape = shape;
    expect_error(ErrorClass::kInvalid, "array 'x' has the shape", [&] { table.read(); });
  }
  table = {};
  table.x = {};
  table.x_shape = {3, 0, 2};
  expect_error(ErrorClass::kInvalid, "has no frames", [&] { table.read(); });
  table.x_shape = {3, 0};
  expect_error(ErrorClass::kInvalid, "array 'x' has the shape", [&] { table.read(); });
}

TEST(FeatureTable, checks_the_optional_arrays) {
  Table table;
  table.more = [](weights::NpzWriter& w) { w.append_text("group", std::vector<std::string>{"a"}); };
  expect_error(ErrorClass::kInvalid,
               "array 'group' has the shape [1], but needs one value per clip",
               [&] { table.read(); });
  table.more = [](weights::NpzWriter& w) {
    w.append_text("split", std::vector<std::string>{"train", "dev", ""});
  };
  expect_error(ErrorClass::kInvalid, "array 'split' has \"dev\" in row 1", [&] { table.read(); });
  table.more = [](weights::NpzWriter& w) {
    w.begin_array("id", DType::kF32, {3});
    const std::vector<float> values = quarters(3);
    w.append(std::as_bytes(std::span(values)));
  };
  expect_error(ErrorClass::kUnsupported, "array 'id' has the dtype F32", [&] { table.read(); });
  table.more = [](weights::NpzWriter& w) {
    w.append_text("input_form", std::vector<std::string>{"pca"});
  };
  expect_error(ErrorClass::kInvalid, "array 'input_form'", [&] { table.read(); });

  table.x_shape = {6, 2};
  for (const std::vector<std::int64_t>& frames : std::vector<std::vector<std::int64_t>>{
           {1, 2}, {1, 2, 2}, {1, 0, 5}, {1, -1, 6}, {1, 2, 4}, {9223372036854775807, 1, 1}}) {
    table.more = [&](weights::NpzWriter& w) { append_integers(w, "frames", frames); };
    expect_error(ErrorClass::kInvalid, "array 'frames'", [&] { table.read(); });
  }
}

TEST(FeatureTable, says_what_a_file_lacks) {
  const TemporaryFolder folder;
  weights::NpzWriter writer(folder / "t.npz");
  writer.append_text("labels", std::vector<std::string>{"a"});
  writer.commit();
  expect_error(ErrorClass::kInvalid,
               "no array 'y'; a feature table needs x and y, and this file has \"labels\"",
               [&] { read_feature_table(folder / "t.npz"); });
  expect_error(ErrorClass::kNotFound, "nowhere.npz",
               [&] { read_feature_table(folder / "nowhere.npz"); });
}

TEST(FeatureSetBuilder, leaves_out_what_is_not_finite) {
  FeatureSetBuilder builder(1);
  const float good[] = {1}, bad[] = {std::numeric_limits<float>::infinity()};
  const LabelledFile file{.path = "a.wav", .label = "rock", .group = "", .split = ""};
  expect_error(ErrorClass::kInvalid, "a.wav: its features are not finite",
               [&] { builder.add(file, bad); });
  expect_error(ErrorClass::kUsage, "0 values", [&] { builder.add(file, {}); });
  expect_error(ErrorClass::kEmpty, "none", [&] { FeatureSetBuilder(1).finish(); });
  builder.add(file, good);
  EXPECT_EQ(builder.finish().clips.size(), 1u);
}

TEST(FeatureSet, gives_the_clips_of_a_split_with_all_labels) {
  const FeatureSet part = clips_of_split(example_set(true), "");
  ASSERT_EQ(part.clips.size(), 1u);
  EXPECT_EQ(part.labels.size(), 2u);
  EXPECT_EQ(part.clips[0].first_row, 0u);
  EXPECT_EQ(part.rows_of(0)[1], 3e38f);
  expect_error(ErrorClass::kUsage, "no clip is of the split 'valid'; the data have: (none), test",
               [] { clips_of_split(example_set(true), "valid"); });
}

}  // namespace
}  // namespace vggroove
