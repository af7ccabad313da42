#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "engine/backends/plugin.h"
#include "engine/device/device.h"

namespace vggroove {

// Folders where plugins are looked for, first choice first: $VGGROOVE_PLUGIN_DIR alone where it is
// set (Error(kUsage) where it is not an absolute path: the working directory must never decide what
// code is run); else the program's own folder and <program's folder>/../<lib>/vggroove, where an
// installation has them.
std::vector<std::filesystem::path> plugin_folders();

// libvggroove_<name>.so in the plugin folders; empty: there is none.
std::filesystem::path find_plugin(std::string_view name);
std::filesystem::path find_plugin(Device device);

// The folders in which there was none, as "/usr/bin or /usr/lib/vggroove".
std::string plugin_places();

// Loads the file with everything that it needs; the program keeps it until it ends. Throws
// Error(kUnsupported) where it cannot be loaded, is no plugin, or belongs to another build.
const PluginEntry& open_plugin_entry(const std::filesystem::path& file);

// The same for a file that is a device's.
const Plugin& open_plugin(const std::filesystem::path& file);

// find_plugin, open_plugin. Throws Error(kNotFound) that names the folders.
const Plugin& open_plugin(Device device);

struct DeviceChoice {
  Device device = Device::kCpu;  // never kAuto
  // Why auto did not take cuda although its plugin is installed, as the end of a sentence; else
  // empty: without the plugin nobody expects a GPU.
  std::string why_not_cuda;
};

// Asks the driver before anything of the vendor's is loaded. Throws for kCuda and kSim: Error(
// kNotFound) where the plugin is missing, Error(kUnsupported) where no device can be used.
DeviceChoice choose_device(Device wanted);

}  // namespace vggroove
