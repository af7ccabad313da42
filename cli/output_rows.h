#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace vggroove::cli {

// What is said about one file: its genre, or why there is none.
struct ClipRow {
  struct Segment {
    double start_s = 0, end_s = 0;
    std::vector<float> probabilities;  // [K]
  };
  std::filesystem::path path;
  double duration_s = 0;
  bool padded = false;
  std::vector<float> probabilities;  // [K]
  std::vector<Segment> segments;
  std::optional<Error> error;
};

// One field of CSV, in quotes where it needs them (RFC 4180).
std::string csv_field(const std::string& text);

enum class RowFormat { kTable, kJsonl, kCsv };

struct RowOptions {
  RowFormat format = RowFormat::kJsonl;
  std::size_t top_k = 0;  // probabilities named per row; 0: all (one in a table)
  bool segments = false;
  bool unicode = true;  // the table's bars; otherwise ASCII
  // Table: columns of the longest path and of the terminal.
  std::size_t path_columns = 40, total_columns = 100;
};

// Rows as text, each ending in a newline. Names that are not UTF-8 are escaped (unicode_text.h).
//   JSONL  one object per file: path, duration_s, genre, probabilities {name: p} in descending
//          order, padded, segments; or path and error {class, message}
//   CSV    RFC 4180 quoting; a column per genre; a row per segment after the row of its file
//   table  for people
class RowFormatter {
 public:
  RowFormatter(std::vector<std::string> labels, const RowOptions& options);
  std::string header() const;  // "" for JSONL
  std::string row(const ClipRow& clip) const;

 private:
  std::string jsonl_row(const ClipRow& row) const;
  std::string csv_row(const ClipRow& row) const;
  std::string table_row(const ClipRow& row) const;
  std::vector<std::size_t> ranking(const std::vector<float>& probabilities) const;
  std::string bar(double fraction) const;

  std::vector<std::string> labels_;
  RowOptions options_;
  std::size_t label_columns_ = 0;
};

}  // namespace vggroove::cli
