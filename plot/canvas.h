#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace vggroove::plot {

struct Colour {
  std::uint8_t red = 0, green = 0, blue = 0;
  friend bool operator==(Colour, Colour) = default;
};

inline constexpr Colour kWhite{255, 255, 255};
inline constexpr Colour kInk{33, 37, 41};         // text, axes
inline constexpr Colour kPaleInk{108, 117, 125};  // captions
inline constexpr Colour kRule{206, 212, 218};     // thin lines

// Which point of a text the given position is.
enum class Align { kLeft, kCentre, kRight };

// A picture in memory: 8-bit RGB, (0, 0) at the top left. Drawing outside of it is cut off.
class Canvas {
 public:
  Canvas(int width, int height, Colour background = kWhite);

  int width() const { return width_; }
  int height() const { return height_; }
  Colour at(int x, int y) const;                              // must be inside
  std::span<const Colour> pixels() const { return pixels_; }  // [height, width] row-major

  void set(int x, int y, Colour colour);
  void fill(int x, int y, int width, int height, Colour colour);
  void frame(int x, int y, int width, int height, Colour colour);  // one pixel wide, inside
  void paste(const Canvas& picture, int x, int y);
  // A straight stroke with round ends and smooth edges, `width` pixels wide. Positions are of
  // points, the middle of the first pixel being (0.5, 0.5); both ends must be finite.
  void stroke(double x0, double y0, double x1, double y1, double width, Colour colour);

  // One line of text, y = top of the capitals (see font.h for the sizes). `scale` is the size of a
  // font pixel. The upward version reads from the bottom to the top: x is the top of the capitals
  // on the left, and alignment is along y, from kLeft at the bottom.
  void text(int x, int y, std::string_view words, int scale, Colour colour = kInk,
            Align align = Align::kLeft);
  void text_upward(int x, int y, std::string_view words, int scale, Colour colour = kInk,
                   Align align = Align::kLeft);

 private:
  void blend(int x, int y, Colour colour, double coverage);

  int width_, height_;
  std::vector<Colour> pixels_;
};

}  // namespace vggroove::plot
