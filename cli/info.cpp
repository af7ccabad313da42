#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "cli/verbs.h"

namespace vggroove::cli {

void add_info(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("info", "What this build and this machine can do");
  static bool json = false;
  verb->add_flag("--json", json, "Print JSON");
  verb->callback([&action] {
    action = [] {
      const unsigned num_cores = std::thread::hardware_concurrency();
      if (json) {
        fmt::print("{}\n",
                   nlohmann::json{{"version", VGGROOVE_VERSION}, {"cores", num_cores}}.dump(2));
      } else {
        fmt::print("vggroove {}\ncores  {}\n", VGGROOVE_VERSION, num_cores);
      }
      return static_cast<int>(kAllGood);
    };
  });
}

}  // namespace vggroove::cli
