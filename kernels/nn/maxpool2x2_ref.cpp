#include <algorithm>

#include "kernels/nn/maxpool2x2.h"
#include "kernels/nn/pool_codes.h"

namespace vggroove {
namespace {

// Calls visit(pooled element, channel, index of the window's upper left element in x).
template <class Visit>
void for_each_window(const Pool2x2Shape& shape, Visit visit) {
  std::int64_t element = 0;
  for (std::int64_t row = 0; row < shape.examples * shape.height; row += 2) {
    for (int column = 0; column < shape.width; column += 2) {
      for (int channel = 0; channel < shape.channels; ++channel, ++element) {
        visit(element, channel, (row * shape.width + column) * shape.channels + channel);
      }
    }
  }
}

std::int64_t offset(unsigned position, const Pool2x2Shape& shape) {
  return static_cast<std::int64_t>(position / 2 * shape.width + position % 2) * shape.channels;
}

}  // namespace

void maxpool2x2_ref(double* y, std::uint8_t* codes, const double* x, const double* bias,
                    const Pool2x2Shape& shape) {
  std::fill_n(codes, pool_code_bytes(shape.pooled_size()), std::uint8_t{0});
  for_each_window(shape, [&](std::int64_t element, int channel, std::int64_t first) {
    unsigned argmax = 0;
    for (unsigned position = 1; position < 4; ++position) {
      if (x[first + offset(position, shape)] > x[first + offset(argmax, shape)]) {
        argmax = position;
      }
    }
    const double maximum = x[first + offset(argmax, shape)] + bias[channel];
    y[element] = std::max(maximum, 0.0);
    const unsigned code = maximum > 0 ? argmax | kPoolOpen : argmax;
    codes[element / 2] |= static_cast<std::uint8_t>(code << (element % 2 * kPoolCodeBits));
  });
}

void maxpool2x2_bwd_ref(double* grad_x, double* grad_bias, const double* grad_y,
                        const std::uint8_t* codes, const Pool2x2Shape& shape) {
  std::fill_n(grad_x, shape.input_size(), 0.0);
  std::fill_n(grad_bias, shape.channels, 0.0);
  for_each_window(shape, [&](std::int64_t element, int channel, std::int64_t first) {
    const unsigned code = pool_code(codes, element);
    if ((code & kPoolOpen) != 0) {
      grad_x[first + offset(code & kPoolArgmaxMask, shape)] = grad_y[element];
      grad_bias[channel] += grad_y[element];
    }
  });
}

}  // namespace vggroove
