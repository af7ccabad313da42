#include "cli/unicode_text.h"

#include <gtest/gtest.h>

namespace vggroove::cli {
namespace {

TEST(UnicodeText, keeps_utf8) {
  EXPECT_EQ(valid_utf8("Motörhead/日本語 🎸.mp3"), "Motörhead/日本語 🎸.mp3");
}

TEST(UnicodeText, escapes_bytes_that_are_not_utf8) {
  EXPECT_EQ(valid_utf8("Mot\xF6rhead"), "Mot\\xf6rhead");
  EXPECT_EQ(valid_utf8("cut \xE6\x97"), "cut \\xe6\\x97");
  EXPECT_EQ(valid_utf8("\xC0\xAF"), "\\xc0\\xaf");                    // longer than necessary
  EXPECT_EQ(valid_utf8("\xED\xA0\x80"), "\\xed\\xa0\\x80");           // a surrogate
  EXPECT_EQ(valid_utf8("\xF4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // beyond Unicode
}

TEST(UnicodeText, lets_no_name_move_the_cursor) {
  EXPECT_EQ(terminal_text("a\nb\x1b[31m\x7f"), "a\\x0ab\\x1b[31m\\x7f");
  EXPECT_EQ(terminal_text("\u202Egpj.exe"), "\\xe2\\x80\\xaegpj.exe");  // right-to-left override
}

TEST(UnicodeText, counts_columns_of_a_terminal) {
  EXPECT_EQ(display_columns("abc"), 3u);
  EXPECT_EQ(display_columns("日本語"), 6u);
  EXPECT_EQ(display_columns("e\u0301"), 1u);  // e and a combining acute accent
  EXPECT_EQ(display_columns("🎸"), 2u);
}

TEST(UnicodeText, fits_text_to_columns_and_keeps_its_end) {
  EXPECT_EQ(fit_columns("ab", 4), "ab  ");
  EXPECT_EQ(fit_columns("archive/song.mp3", 9), "…song.mp3");
  for (std::size_t columns = 1; columns < 12; ++columns) {
    EXPECT_EQ(display_columns(fit_columns("日本語の音楽", columns)), columns);
  }
}

}  // namespace
}  // namespace vggroove::cli
