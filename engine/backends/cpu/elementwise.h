#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/backends/training_backend.h"

// The operations of training that pass over memory once, each for one part of the whole: their
// callers divide the work. Arrays at float alignment, any count.
namespace vggroove::cpu {

void adamw_part(float* parameters, float* first_moment, float* second_moment, const float* gradient,
                float factor, std::size_t count, const OptimiserStep& step, const AdamWRule& rule);
void sgd_part(float* parameters, float* momentum, const float* gradient, float factor,
              std::size_t count, const OptimiserStep& step, const SgdRule& rule);
// Sums of 2^12 values are made in fp32, their total in double.
double sum_of_squares_part(const float* values, std::size_t count);

// Output row `row` (of n h / 2) of the pool; places [w/2, c] receives which of the four it was, or
// 4 where none was above 0.
void maxpool2x2_row(float* y, std::uint8_t* places, const float* x, std::size_t row,
                    const MaxPoolShape& shape);
void maxpool2x2_bwd_row(float* grad_x, const float* grad_y, const std::uint8_t* places,
                        std::size_t row, const MaxPoolShape& shape);

// sums [columns] = the sum of the rows of values [rows, columns], in ascending order
void sum_rows(float* sums, const float* values, std::size_t rows, std::size_t columns);

// grad [count] in place: 0 where x is 0
void mask_part(float* grad, const float* x, std::size_t count);

}  // namespace vggroove::cpu
