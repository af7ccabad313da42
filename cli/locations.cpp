#include "cli/locations.h"

#include <cstdlib>
#include <string>
#include <system_error>

namespace vggroove::cli {
namespace fs = std::filesystem;

namespace {

// An environment variable; empty where it is not set (an empty value counts as not set, as the
// XDG rules want).
fs::path environment_path(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? fs::path() : fs::path(value);
}

}  // namespace

fs::path default_model_path() {
  if (fs::path model = environment_path("VGGROOVE_MODEL"); !model.empty()) {
    return model;
  }
  fs::path data = environment_path("XDG_DATA_HOME");
  if (data.empty()) {
    data = environment_path("HOME") / ".local" / "share";
  }
  return data / "vggroove" / "vggish.safetensors";
}

fs::path default_cache_folder() {
  fs::path cache = environment_path("XDG_CACHE_HOME");
  if (cache.empty()) {
    cache = environment_path("HOME") / ".cache";
  }
  return cache / "vggroove";
}

std::vector<fs::path> data_folders() {
  if (fs::path folder = environment_path("VGGROOVE_DATA_DIR"); !folder.empty()) {
    return {folder};
  }
  std::error_code no_proc;
  const fs::path program = fs::read_symlink("/proc/self/exe", no_proc);
  if (no_proc) {
    return {};
  }
  const fs::path folder = program.parent_path();
  return {folder.parent_path() / "share" / "vggroove", folder / "share" / "vggroove"};
}

fs::path find_shipped(std::string_view name) {
  for (const fs::path& folder : data_folders()) {
    std::error_code missing;
    if (fs::is_regular_file(folder / name, missing)) {
      return folder / name;
    }
  }
  return {};
}

}  // namespace vggroove::cli
