#include "plot/png_file.h"

#include <png.h>

#include "base/atomic_file.h"
#include "base/error.h"

namespace vggroove::plot {

static_assert(sizeof(Colour) == 3, "pixels are handed to libpng as they stand");

std::string encode_png(const Canvas& canvas) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(canvas.width());
  image.height = static_cast<png_uint_32>(canvas.height());
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t num_bytes = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::string bytes(num_bytes, '\0');
  if (png_image_write_to_memory(&image, bytes.data(), &num_bytes, 0, canvas.pixels().data(), 0,
                                nullptr) == 0) {
    throw Error(ErrorClass::kIo, std::string("PNG: ") + image.message);
  }
  bytes.resize(num_bytes);
  return bytes;
}

void write_png(const std::filesystem::path& path, const Canvas& canvas) {
  write_file_atomically(path, encode_png(canvas));
}

}  // namespace vggroove::plot
