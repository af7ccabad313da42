#include "engine/backends/layers_ref.h"

#include <algorithm>
#include <vector>

namespace vggroove {
namespace {

// sums [out] += weights [in, out] applied to values [in].
void add_product(const double* weights, const double* values, std::size_t in, std::size_t out,
                 double* sums) {
  for (std::size_t i = 0; i < in; ++i) {
    for (std::size_t j = 0; j < out; ++j) {
      sums[j] += values[i] * weights[i * out + j];
    }
  }
}

}  // namespace

void conv3x3_ref(const Conv3x3Spec& spec, const double* weights, const double* biases,
                 const double* input, std::size_t n, double* output) {
  const std::size_t height = spec.height, width = spec.width;
  const std::size_t in = spec.in_channels, out = spec.out_channels;
  const std::size_t shrink = spec.max_pool ? 2 : 1;
  std::vector<double> sums(out);
  // After ReLU every value is at least 0, so the maximum over a pool may start there.
  std::fill_n(output, n * (height / shrink) * (width / shrink) * out, 0.0);
  for (std::size_t example = 0; example < n; ++example) {
    for (std::size_t y = 0; y < height; ++y) {
      for (std::size_t x = 0; x < width; ++x) {
        std::copy_n(biases, out, sums.begin());
        for (std::size_t r = 0; r < 3; ++r) {
          for (std::size_t s = 0; s < 3; ++s) {
            const std::size_t row = y + r, column = x + s;  // one more than the pixel's
            if (row >= 1 && row <= height && column >= 1 && column <= width) {
              add_product(weights + (r * 3 + s) * in * out,
                          input + ((example * height + row - 1) * width + column - 1) * in, in, out,
                          sums.data());
            }
          }
        }
        double* const to =
            output +
            ((example * (height / shrink) + y / shrink) * (width / shrink) + x / shrink) * out;
        for (std::size_t j = 0; j < out; ++j) {
          to[j] = std::max(to[j], sums[j]);
        }
      }
    }
  }
}

void dense_ref(const DenseSpec& spec, const double* weights, const double* biases,
               const double* input, std::size_t n, double* output) {
  for (std::size_t example = 0; example < n; ++example) {
    double* const sums = output + example * spec.outputs;
    std::copy_n(biases, spec.outputs, sums);
    add_product(weights, input + example * spec.inputs, spec.inputs, spec.outputs, sums);
    for (std::size_t j = 0; spec.relu && j < spec.outputs; ++j) {
      sums[j] = std::max(sums[j], 0.0);
    }
  }
}

}  // namespace vggroove
