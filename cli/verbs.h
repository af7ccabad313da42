#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace vggroove::cli {

// Exit codes of the program (docs: README, `vggroove --help`).
enum ExitCode : int { kAllGood = 0, kFailed = 1, kUsageError = 2, kSomeFilesFailed = 3 };

// What the chosen verb does after parsing; its value is the exit code. Errors are thrown; main
// prints them as "vggroove: <message>" and exits with 1 (2 for ErrorClass::kUsage).
using Action = std::function<int()>;

// Each adds its subcommand and sets `action` from the subcommand's callback. One file per verb.
void add_check(CLI::App& app, Action& action);
void add_classify(CLI::App& app, Action& action);
void add_crossval(CLI::App& app, Action& action);
void add_embed(CLI::App& app, Action& action);
void add_logmel(CLI::App& app, Action& action);
void add_evaluate(CLI::App& app, Action& action);
void add_finetune(CLI::App& app, Action& action);
void add_train(CLI::App& app, Action& action);
void add_weights(CLI::App& app, Action& action);
void add_info(CLI::App& app, Action& action);

// Subcommands of `vggroove weights`.
void add_weights_fetch(CLI::App& weights_verb, Action& action);
void add_weights_import(CLI::App& weights_verb, Action& action);
void add_weights_inspect(CLI::App& weights_verb, Action& action);

}  // namespace vggroove::cli
