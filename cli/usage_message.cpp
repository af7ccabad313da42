#include "cli/usage_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

namespace vggroove::cli {

namespace {

// Levenshtein's distance.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) {
    row[j] = j;
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

std::vector<std::string> verbs_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(verb->get_name());
  }
  return names;
}

std::vector<std::string> options_of(const CLI::App& verb) {
  std::vector<std::string> names;
  for (const CLI::Option* option : verb.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      names.push_back("--" + name);
    }
  }
  return names;
}

std::string suggestion(const std::string& word, const std::vector<std::string>& candidates) {
  const std::string closest = closest_word(word, candidates);
  return closest.empty() ? "" : fmt::format("; did you mean {}?", closest);
}

}  // namespace

std::string closest_word(const std::string& word, const std::vector<std::string>& candidates) {
  std::string closest;
  std::size_t smallest = 1 + word.size() / 3;  // a typing error or two, not another word
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance <= smallest && distance < candidate.size()) {
      closest = candidate;
      smallest = distance - std::min<std::size_t>(distance, 1);
    }
  }
  return closest;
}

std::string usage_message(const CLI::App& app, const CLI::ParseError& error,
                          const std::vector<std::string>& arguments) {
  // The verb that the user reached, at whatever depth (`weights fetch`).
  const CLI::App* verb = &app;
  std::string command = app.get_name();
  std::size_t depth = 0;
  while (!verb->get_subcommands().empty()) {
    verb = verb->get_subcommands().front();
    command += " " + verb->get_name();
    ++depth;
  }
  std::string trouble = error.what();
  const std::vector<std::string> unknown = app.remaining(/*recurse=*/true);
  const std::vector<std::string> verbs = verbs_of(*verb);
  if (!unknown.empty() && unknown[0].starts_with("-")) {
    const std::string name = unknown[0].substr(0, unknown[0].find('='));
    trouble = fmt::format("{} is not an option{}", name, suggestion(name, options_of(*verb)));
  } else if (!verbs.empty()) {
    trouble = "a verb is missing";
    if (depth < arguments.size() && !arguments[depth].starts_with("-")) {
      trouble =
          fmt::format("{} is not a verb{}", arguments[depth], suggestion(arguments[depth], verbs));
    }
    trouble += fmt::format("{} The verbs are {}.", trouble.ends_with('?') ? "" : ".",
                           fmt::join(verbs, ", "));
  }
  return fmt::format("{}: {}{} See `{} --help`.", command, trouble,
                     trouble.ends_with('.') || trouble.ends_with('?') ? "" : ".", command);
}

}  // namespace vggroove::cli
