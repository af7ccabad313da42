#include "cli/output_rows.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/unicode_text.h"

namespace vggroove::cli {
namespace {

using Json = nlohmann::ordered_json;

ClipRow rock_row() {
  ClipRow row;
  row.path = "music/a \"live\", 1.mp3";
  row.duration_s = 1.92;
  row.probabilities = {0.125f, 0.25f, 0.625f};
  row.segments = {{0, 0.96, {0.25f, 0.25f, 0.5f}}, {0.96, 1.92, {0, 0.25f, 0.75f}}};
  return row;
}

ClipRow failed_row() {
  ClipRow row;
  row.path = "bad.wav";
  row.error = Error(ErrorClass::kCorrupt, "bad.wav: decoding stopped at 1.49 s");
  return row;
}

RowFormatter formatter(RowFormat format, std::size_t top_k = 0, bool segments = false) {
  RowOptions options;
  options.format = format;
  options.top_k = top_k;
  options.segments = segments;
  options.path_columns = 24;
  return RowFormatter({"blues", "jazz, cool", "rock"}, options);
}

TEST(OutputRows, jsonl_names_genres_by_descending_probability) {
  EXPECT_EQ(formatter(RowFormat::kJsonl).row(rock_row()),
            R"({"path":"music/a \"live\", 1.mp3","duration_s":1.92,"genre":"rock",)"
            R"("probabilities":{"rock":0.625,"jazz, cool":0.25,"blues":0.125}})"
            "\n");
}

TEST(OutputRows, jsonl_limits_to_the_top_k_and_adds_segments) {
  const Json row = Json::parse(formatter(RowFormat::kJsonl, 1, true).row(rock_row()));
  EXPECT_EQ(row["probabilities"].size(), 1u);
  ASSERT_EQ(row["segments"].size(), 2u);
  EXPECT_EQ(row["segments"][1]["start_s"], 0.96);
  EXPECT_EQ(row["segments"][1]["end_s"], 1.92);
  EXPECT_EQ(row["segments"][1]["probabilities"]["rock"], 0.75);
}

TEST(OutputRows, jsonl_says_when_silence_was_added) {
  ClipRow row = rock_row();
  row.padded = true;
  EXPECT_EQ(Json::parse(formatter(RowFormat::kJsonl).row(row))["padded"], true);
}

TEST(OutputRows, jsonl_of_a_failure_has_class_and_message) {
  EXPECT_EQ(formatter(RowFormat::kJsonl).row(failed_row()),
            R"({"path":"bad.wav","error":{"class":"corrupt",)"
            R"("message":"bad.wav: decoding stopped at 1.49 s"}})"
            "\n");
}

TEST(OutputRows, jsonl_survives_a_path_that_is_not_utf8) {
  ClipRow row = rock_row();
  row.path = "Mot\xF6rhead\n.mp3";
  EXPECT_EQ(Json::parse(formatter(RowFormat::kJsonl).row(row))["path"], "Mot\\xf6rhead\n.mp3");
  row.error = Error(ErrorClass::kCorrupt, "Mot\xF6rhead\n.mp3: broken");
  EXPECT_EQ(Json::parse(formatter(RowFormat::kJsonl).row(row))["error"]["message"],
            "Mot\\xf6rhead\n.mp3: broken");
}

TEST(OutputRows, csv_quotes_and_has_as_many_fields_in_every_row) {
  const RowFormatter csv = formatter(RowFormat::kCsv);
  EXPECT_EQ(csv.header(),
            "path,duration_s,genre,probability,padded,p_blues,\"p_jazz, cool\",p_rock,"
            "error_class,error_message\n");
  EXPECT_EQ(csv.row(rock_row()),
            "\"music/a \"\"live\"\", 1.mp3\",1.92,rock,0.625,false,0.125,0.25,0.625,,\n");
  EXPECT_EQ(csv.row(failed_row()), "bad.wav,,,,,,,,corrupt,bad.wav: decoding stopped at 1.49 s\n");
}

TEST(OutputRows, csv_gives_segments_rows_of_their_own) {
  const RowFormatter csv = formatter(RowFormat::kCsv, 0, true);
  EXPECT_EQ(csv.header(),
            "path,duration_s,start_s,end_s,genre,probability,padded,p_blues,\"p_jazz, cool\","
            "p_rock,error_class,error_message\n");
  ClipRow row = rock_row();
  row.path = "a.mp3";
  EXPECT_EQ(csv.row(row),
            "a.mp3,1.92,,,rock,0.625,false,0.125,0.25,0.625,,\n"
            "a.mp3,1.92,0,0.96,rock,0.5,false,0.25,0.25,0.5,,\n"
            "a.mp3,1.92,0.96,1.92,rock,0.75,false,0,0.25,0.75,,\n");
  EXPECT_EQ(csv.row(failed_row()),
            "bad.wav,,,,,,,,,,corrupt,bad.wav: decoding stopped at 1.49 s\n");
}

TEST(OutputRows, table_aligns_whatever_the_name) {
  const RowFormatter table = formatter(RowFormat::kTable, 0);
  ClipRow row = rock_row();
  const std::string reference = table.row(row);
  const std::size_t columns = display_columns(reference);
  for (const char* name :
       {"a", "日本語の音楽ファイル集/日本語の音楽.flac", "e\u0301.mp3", "\xff\n"}) {
    row.path = name;
    const std::string line = table.row(row);
    EXPECT_EQ(display_columns(line), columns) << line;
    EXPECT_EQ(line.find('\n'), line.size() - 1);
  }
  EXPECT_NE(reference.find("██████▎"), std::string::npos) << reference;  // 62.5 % of ten columns
  EXPECT_NE(reference.find(" 62 %"), std::string::npos) << reference;
}

TEST(OutputRows, table_says_the_error_without_the_path_again) {
  EXPECT_EQ(formatter(RowFormat::kTable).row(failed_row()),
            "bad.wav                   error: decoding stopped at 1.49 s\n");
}

}  // namespace
}  // namespace vggroove::cli
