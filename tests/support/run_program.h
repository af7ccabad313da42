#pragma once

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/temporary_folder.h"

namespace vggroove::testing {

struct ProgramResult {
  int exit_code = -1;  // 128 + signal where one ended it, as in a shell
  std::string out, err;
};

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Runs vggroove with these arguments and waits for it. `environment` as "NAME=value".
inline ProgramResult run_vggroove(const std::vector<std::string>& arguments,
                                  const std::vector<std::string>& environment = {}) {
  const auto quoted = [](const std::string& word) {
    std::string text = "'";
    for (const char c : word) {
      text += c == '\'' ? "'\\''" : std::string(1, c);
    }
    return text + "'";
  };
  const TemporaryFolder folder;
  std::string command = "env";
  for (const std::string& assignment : environment) {
    command += ' ' + quoted(assignment);
  }
  command += ' ' + quoted(VGGROOVE_PROGRAM);
  for (const std::string& argument : arguments) {
    command += ' ' + quoted(argument);
  }
  command += " >" + quoted((folder / "out").string()) + " 2>" + quoted((folder / "err").string()) +
             " </dev/null";
  const int status = std::system(command.c_str());
  if (status == -1) {
    throw std::runtime_error("cannot run " + command);
  }
  ProgramResult result;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.out = read_file(folder / "out");
  result.err = read_file(folder / "err");
  return result;
}

}  // namespace vggroove::testing
