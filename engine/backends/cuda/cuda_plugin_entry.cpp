#include "engine/backends/cuda/cuda_plugin.h"
#include "engine/backends/plugin_build.h"

extern "C" const vggroove::PluginEntry* vggroove_plugin_entry() {
  using namespace vggroove;
  // The pipeline's batches have 32 examples.
  static const cuda::CudaPlugin plugin(Device::kCuda, 32);
  static const PluginEntry entry{kPluginContract, kPluginBuild, &plugin};
  return &entry;
}
