#include "train/manifest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <iterator>
#include <map>
#include <utility>

#include "base/error.h"
#include "frontend/archive/walk.h"
#include "train/csv.h"
#include "weights/foreign_text.h"

namespace vggroove {
namespace fs = std::filesystem;

namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t";
  const std::size_t first = text.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

// Where the columns that matter stand in a manifest.
struct Columns {
  std::size_t path, label;
  std::optional<std::size_t> group, split;
};

Columns find_columns(const CsvRow& header, const std::string& name,
                     const std::string& group_column) {
  const auto find = [&](std::string_view wanted) {
    std::optional<std::size_t> found;
    for (std::size_t i = 0; i < header.fields.size(); ++i) {
      if (lower_case(trimmed(header.fields[i])) == lower_case(wanted)) {
        if (found) {
          throw Error(ErrorClass::kInvalid,
                      fmt::format("{}:{}: two columns are called '{}'", name, header.line, wanted));
        }
        found = i;
      }
    }
    return found;
  };
  const auto require = [&](std::string_view wanted) {
    if (const auto column = find(wanted)) {
      return *column;
    }
    std::vector<std::string> present;
    for (const std::string& field : header.fields) {
      present.push_back(weights::quoted_name(trimmed(field)));
    }
    throw Error(ErrorClass::kInvalid,
                fmt::format("{}:{}: no column '{}'; the first line names the columns "
                            "(path,label[,group][,split], separated by commas) and has {}",
                            name, header.line, wanted, fmt::join(present, ", ")));
  };
  Columns columns{.path = require("path"), .label = require("label"), .group = {}, .split = {}};
  if (group_column.empty()) {
    columns.group = find("group");
  } else {
    columns.group = require(group_column);
  }
  columns.split = find("split");
  return columns;
}

LabelledFile file_of_row(const CsvRow& row, const Columns& columns, const std::string& name,
                         const fs::path& folder) {
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorClass::kInvalid, fmt::format("{}:{}: {}", name, row.line, what));
  };
  const std::string& path = row.fields[columns.path];
  if (trimmed(path).empty()) {
    fail("the path is empty");
  }
  LabelledFile file;
  file.path = (folder / path).lexically_normal();  // an absolute path replaces the folder
  file.label = trimmed(row.fields[columns.label]);
  if (file.label.empty()) {
    fail("the label is empty; name the genre, or leave the line out");
  }
  if (std::any_of(file.label.begin(), file.label.end(),
                  [](unsigned char c) { return c < 0x20 || c == 0x7f; })) {
    fail(fmt::format("the label {} holds a line end or a control character",
                     weights::quoted_name(file.label)));
  }
  if (columns.group) {
    file.group = trimmed(row.fields[*columns.group]);
  }
  if (columns.split) {
    const std::string& word = row.fields[*columns.split];
    if (const auto split = split_name(trimmed(word))) {
      file.split = *split;
    } else {
      fail(fmt::format("the split {} is none of train, valid, test", weights::quoted_name(word)));
    }
  }
  return file;
}

std::vector<LabelledFile> read_genre_folders(const fs::path& data) {
  std::vector<LabelledFile> files;
  const fs::path root[] = {data};
  for (fs::path& path : find_audio_files(root)) {
    std::error_code unreadable;
    if (path == data) {
      throw Error(ErrorClass::kUnreadable,
                  fmt::format("{}: cannot be listed; check its permissions", data.string()));
    }
    const fs::path inside = path.lexically_relative(data);
    // A genre folder that may not be listed comes as itself, for the reader to report.
    if (std::distance(inside.begin(), inside.end()) < 2 && !fs::is_directory(path, unreadable)) {
      throw Error(ErrorClass::kInvalid,
                  fmt::format("{}: this file lies outside the genre folders; {} must have a folder "
                              "per genre, or be a CSV manifest",
                              path.string(), data.string()));
    }
    std::string label = inside.begin()->string();
    files.push_back({.path = std::move(path), .label = std::move(label), .group = "", .split = ""});
  }
  return files;
}

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad()) {
    throw Error(ErrorClass::kUnreadable,
                fmt::format("{}: cannot be read; check its permissions", path.string()));
  }
  return text;
}

}  // namespace

std::optional<std::string> split_name(std::string_view word) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kNames = {
      {{"", ""},
       {"train", "train"},
       {"valid", "valid"},
       {"val", "valid"},
       {"validation", "valid"},
       {"test", "test"}}};
  const std::string lower = lower_case(word);
  for (const auto& [spelling, name] : kNames) {
    if (lower == spelling) {
      return std::string(name);
    }
  }
  return std::nullopt;
}

std::vector<LabelledFile> parse_manifest(std::string_view text, const fs::path& path,
                                         const std::string& group_column) {
  const std::string name = path.string();
  const std::vector<CsvRow> rows = parse_csv(text, name);
  if (rows.size() < 2) {
    throw Error(ErrorClass::kEmpty,
                fmt::format("{}: lists no files; a manifest has a line path,label[,group][,split] "
                            "and then a line per file",
                            name));
  }
  const Columns columns = find_columns(rows.front(), name, group_column);
  const std::size_t num_columns = rows.front().fields.size();
  std::vector<LabelledFile> files;
  std::map<fs::path, std::size_t> line_of_path;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const CsvRow& row = rows[i];
    if (row.fields.size() != num_columns) {
      throw Error(ErrorClass::kInvalid,
                  fmt::format("{}:{}: {} fields, but the first line names {} columns; put fields "
                              "that hold commas in quotes",
                              name, row.line, row.fields.size(), num_columns));
    }
    LabelledFile file = file_of_row(row, columns, name, path.parent_path());
    const auto [earlier, is_first] = line_of_path.try_emplace(file.path, row.line);
    if (!is_first) {
      throw Error(ErrorClass::kInvalid,
                  fmt::format("{}:{}: {} stands on line {} already; a clip listed twice could be "
                              "both learned and tested",
                              name, row.line, file.path.string(), earlier->second));
    }
    files.push_back(std::move(file));
  }
  return files;
}

std::vector<LabelledFile> read_labelled_files(const fs::path& data,
                                              const std::string& group_column) {
  std::error_code reason;
  const fs::file_status status = fs::status(data, reason);
  if (status.type() == fs::file_type::not_found) {
    throw Error(ErrorClass::kNotFound,
                fmt::format("{}: does not exist; name a folder with a folder per genre, or a CSV "
                            "manifest",
                            data.string()));
  }
  if (reason) {
    throw Error(ErrorClass::kUnreadable, fmt::format("{}: {}", data.string(), reason.message()));
  }
  if (status.type() != fs::file_type::directory) {
    return parse_manifest(read_text(data), data, group_column);
  }
  if (!group_column.empty()) {
    throw Error(ErrorClass::kUsage,
                fmt::format("{}: a folder has no column '{}'; groups need a CSV manifest",
                            data.string(), group_column));
  }
  return read_genre_folders(data);
}

}  // namespace vggroove
