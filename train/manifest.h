#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace vggroove {

struct LabelledFile {
  std::filesystem::path path;
  std::string label, group, split;  // group and split may be empty
};

// The labelled audio files of DATA: a folder with a folder per genre (GTZAN's layout), or a CSV
// manifest with a header line: path,label[,group][,split] (RFC 4180 quoting; relative paths are
// relative to the manifest's folder). `group_column` names the column that holds the groups.
// Throws Error naming file and line.
std::vector<LabelledFile> read_labelled_files(const std::filesystem::path& data,
                                              const std::string& group_column = "group");

}  // namespace vggroove
