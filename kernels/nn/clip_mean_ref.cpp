#include "kernels/nn/clip_mean.h"

namespace vggroove {

void clip_mean_ref(double* means, const double* rows, const std::int64_t* offsets, int num_clips,
                   int width) {
  for (int clip = 0; clip < num_clips; ++clip) {
    const std::int64_t begin = offsets[clip], end = offsets[clip + 1];
    for (int column = 0; column < width; ++column) {
      double sum = 0;
      for (std::int64_t row = begin; row < end; ++row) {
        sum += rows[row * width + column];
      }
      means[static_cast<std::int64_t>(clip) * width + column] =
          begin < end ? sum / static_cast<double>(end - begin) : 0;
    }
  }
}

}  // namespace vggroove
