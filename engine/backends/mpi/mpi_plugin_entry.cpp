#include <memory>

#include "engine/backends/mpi/mpi_communicator.h"
#include "engine/backends/plugin.h"
#include "engine/backends/plugin_build.h"

extern "C" const vggroove::PluginEntry* vggroove_plugin_entry() {
  using namespace vggroove;
  static const PluginEntry entry{.contract = kPluginContract,
                                 .build = kPluginBuild,
                                 .connect = []() -> std::unique_ptr<Communicator> {
                                   return std::make_unique<mpi::MpiCommunicator>();
                                 }};
  return &entry;
}
