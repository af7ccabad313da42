#include "cli/result_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/atomic_file.h"
#include "base/error.h"

namespace vggroove::cli {
namespace fs = std::filesystem;

namespace {

fs::path partial_of(const fs::path& path) {
  return path.native() + ".partial";
}

}  // namespace

ResultFile::ResultFile(const std::string& path, Leftover leftover)
    : name_(path.empty() || path == "-" ? "standard output" : path), path_(path) {
  if (name_ == "standard output") {
    descriptor_ = STDOUT_FILENO;
    return;
  }
  std::error_code missing;
  if (fs::is_directory(path_, missing)) {
    throw Error(ErrorClass::kUsage, name_ + ": is a directory; --out takes a file here");
  }
  if (fs::exists(path_, missing) && !fs::is_regular_file(path_, missing)) {
    descriptor_ = open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor_ < 0) {
      fail("open");
    }
    return;
  }
  open_partial(leftover);
}

void ResultFile::open_partial(Leftover leftover) {
  partial_path_ = partial_of(path_);
  descriptor_ = open(partial_path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    fail("create");
  }
  if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    close(descriptor_);
    throw Error(ErrorClass::kUsage, name_ + ": another run is writing this file");
  }
  if (leftover == Leftover::kRefuse && !partial_with_rows().empty()) {
    close(descriptor_);
    throw Error(ErrorClass::kUsage,
                fmt::format("{}: holds the rows of a run that did not finish; continue it with "
                            "--resume (JSON Lines), or remove the file",
                            partial_path_.string()));
  }
}

ResultFile::~ResultFile() {
  if (descriptor_ == STDOUT_FILENO) {
    return;
  }
  if (!partial_path_.empty() && partial_with_rows().empty()) {
    unlink(partial_path_.c_str());
  }
  close(descriptor_);
}

void ResultFile::fail(const char* action) const {
  const int reason = errno;
  std::string message = fmt::format("{}: cannot {}: {}", name_, action, std::strerror(reason));
  if (const fs::path rows = partial_with_rows(); !rows.empty()) {
    message += fmt::format("; the rows so far are in {}", rows.string());
  }
  throw Error(ErrorClass::kIo, message);
}

void ResultFile::write(std::string_view rows) {
  while (!rows.empty()) {
    const ssize_t written = ::write(descriptor_, rows.data(), rows.size());
    if (written < 0) {
      if (errno == EINTR) {
        continue;
      }
      fail("write");
    }
    rows.remove_prefix(static_cast<std::size_t>(written));
  }
}

void ResultFile::commit() {
  if (partial_path_.empty()) {
    return;
  }
  if (fsync(descriptor_) != 0) {
    fail("write");
  }
  if (rename(partial_path_.c_str(), path_.c_str()) != 0) {
    fail("replace");
  }
  partial_path_.clear();
}

fs::path ResultFile::partial_with_rows() const {
  struct stat status {};
  const bool has_rows =
      !partial_path_.empty() && fstat(descriptor_, &status) == 0 && status.st_size > 0;
  return has_rows ? partial_path_ : fs::path();
}

bool ResultFile::on_terminal() const {
  return descriptor_ == STDOUT_FILENO && isatty(STDOUT_FILENO) != 0;
}

std::set<std::string> keep_finished_rows(const fs::path& path) {
  const fs::path partial = partial_of(path);
  std::error_code missing;
  const fs::path source = fs::exists(partial, missing) ? partial : path;
  std::set<std::string> finished;
  std::ifstream input(source, std::ios::binary);
  if (!input) {
    return finished;  // nothing to resume: a first run
  }
  AtomicFile kept(partial);
  std::string line;
  for (std::size_t number = 1; std::getline(input, line); ++number) {
    if (input.eof()) {
      break;  // no newline behind it: torn when the run ended
    }
    const nlohmann::json row = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!row.is_object() || !row.contains("path") || !row["path"].is_string()) {
      throw Error(
          ErrorClass::kCorrupt,
          fmt::format("{}: line {} is not a row of ours; --resume continues JSON Lines that "
                      "`vggroove classify` wrote",
                      source.string(), number));
    }
    if (!row.contains("error") && finished.insert(row["path"].get<std::string>()).second) {
      kept.write(line + "\n");
    }
  }
  kept.commit();
  return finished;
}

}  // namespace vggroove::cli
