#pragma once

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cctype>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "tests/support/temporary_folder.h"

namespace vggroove::testing {

struct ProgramResult {
  int exit_code = -1;  // 128 + signal where one ended it, as in a shell
  std::string out, err;
  std::size_t peak_rss_bytes = 0;
  double cpu_s = 0;  // user and system
};

struct RunOptions {
  std::vector<std::string> environment;  // "NAME=value", added to ours
  std::filesystem::path folder;          // to run in; empty: ours
  std::string stdout_path;               // instead of catching `out`
  std::vector<std::string> launcher;     // words before the program: "mpirun", "-n", "2"
  std::filesystem::path interrupt_when;  // send SIGINT as soon as this file is not empty
  bool kill_a_child = false;  // instead, SIGKILL to a process that the launcher has started
  std::chrono::milliseconds kill_after{0};  // send SIGKILL then; 0: never
};

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

namespace run_program_parts {

inline constexpr int kCannotStart = 127;

inline void redirect(const char* path, int flags, int descriptor) {
  const int opened = open(path, flags, 0600);
  if (opened < 0 || dup2(opened, descriptor) < 0) {
    _exit(kCannotStart);
  }
}

// In the child: becomes vggroove, or its launcher.
[[noreturn]] inline void become_vggroove(const std::vector<std::string>& arguments,
                                         const RunOptions& options,
                                         const std::filesystem::path& out,
                                         const std::filesystem::path& err) {
  redirect("/dev/null", O_RDONLY, STDIN_FILENO);
  redirect(options.stdout_path.empty() ? out.c_str() : options.stdout_path.c_str(),
           O_WRONLY | O_CREAT, STDOUT_FILENO);
  redirect(err.c_str(), O_WRONLY | O_CREAT, STDERR_FILENO);
  for (const std::string& assignment : options.environment) {
    putenv(const_cast<char*>(assignment.c_str()));
  }
  if (!options.folder.empty() && chdir(options.folder.c_str()) != 0) {
    _exit(kCannotStart);
  }
  std::vector<char*> words;
  const auto append = [&words](const std::vector<std::string>& more) {
    for (const std::string& word : more) {
      words.push_back(const_cast<char*>(word.c_str()));
    }
  };
  append(options.launcher);
  words.push_back(const_cast<char*>(VGGROOVE_PROGRAM));
  append(arguments);
  words.push_back(nullptr);
  execvp(words[0], words.data());
  _exit(kCannotStart);
}

// A process that `parent` has started; 0: there is none.
inline pid_t child_of(pid_t parent) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    if (std::isdigit(static_cast<unsigned char>(entry.path().filename().native()[0])) == 0) {
      continue;
    }
    std::ifstream stat(entry.path() / "stat");  // pid (name) state ppid ...; our names have no ')'
    const std::string line{std::istreambuf_iterator<char>(stat), {}};
    const std::size_t name_end = line.rfind(')');
    if (name_end != std::string::npos &&
        std::strtol(line.c_str() + name_end + std::strlen(") S"), nullptr, 10) == parent) {
      return static_cast<pid_t>(std::strtol(line.c_str(), nullptr, 10));
    }
  }
  return 0;
}

inline double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

}  // namespace run_program_parts

// Runs vggroove with these arguments and waits for its end. Its stdin is /dev/null, and neither
// stdout nor stderr is a terminal.
inline ProgramResult run_vggroove(const std::vector<std::string>& arguments,
                                  const RunOptions& options) {
  using namespace run_program_parts;
  const TemporaryFolder folder;
  const std::filesystem::path out = folder / "out", err = folder / "err";
  const pid_t child = fork();
  if (child < 0) {
    throw std::system_error(errno, std::generic_category(), "fork");
  }
  if (child == 0) {
    become_vggroove(arguments, options, out, err);
  }
  int status = 0;
  rusage usage{};
  bool interrupted = options.interrupt_when.empty();
  bool killed = options.kill_after.count() == 0;
  const auto start = std::chrono::steady_clock::now();
  while (wait4(child, &status, interrupted && killed ? 0 : WNOHANG, &usage) == 0) {
    if (!killed && std::chrono::steady_clock::now() - start >= options.kill_after) {
      kill(child, SIGKILL);
      killed = true;
    }
    std::error_code missing;
    const std::uintmax_t size = std::filesystem::file_size(options.interrupt_when, missing);
    if (!interrupted && !missing && size > 0) {
      if (options.kill_a_child) {
        if (const pid_t grandchild = child_of(child); grandchild > 0) {
          kill(grandchild, SIGKILL);
        }
      } else {
        kill(child, SIGINT);
      }
      interrupted = true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  ProgramResult result;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (result.exit_code == kCannotStart) {
    throw std::runtime_error(std::string("cannot start ") + VGGROOVE_PROGRAM);
  }
  result.out = read_file(out);
  result.err = read_file(err);
  result.peak_rss_bytes = static_cast<std::size_t>(usage.ru_maxrss) * 1024;
  result.cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  return result;
}

inline ProgramResult run_vggroove(const std::vector<std::string>& arguments,
                                  const std::vector<std::string>& environment = {}) {
  RunOptions options;
  options.environment = environment;
  return run_vggroove(arguments, options);
}

}  // namespace vggroove::testing
