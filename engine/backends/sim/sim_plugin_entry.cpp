#include <unistd.h>

#include <cstdlib>
#include <string>

#include "engine/backends/cuda/cuda_plugin.h"
#include "engine/backends/plugin_build.h"
#include "engine/backends/sim/simulator.h"

namespace {

// Ends the program where the CUDA backend did not give back what it took.
void report_leaks() {
  const std::string leaks = vggroove::sim::Simulator::get().leaks();
  if (!leaks.empty()) {
    const std::string line = "simulated GPU: at the end of the program " + leaks + "\n";
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
    std::abort();
  }
}

}  // namespace

extern "C" const vggroove::PluginEntry* vggroove_plugin_entry() {
  using namespace vggroove;
  // Two examples a pass: the processor plays each of them at full length, silence too.
  static const cuda::CudaPlugin plugin(Device::kSim, 2);
  static const PluginEntry entry{kPluginContract, kPluginBuild, &plugin};
  [[maybe_unused]] static const int registered = std::atexit(report_leaks);
  return &entry;
}
