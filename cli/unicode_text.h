#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace vggroove::cli {

// Names of files are bytes; what we print is UTF-8. Bytes that are not UTF-8 become "\xHH".
std::string valid_utf8(std::string_view bytes);

// valid_utf8, and control characters become "\xHH" too: a file's name must not move the cursor.
std::string terminal_text(std::string_view bytes);

// Columns that UTF-8 text takes on a terminal: 2 for wide East Asian characters and emoji, 0 for
// combining marks.
std::size_t display_columns(std::string_view utf8);

// Padded with spaces to `columns`, or shortened at its beginning ("…rock/song.mp3": the end of a
// path tells more than its beginning).
std::string fit_columns(std::string_view utf8, std::size_t columns);

}  // namespace vggroove::cli
