#include "cli/unicode_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace vggroove::cli {

namespace {

struct CodePoint {
  char32_t value = 0;
  std::size_t num_bytes = 1;
  bool valid = false;  // otherwise one byte that is not UTF-8
};

CodePoint first_code_point(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) {
    return {lead, 1, true};
  }
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) {
    return {};
  }
  char32_t value = lead & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) {
      return {};
    }
    value = value << 6 | (byte(i) & 0x3Fu);
  }
  // Longer than necessary, a surrogate, or beyond Unicode: encodings that JSON readers refuse.
  static constexpr std::array<char32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kSmallest[length] || (value >= 0xD800 && value <= 0xDFFF) || value > 0x10FFFF) {
    return {};
  }
  return {value, length, true};
}

struct Range {
  char32_t first, last;
};

bool in_ranges(char32_t value, const Range* begin, const Range* end) {
  return std::any_of(begin, end,
                     [value](Range range) { return value >= range.first && value <= range.last; });
}

// The ranges that occur in names of music, not all of Unicode's tables.
constexpr Range kCombining[] = {
    {0x300, 0x36F},   {0x483, 0x489},   {0x591, 0x5BD},   {0x610, 0x61A},   {0x64B, 0x65F},
    {0xE31, 0xE31},   {0xE34, 0xE3A},   {0xE47, 0xE4E},   {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF},
    {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0x3099, 0x309A}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}};
constexpr Range kWide[] = {
    {0x1100, 0x115F}, {0x2E80, 0x303E}, {0x3041, 0x33FF},   {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},
    {0xA000, 0xA4CF}, {0xA960, 0xA97F}, {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},
    {0xFF00, 0xFF60}, {0xFFE0, 0xFFE6}, {0x1F300, 0x1F64F}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};

std::size_t columns_of(char32_t value) {
  if (in_ranges(value, std::begin(kCombining), std::end(kCombining))) {
    return 0;
  }
  return in_ranges(value, std::begin(kWide), std::end(kWide)) ? 2 : 1;
}

bool is_control(char32_t value) {
  // C0, DEL, C1, and the marks that turn the direction of writing around.
  return value < 0x20 || (value >= 0x7F && value <= 0x9F) || (value >= 0x202A && value <= 0x202E) ||
         (value >= 0x2066 && value <= 0x2069);
}

std::string escape_bytes(std::string_view bytes) {
  std::string escaped;
  for (const char byte : bytes) {
    escaped += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
  }
  return escaped;
}

std::string escaped_text(std::string_view bytes, bool escape_controls) {
  std::string text;
  while (!bytes.empty()) {
    const CodePoint point = first_code_point(bytes);
    const std::string_view piece = bytes.substr(0, point.num_bytes);
    const bool keep = point.valid && !(escape_controls && is_control(point.value));
    text += keep ? std::string(piece) : escape_bytes(piece);
    bytes.remove_prefix(point.num_bytes);
  }
  return text;
}

}  // namespace

std::string valid_utf8(std::string_view bytes) {
  return escaped_text(bytes, false);
}

std::string terminal_text(std::string_view bytes) {
  return escaped_text(bytes, true);
}

std::size_t display_columns(std::string_view utf8) {
  std::size_t columns = 0;
  while (!utf8.empty()) {
    const CodePoint point = first_code_point(utf8);
    columns += columns_of(point.value);
    utf8.remove_prefix(point.num_bytes);
  }
  return columns;
}

std::string fit_columns(std::string_view utf8, std::size_t columns) {
  std::size_t taken = display_columns(utf8);
  if (taken <= columns) {
    return std::string(utf8) + std::string(columns - taken, ' ');
  }
  while (!utf8.empty() && taken + 1 > columns) {  // 1: the ellipsis
    const CodePoint point = first_code_point(utf8);
    taken -= columns_of(point.value);
    utf8.remove_prefix(point.num_bytes);
  }
  return "…" + std::string(utf8) + std::string(columns - std::min(columns, taken + 1), ' ');
}

}  // namespace vggroove::cli
