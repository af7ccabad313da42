#pragma once

#include <cstddef>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>

namespace vggroove::cli {

// Where rows go, each written through to the system as it comes, so that whatever ends a run of
// hours leaves the rows that were finished.
// A file F is written as F.partial and renamed to F by commit(): F itself is only ever whole.
// F.partial stays behind a run that did not get that far, unless it holds nothing; such a leftover
// is refused by the next run unless that resumes it. Devices and pipes are written directly.
class ResultFile {
 public:
  enum class Leftover { kRefuse, kContinue };

  // "" or "-": standard output. Throws Error(kIo), or Error(kUsage) for a leftover.
  ResultFile(const std::string& path, Leftover leftover);
  ~ResultFile();
  ResultFile(const ResultFile&) = delete;
  ResultFile& operator=(const ResultFile&) = delete;

  void write(std::string_view rows);
  void commit();

  // Standard output on a terminal: progress must make way for rows.
  bool on_terminal() const;
  // Where the rows are when commit() was not reached; empty where there is no such file, or there
  // are no rows.
  std::filesystem::path partial_with_rows() const;

 private:
  [[noreturn]] void fail(const char* action) const;
  void open_partial(Leftover leftover);

  std::string name_;  // for messages
  std::filesystem::path path_, partial_path_;
  int descriptor_ = -1;
};

// Prepares `path`.partial for continuing the JSONL rows of an earlier run: rows of `path`.partial,
// else of `path`, without a torn last line and without rows that report an error (those files are
// tried again). Returns the paths of the rows kept, as the rows spell them.
// Throws Error(kCorrupt) naming the line that is not a row.
std::set<std::string> keep_finished_rows(const std::filesystem::path& path);

}  // namespace vggroove::cli
