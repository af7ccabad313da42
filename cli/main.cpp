#include <cstdio>
#include <exception>
#include <new>

#include "base/error.h"
#include "cli/verbs.h"

namespace {

constexpr const char* kDescription =
    "vggroove tells the genre of music: audio file -> log-mel spectrogram -> VGGish -> genre.";

constexpr const char* kFooter =
    "Exit codes: 0 all good, 1 failed, 2 usage, 3 finished but some files failed.\n"
    "Every verb has its own --help with examples.";

}  // namespace

int main(int argc, char** argv) {
  using namespace vggroove;
  using namespace vggroove::cli;
  CLI::App app(kDescription, "vggroove");
  app.footer(kFooter);
  app.set_version_flag("--version", VGGROOVE_VERSION);
  app.require_subcommand(1);

  Action action;
  add_info(app, action);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kAllGood : kUsageError;
  }
  try {
    return action();
  } catch (const Error& error) {
    std::fprintf(stderr, "vggroove: %s\n", error.what());
    return error.error_class() == ErrorClass::kUsage ? kUsageError : kFailed;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "vggroove: out of memory; try fewer --jobs\n");
    return kFailed;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "vggroove: %s\n", error.what());
    return kFailed;
  }
}
