#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace vggroove::cli {

// What was wrong with the command line, in one line that ends with where to read on:
// "vggroove classify: --formt is not an option; did you mean --format? See `vggroove classify
// --help`."  `arguments` are the program's, without its name.
std::string usage_message(const CLI::App& app, const CLI::ParseError& error,
                          const std::vector<std::string>& arguments);

// The candidate that is closest to `word`, if it is close enough to be meant; else "".
std::string closest_word(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace vggroove::cli
