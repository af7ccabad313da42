#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vggroove {

struct LabelledFile {
  std::filesystem::path path;
  std::string label, group, split;  // group and split may be empty
};

// The labelled audio files of DATA: a folder with a folder per genre (GTZAN's layout; folders
// without audio are passed over), or a CSV manifest with a header line: path,label[,group][,split]
// in any order, other columns ignored (RFC 4180 quoting; relative paths are relative to the
// manifest's folder; spaces around labels, groups and splits do not count). `group_column` names
// the column that holds the groups, which must then exist; empty: "group", where there is one.
// The files need not exist: whoever reads them reports that.
// Throws Error naming file and line.
std::vector<LabelledFile> read_labelled_files(const std::filesystem::path& data,
                                              const std::string& group_column = "");

// The text of a manifest; `path` names it in messages and is where relative paths start.
std::vector<LabelledFile> parse_manifest(std::string_view text, const std::filesystem::path& path,
                                         const std::string& group_column = "");

// "train", "valid" or "test" for these words, "val" and "validation" in any case; "" for "".
// Nothing where the word is another.
std::optional<std::string> split_name(std::string_view word);

}  // namespace vggroove
