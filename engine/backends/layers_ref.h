#pragma once

#include "engine/backends/backend.h"

namespace vggroove {

// References of the layers: double precision, direct, no blocking. NHWC.
//   weights [3, 3, in, out], biases [out]; input [n, h, w, in] -> output [n, h, w, out] or, with
//   max_pool, [n, h/2, w/2, out]
void conv3x3_ref(const Conv3x3Spec& spec, const double* weights, const double* biases,
                 const double* input, std::size_t n, double* output);

//   weights [inputs, outputs], biases [outputs]; input [n, inputs] -> output [n, outputs]
void dense_ref(const DenseSpec& spec, const double* weights, const double* biases,
               const double* input, std::size_t n, double* output);

}  // namespace vggroove
