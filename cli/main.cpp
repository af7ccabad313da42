#include <fmt/format.h>

#include <csignal>
#include <cstdio>

#include "base/error.h"
#include "cli/failure.h"
#include "cli/usage_message.h"
#include "cli/verbs.h"

namespace {

constexpr const char* kDescription =
    "vggroove tells the genre of music: audio file -> log-mel spectrogram -> VGGish -> genre.";

constexpr const char* kFooter =
    "Examples:\n"
    "  vggroove weights fetch vggish          the released weights, once\n"
    "  vggroove classify song.mp3\n"
    "  vggroove classify ~/music --out genres.jsonl\n"
    "  vggroove info                          what this machine can do\n"
    "Every verb has its own --help with examples.\n"
    "Exit codes: 0 all good, 1 failed, 2 usage, 3 finished but some files failed, 130 interrupted.";

}  // namespace

int main(int argc, char** argv) {
  using namespace vggroove;
  using namespace vggroove::cli;
  CLI::App app(kDescription, "vggroove");
  app.footer(kFooter);
  app.set_version_flag("--version", VGGROOVE_VERSION);
  app.require_subcommand(1);

  // A file that grows over a limit is then an error of write(), which says what to do.
  std::signal(SIGXFSZ, SIG_IGN);

  Action action;
  add_classify(app, action);
  add_embed(app, action);
  add_evaluate(app, action);
  add_train(app, action);
  add_finetune(app, action);
  add_crossval(app, action);
  add_check(app, action);
  add_weights(app, action);
  add_logmel(app, action);
  add_info(app, action);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
      app.exit(error);  // prints what --help or --version asked for
      return kAllGood;
    }
    let_the_first_process_speak();
    fmt::print(stderr, "{}\n", usage_message(app, error, {argv + 1, argv + argc}));
    return kUsageError;
  }
  try {
    const int exit_code = action();
    if (std::fflush(stdout) != 0) {
      throw Error(ErrorClass::kIo, "standard output: cannot write");
    }
    return exit_code;
  } catch (...) {
    return report_failure();
  }
}
