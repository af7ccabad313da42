#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace vggroove {

struct CsvRow {
  std::size_t line = 0;  // where it begins, from 1
  std::vector<std::string> fields;
};

// Rows of comma-separated text as RFC 4180 has it: quoted fields may hold commas, line ends and
// doubled quotes. LF, CRLF and CR end a line; a byte order mark and empty lines are passed over.
// Throws Error(kInvalid) with `name` and the line: a quote that never closes, text beside quotes,
// zero bytes (not text, or UTF-16).
std::vector<CsvRow> parse_csv(std::string_view text, const std::string& name);

}  // namespace vggroove
