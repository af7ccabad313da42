#include "kernels/nn/layout.h"

namespace vggroove {

void transpose_ref(double* out, const double* in, std::int64_t batch, int rows, int columns) {
  for (std::int64_t image = 0; image < batch; ++image) {
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t column = 0; column < columns; ++column) {
        out[(image * columns + column) * rows + row] = in[(image * rows + row) * columns + column];
      }
    }
  }
}

}  // namespace vggroove
