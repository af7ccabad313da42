#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

namespace vggroove::cli {

// Where a model is looked for when --model does not name one: $VGGROOVE_MODEL, else
// ${XDG_DATA_HOME:-~/.local/share}/vggroove/vggish.safetensors.
std::filesystem::path default_model_path();

// Where downloads, and what was found out about a GPU, are kept:
// ${XDG_CACHE_HOME:-~/.cache}/vggroove.
std::filesystem::path default_cache_folder();

// Folders that may hold the files shipped with the program, first choice first:
// $VGGROOVE_DATA_DIR alone where it is set; else <folder of the program>/../share/vggroove (an
// installation) and <folder of the program>/share/vggroove (a build folder).
std::vector<std::filesystem::path> data_folders();

// The shipped file of that name below the data folders ("heads/x.safetensors"); empty: none.
std::filesystem::path find_shipped(std::string_view name);

}  // namespace vggroove::cli
