#include "plot/canvas.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "plot/colour_map.h"
#include "plot/font.h"

namespace vggroove::plot {
namespace {

constexpr Colour kRed{255, 0, 0};

long count(const Canvas& canvas, Colour colour) {
  return std::count(canvas.pixels().begin(), canvas.pixels().end(), colour);
}

TEST(Canvas, cuts_off_what_is_drawn_outside) {
  Canvas canvas(10, 8);
  canvas.fill(-5, -5, 7, 6, kRed);
  EXPECT_EQ(count(canvas, kRed), 2);
  EXPECT_EQ(canvas.at(1, 0), kRed);
  canvas.fill(8, 6, 100, 100, kRed);
  EXPECT_EQ(count(canvas, kRed), 2 + 4);
  canvas.fill(20, 20, 3, 3, kRed);
  canvas.fill(3, 3, -2, 5, kRed);
  canvas.set(-1, 0, kRed);
  EXPECT_EQ(count(canvas, kRed), 2 + 4);
}

TEST(Canvas, frames_inside_of_the_given_box) {
  Canvas canvas(6, 5);
  canvas.frame(1, 1, 4, 3, kRed);
  EXPECT_EQ(count(canvas, kRed), 10);
  EXPECT_EQ(canvas.at(1, 1), kRed);
  EXPECT_EQ(canvas.at(4, 3), kRed);
  EXPECT_EQ(canvas.at(2, 2), kWhite);
}

TEST(Canvas, pastes_a_picture_where_it_fits) {
  Canvas canvas(4, 4), picture(3, 3, kRed);
  canvas.paste(picture, 2, -1);
  EXPECT_EQ(count(canvas, kRed), 4);
  EXPECT_EQ(canvas.at(2, 1), kRed);
}

TEST(Canvas, text_at_scale_one_is_the_font_bitmap) {
  Canvas canvas(5, 9);
  canvas.text(0, 0, "T", 1, kRed);
  for (int x = 0; x < 5; ++x) {
    EXPECT_EQ(canvas.at(x, 0), kRed);
  }
  for (int y = 1; y < kCapitalRows; ++y) {
    EXPECT_EQ(canvas.at(2, y), kRed);
  }
  EXPECT_EQ(count(canvas, kRed), 5 + 6);
}

TEST(Canvas, scaled_strokes_stay_solid_and_stay_in_their_box) {
  Canvas canvas(40, 40);
  canvas.text(4, 4, "E", 3, kRed);
  // The vertical stroke of E: the first font column, except for the two rounded corners.
  for (int y = 4 + 1; y < 4 + text_height(3) - 1; ++y) {
    EXPECT_EQ(canvas.at(5, y), kRed) << y;
  }
  for (int y = 0; y < 40; ++y) {
    for (int x = 0; x < 40; ++x) {
      const bool in_box = x >= 4 && x < 4 + text_width("E", 3) && y >= 4 && y < 4 + text_height(3);
      if (!in_box) {
        EXPECT_EQ(canvas.at(x, y), kWhite) << x << ", " << y;
      }
    }
  }
}

TEST(Canvas, aligns_text) {
  const auto first_ink = [](Align align) {
    Canvas canvas(60, 9);
    canvas.text(30, 0, "HH", 1, kRed, align);
    for (int x = 0; x < 60; ++x) {
      if (canvas.at(x, 0) == kRed) {
        return x;
      }
    }
    return -1;
  };
  EXPECT_EQ(first_ink(Align::kLeft), 30);
  EXPECT_EQ(first_ink(Align::kCentre), 30 - 11 / 2);
  EXPECT_EQ(first_ink(Align::kRight), 30 - 11);
}

TEST(Canvas, upward_text_is_the_text_turned_left) {
  Canvas flat(30, 12), upright(12, 30);
  flat.text(0, 0, "Ry3", 1, kRed);
  upright.text_upward(0, 29, "Ry3", 1, kRed);
  for (int y = 0; y < 12; ++y) {
    for (int x = 0; x < 30; ++x) {
      EXPECT_EQ(flat.at(x, y), upright.at(y, 29 - x));
    }
  }
  EXPECT_GT(count(flat, kRed), 20);
}

TEST(Font, has_a_distinct_picture_of_every_printable_character) {
  for (char32_t a = U'!'; a <= U'~'; ++a) {
    EXPECT_NE(glyph_of(a).rows, glyph_of(U' ').rows) << static_cast<int>(a);
    for (char32_t b = a + 1; b <= U'~'; ++b) {
      EXPECT_NE(glyph_of(a).rows, glyph_of(b).rows) << static_cast<int>(a);
    }
  }
}

TEST(Font, draws_one_box_for_what_it_does_not_have) {
  EXPECT_EQ(text_width("m\xc3\xa4rz", 2), text_width("marz", 2));
  EXPECT_EQ(text_width("\xe9\x9f\xb3\xe4\xb9\x90", 1), text_width("xx", 1));
  EXPECT_EQ(glyph_of(U'\u00e4').rows, glyph_of(U'\u97f3').rows);
  EXPECT_NE(glyph_of(U'\u00e4').rows, glyph_of(U' ').rows);
  EXPECT_EQ(text_width("", 3), 0);
}

TEST(Font, takes_broken_utf8_byte_by_byte) {
  for (const std::string broken : {"\xff", "\xc3", "\xe9\x9f", "\xf0\x9f\x8e"}) {
    std::string_view rest = broken;
    int characters = 0;
    while (!rest.empty()) {
      EXPECT_EQ(take_character(rest), U'\ufffd');
      ++characters;
    }
    EXPECT_EQ(characters, static_cast<int>(broken.size()));
  }
}

double luma(Colour colour) {
  return 0.299 * colour.red + 0.587 * colour.green + 0.114 * colour.blue;
}

TEST(ColourMap, gets_lighter_all_the_way) {
  double last = -1;
  for (int i = 0; i <= 64; ++i) {
    const double now = luma(map_colour(i / 64.0));
    EXPECT_GT(now, last) << i;
    last = now;
  }
  EXPECT_LT(luma(map_colour(0)), 40);
  EXPECT_GT(luma(map_colour(1)), 200);
}

TEST(ColourMap, clamps_and_shows_not_a_number_in_grey) {
  EXPECT_EQ(map_colour(-7), map_colour(0));
  EXPECT_EQ(map_colour(1e300), map_colour(1));
  const Colour grey = map_colour(std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(grey.red, grey.green);
  EXPECT_EQ(grey.green, grey.blue);
  EXPECT_EQ(share_colour(0), kWhite);
}

}  // namespace
}  // namespace vggroove::plot
