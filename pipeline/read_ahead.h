#pragma once

#include <filesystem>

namespace vggroove {

// Asks the system to start reading the beginning of a file that will be opened soon, and returns
// at once. Does nothing where that is not possible.
void start_reading_ahead(const std::filesystem::path& path);

}  // namespace vggroove
