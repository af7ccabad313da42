#pragma once

#include <filesystem>
#include <string>

#include "plot/canvas.h"

namespace vggroove::plot {

// The bytes of an 8-bit RGB PNG file.
std::string encode_png(const Canvas& canvas);

// Atomic (base/atomic_file.h). Throws Error(kIo) naming `path`.
void write_png(const std::filesystem::path& path, const Canvas& canvas);

}  // namespace vggroove::plot
