#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "engine/backends/training_backend.h"
#include "engine/device/communicator.h"
#include "engine/device/device.h"
#include "engine/heads/head_training_backend.h"
#include "engine/nets/vggish.h"
#include "engine/nets/vggish_layers.h"

namespace vggroove {

// What a device's plugin (libvggroove_cuda.so, libvggroove_sim.so) gives to the program that opened
// it. C++ objects and Errors cross the border, so both sides must be of one build: PluginEntry
// tells.
class Plugin {
 public:
  virtual ~Plugin() = default;
  // The network on the plugin's device 0, which is the one that the options mean. Throws Error
  // where the device fails or lacks memory.
  virtual std::shared_ptr<const Vggish> load_vggish(const TensorReader& tensors,
                                                    const VggishOptions& options) const = 0;
  // The operations of training on that device; throws alike, and Error(kUnsupported) for a
  // precision that it does not train in. What it learns about the device and wants to keep between
  // runs goes below `cache_folder`; empty: nowhere. `processes` must outlive them.
  virtual std::unique_ptr<TrainingBackend> new_training(Precision precision,
                                                        const std::filesystem::path& cache_folder,
                                                        Communicator& processes) const = 0;
  // Heads on that device, many at once, in fp32; with tf32 their products in that. Throws alike.
  virtual std::unique_ptr<HeadTrainingBackend> new_head_training(Precision precision) const = 0;
};

// Grows with every change of anything that crosses the border: this file, and the classes that it
// names.
inline constexpr int kPluginContract = 5;

struct PluginEntry {
  int contract = kPluginContract;
  const char* build = nullptr;     // kPluginBuild (plugin_build.h)
  const Plugin* plugin = nullptr;  // a device's; lives as long as the program
  // Of libvggroove_mpi.so alone: joins the processes that a launcher started (processes.h). Once.
  std::unique_ptr<Communicator> (*connect)() = nullptr;
};

// The one symbol of a plugin: extern "C" const PluginEntry* vggroove_plugin_entry();
// Its first field, a number, may be read whatever build the plugin is of; the rest only then.
inline constexpr const char* kPluginSymbol = "vggroove_plugin_entry";

}  // namespace vggroove
