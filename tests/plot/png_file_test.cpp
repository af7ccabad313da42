#include "plot/png_file.h"

#include <gtest/gtest.h>
#include <png.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace vggroove::plot {
namespace {

Canvas colourful() {
  Canvas canvas(37, 23);  // odd, so that rows are not aligned
  for (int y = 0; y < canvas.height(); ++y) {
    for (int x = 0; x < canvas.width(); ++x) {
      canvas.set(x, y,
                 {static_cast<std::uint8_t>(7 * x), static_cast<std::uint8_t>(11 * y),
                  static_cast<std::uint8_t>(x * y)});
    }
  }
  return canvas;
}

TEST(PngFile, holds_the_pixels_of_the_canvas) {
  const testing::TemporaryFolder folder;
  const Canvas canvas = colourful();
  write_png(folder / "picture.png", canvas);
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  ASSERT_NE(png_image_begin_read_from_file(&image, (folder / "picture.png").c_str()), 0)
      << image.message;
  EXPECT_EQ(image.width, 37u);
  EXPECT_EQ(image.height, 23u);
  EXPECT_EQ(image.format, static_cast<png_uint_32>(PNG_FORMAT_RGB));
  std::vector<Colour> pixels(37 * 23);
  ASSERT_NE(png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr), 0) << image.message;
  EXPECT_TRUE(std::equal(pixels.begin(), pixels.end(), canvas.pixels().begin()));
}

TEST(PngFile, names_the_path_that_cannot_be_written_and_leaves_nothing) {
  const testing::TemporaryFolder folder;
  testing::expect_error(ErrorClass::kIo, "nowhere/picture.png",
                        [&] { write_png(folder / "nowhere" / "picture.png", colourful()); });
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace vggroove::plot
