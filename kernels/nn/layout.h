#pragma once

#include <cstdint>

#include "kernels/common/stream.h"

namespace vggroove {

// Changes of type and of order. In and Out are float or BFloat16 in any combination; fp32 -> bf16
// rounds to nearest even. Pointers are device memory; input and output do not overlap.

// out [count] = in [count]; 16-byte aligned.
template <class Out, class In>
void cast(Stream stream, Out* out, const In* in, std::int64_t count);

// out [batch, columns, rows] = in [batch, rows, columns] transposed.
template <class Out, class In>
void transpose(Stream stream, Out* out, const In* in, std::int64_t batch, int rows, int columns);

// The reorders that the network needs are transposes of flattened tensors.

// Images [n, c, h, w] -> [n, h, w, c] and back.
template <class Out, class In>
void nchw_to_nhwc(Stream stream, Out* out, const In* in, std::int64_t n, int c, int h, int w) {
  transpose(stream, out, in, n, c, h * w);
}
template <class Out, class In>
void nhwc_to_nchw(Stream stream, Out* out, const In* in, std::int64_t n, int h, int w, int c) {
  transpose(stream, out, in, n, h * w, c);
}

// Convolution weights of a model file [3, 3, in, out] (HWIO) -> [out, 3, 3, in] (KRSC, the filters
// of cuDNN's NHWC) and their gradients back.
template <class Out, class In>
void hwio_to_krsc(Stream stream, Out* krsc, const In* hwio, int taps, int in, int out) {
  transpose(stream, krsc, hwio, 1, taps * in, out);
}
template <class Out, class In>
void krsc_to_hwio(Stream stream, Out* hwio, const In* krsc, int taps, int in, int out) {
  transpose(stream, hwio, krsc, 1, out, taps * in);
}

// Reference: moves doubles.
void transpose_ref(double* out, const double* in, std::int64_t batch, int rows, int columns);

}  // namespace vggroove
