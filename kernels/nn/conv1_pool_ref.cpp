#include <algorithm>

#include "kernels/nn/conv1_pool.h"
#include "kernels/nn/pool_codes.h"

namespace vggroove {
namespace {

using Shape = Conv1PoolShape;

// x [96, 64] with zeros around it, as SAME padding sees it.
double padded(const double* x, int row, int column) {
  const bool inside = row >= 0 && row < Shape::kHeight && column >= 0 && column < Shape::kWidth;
  return inside ? x[row * Shape::kWidth + column] : 0;
}

}  // namespace

void conv1_pool_ref(double* y, std::uint8_t* codes, const double* x, const double* weight,
                    const double* bias, std::int64_t num_examples) {
  constexpr int kChannels = Shape::kChannels;
  std::fill_n(codes, pool_code_bytes(num_examples * Shape::kPooledSize), std::uint8_t{0});
  std::int64_t element = 0;
  for (std::int64_t example = 0; example < num_examples; ++example, x += Shape::kInputSize) {
    for (int row = 0; row < Shape::kPooledHeight; ++row) {
      for (int column = 0; column < Shape::kPooledWidth; ++column) {
        double patch[4][4];
        for (int i = 0; i < 4; ++i) {
          for (int j = 0; j < 4; ++j) {
            patch[i][j] = padded(x, 2 * row - 1 + i, 2 * column - 1 + j);
          }
        }
        for (int channel = 0; channel < kChannels; ++channel, ++element) {
          double maximum = 0;
          unsigned argmax = 0;
          for (unsigned position = 0; position < 4; ++position) {
            double sum = bias[channel];
            for (unsigned tap = 0; tap < Shape::kTaps; ++tap) {
              sum += weight[tap * kChannels + channel] *
                     patch[position / 2 + tap / 3][position % 2 + tap % 3];
            }
            if (position == 0 || sum > maximum) {
              maximum = sum;
              argmax = position;
            }
          }
          y[element] = std::max(maximum, 0.0);
          const unsigned code = maximum > 0 ? argmax | kPoolOpen : argmax;
          codes[element / 2] |= static_cast<std::uint8_t>(code << (element % 2 * kPoolCodeBits));
        }
      }
    }
  }
}

void conv1_pool_bwd_ref(double* grad_weight, double* grad_bias, const double* grad_y,
                        const std::uint8_t* codes, const double* x, std::int64_t num_examples) {
  constexpr int kChannels = Shape::kChannels;
  std::fill_n(grad_weight, Shape::kTaps * kChannels, 0.0);
  std::fill_n(grad_bias, kChannels, 0.0);
  std::int64_t element = 0;
  for (std::int64_t example = 0; example < num_examples; ++example, x += Shape::kInputSize) {
    for (int row = 0; row < Shape::kPooledHeight; ++row) {
      for (int column = 0; column < Shape::kPooledWidth; ++column) {
        for (int channel = 0; channel < kChannels; ++channel, ++element) {
          const auto code = static_cast<int>(pool_code(codes, element));
          if ((code & kPoolOpen) == 0) {
            continue;
          }
          const int position = code & static_cast<int>(kPoolArgmaxMask);
          grad_bias[channel] += grad_y[element];
          for (int tap = 0; tap < Shape::kTaps; ++tap) {
            grad_weight[tap * kChannels + channel] +=
                grad_y[element] * padded(x, 2 * row + position / 2 + tap / 3 - 1,
                                         2 * column + position % 2 + tap % 3 - 1);
          }
        }
      }
    }
  }
}

}  // namespace vggroove
