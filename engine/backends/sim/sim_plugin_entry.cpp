#include "engine/backends/cuda/cuda_plugin.h"
#include "engine/backends/plugin_build.h"
#include "engine/backends/sim/simulator.h"

extern "C" const vggroove::PluginEntry* vggroove_plugin_entry() {
  using namespace vggroove;
  // Two examples a pass: the processor plays each of them at full length, silence too.
  static const cuda::CudaPlugin plugin(Device::kSim, 2);
  static const PluginEntry entry{kPluginContract, kPluginBuild, &plugin};
  sim::abort_at_exit_where_something_leaks();
  return &entry;
}
