#include "engine/backends/sim/convolution.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace vggroove::sim {
namespace {

// Pixels of a row that share one pass over the weights: they are what is large.
constexpr std::int64_t kPixels = 4;

// sums [kPixels][out] += values [kPixels][in] * matrix [in, out]; a null row of values is zero.
void add_products(const float* const values[kPixels], const float* matrix, std::int64_t in,
                  std::int64_t out, std::vector<float>& partial, double* sums) {
  std::fill(partial.begin(), partial.end(), 0.0f);
  for (std::int64_t i = 0; i < in; ++i) {
    const float* const row = matrix + i * out;
    for (std::int64_t p = 0; p < kPixels; ++p) {
      const float value = values[p] == nullptr ? 0.0f : values[p][i];
      float* const to = partial.data() + p * out;
      for (std::int64_t j = 0; j < out; ++j) {
        to[j] += value * row[j];
      }
    }
  }
  for (std::int64_t j = 0; j < kPixels * out; ++j) {
    sums[j] += static_cast<double>(partial[static_cast<std::size_t>(j)]);
  }
}

// y = x * taps, taps [r, s, c, k].
void convolve_taps(const ConvolutionShape& shape, const float* x, const float* taps, float* y) {
  const std::int64_t out_h = shape.out_h(), out_w = shape.out_w();
  std::vector<double> sums(static_cast<std::size_t>(kPixels * shape.k));
  std::vector<float> partial(sums.size());
  for (std::int64_t row = 0; row < shape.n * out_h; ++row) {
    const std::int64_t n = row / out_h, oy = row % out_h;
    for (std::int64_t first = 0; first < out_w; first += kPixels) {
      std::fill(sums.begin(), sums.end(), 0.0);
      for (std::int64_t r = 0; r < shape.r; ++r) {
        const std::int64_t iy = oy + r - shape.pad_h;
        if (iy < 0 || iy >= shape.h) {
          continue;
        }
        for (std::int64_t s = 0; s < shape.s; ++s) {
          const float* values[kPixels];
          for (std::int64_t p = 0; p < kPixels; ++p) {
            const std::int64_t ix = first + p + s - shape.pad_w;
            const bool inside = ix >= 0 && ix < shape.w && first + p < out_w;
            values[p] = inside ? x + ((n * shape.h + iy) * shape.w + ix) * shape.c : nullptr;
          }
          add_products(values, taps + (r * shape.s + s) * shape.c * shape.k, shape.c, shape.k,
                       partial, sums.data());
        }
      }
      const std::int64_t count = std::min(kPixels, out_w - first);
      std::transform(sums.begin(), sums.begin() + count * shape.k,
                     y + (row * out_w + first) * shape.k,
                     [](double sum) { return static_cast<float>(sum); });
    }
  }
}

// taps [r, s, c, k] from weight [k, r, s, c].
std::vector<float> taps_of(const ConvolutionShape& shape, const float* weight) {
  const std::int64_t size = shape.r * shape.s * shape.c;
  std::vector<float> taps(static_cast<std::size_t>(size * shape.k));
  for (std::int64_t k = 0; k < shape.k; ++k) {
    for (std::int64_t i = 0; i < size; ++i) {
      taps[static_cast<std::size_t>(i * shape.k + k)] = weight[k * size + i];
    }
  }
  return taps;
}

}  // namespace

void convolve(const ConvolutionShape& shape, const float* x, const float* weight, float* y) {
  convolve_taps(shape, x, taps_of(shape, weight).data(), y);
}

// The gradient of the input is a convolution of grad_y with the filters turned by 180 degrees, and
// c and k in each other's place.
void convolve_dgrad(const ConvolutionShape& shape, const float* weight, const float* grad_y,
                    float* grad_x) {
  std::vector<float> turned(static_cast<std::size_t>(shape.r * shape.s * shape.c * shape.k));
  for (std::int64_t k = 0; k < shape.k; ++k) {
    for (std::int64_t r = 0; r < shape.r; ++r) {
      for (std::int64_t s = 0; s < shape.s; ++s) {
        const std::int64_t tap = (shape.r - 1 - r) * shape.s + shape.s - 1 - s;
        for (std::int64_t c = 0; c < shape.c; ++c) {
          turned[static_cast<std::size_t>((tap * shape.k + k) * shape.c + c)] =
              weight[((k * shape.r + r) * shape.s + s) * shape.c + c];
        }
      }
    }
  }
  const ConvolutionShape backward{shape.n,
                                  shape.out_h(),
                                  shape.out_w(),
                                  shape.k,
                                  shape.c,
                                  shape.r,
                                  shape.s,
                                  shape.r - 1 - shape.pad_h,
                                  shape.s - 1 - shape.pad_w};
  convolve_taps(backward, grad_y, turned.data(), grad_x);
}

void convolve_wgrad(const ConvolutionShape& shape, const float* x, const float* grad_y,
                    float* grad_weight) {
  const std::int64_t out_h = shape.out_h(), out_w = shape.out_w();
  std::vector<double> sums(static_cast<std::size_t>(shape.k * shape.c));
  for (std::int64_t r = 0; r < shape.r; ++r) {
    for (std::int64_t s = 0; s < shape.s; ++s) {
      std::fill(sums.begin(), sums.end(), 0.0);
      for (std::int64_t pixel = 0; pixel < shape.n * out_h * out_w; ++pixel) {
        const std::int64_t iy = pixel / out_w % out_h + r - shape.pad_h;
        const std::int64_t ix = pixel % out_w + s - shape.pad_w;
        if (iy < 0 || iy >= shape.h || ix < 0 || ix >= shape.w) {
          continue;
        }
        const std::int64_t n = pixel / (out_w * out_h);
        const float* const values = x + ((n * shape.h + iy) * shape.w + ix) * shape.c;
        for (std::int64_t k = 0; k < shape.k; ++k) {
          const double gradient = static_cast<double>(grad_y[pixel * shape.k + k]);
          double* const to = sums.data() + k * shape.c;
          for (std::int64_t c = 0; c < shape.c; ++c) {
            to[c] += gradient * static_cast<double>(values[c]);
          }
        }
      }
      for (std::int64_t k = 0; k < shape.k; ++k) {
        for (std::int64_t c = 0; c < shape.c; ++c) {
          grad_weight[((k * shape.r + r) * shape.s + s) * shape.c + c] =
              static_cast<float>(sums[static_cast<std::size_t>(k * shape.c + c)]);
        }
      }
    }
  }
}

}  // namespace vggroove::sim
