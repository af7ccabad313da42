#include "cli/usage_message.h"

#include <gtest/gtest.h>

namespace vggroove::cli {
namespace {

std::string message_for(std::vector<std::string> arguments) {
  CLI::App app("", "vggroove");
  app.require_subcommand(1);
  CLI::App* classify = app.add_subcommand("classify");
  std::string format, path;
  classify->add_option("PATH", path)->required();
  classify->add_option("--format", format)->check(CLI::IsMember({"table", "csv"}));
  CLI::App* weights = app.add_subcommand("weights");
  weights->require_subcommand(1);
  weights->add_subcommand("fetch");
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    return usage_message(app, error, arguments);
  }
  return "";
}

TEST(UsageMessage, suggests_the_option_that_was_meant) {
  EXPECT_EQ(message_for({"classify", "a.wav", "--formt=csv"}),
            "vggroove classify: --formt is not an option; did you mean --format? See `vggroove "
            "classify --help`.");
  EXPECT_EQ(message_for({"classify", "a.wav", "--quux"}),
            "vggroove classify: --quux is not an option. See `vggroove classify --help`.");
}

TEST(UsageMessage, suggests_the_verb_that_was_meant) {
  EXPECT_EQ(message_for({"clasify", "a.wav"}),
            "vggroove: clasify is not a verb; did you mean classify? The verbs are classify, "
            "weights. See `vggroove --help`.");
  EXPECT_EQ(message_for({}),
            "vggroove: a verb is missing. The verbs are classify, weights. See `vggroove --help`.");
  EXPECT_EQ(message_for({"weights", "fetsch"}),
            "vggroove weights: fetsch is not a verb; did you mean fetch? The verbs are fetch. See "
            "`vggroove weights --help`.");
}

TEST(UsageMessage, names_the_option_whose_value_is_wrong) {
  EXPECT_EQ(message_for({"classify", "a.wav", "--format", "xml"}),
            "vggroove classify: --format: xml not in {table,csv}. See `vggroove classify --help`.");
  EXPECT_EQ(message_for({"classify"}),
            "vggroove classify: PATH is required. See `vggroove classify --help`.");
}

TEST(UsageMessage, suggests_nothing_far_fetched) {
  EXPECT_EQ(closest_word("frobnicate", {"classify", "info"}), "");
  EXPECT_EQ(closest_word("inf", {"classify", "info"}), "info");
}

}  // namespace
}  // namespace vggroove::cli
