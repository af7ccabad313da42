#include "engine/backends/cpu/cpu_training.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "base/error.h"
#include "engine/backends/cpu/elementwise.h"
#include "engine/backends/training_arithmetic.h"
#include "engine/device/cpu_info.h"
#include "kernels/optim/global_norm.h"

namespace vggroove::cpu {
namespace {

// Values of a parameter per piece of work: 2 MB in four arrays, and a place where a sum may be cut
// in two whatever the number of threads.
constexpr std::size_t kPieceValues = std::size_t{1} << 17;

constexpr std::size_t pieces_of(std::size_t count, std::size_t size) {
  return (count + size - 1) / size;
}

// Without the dot product of bf16 pairs bf16 would be less exact for nothing.
Arithmetic arithmetic_of(Precision precision) {
  if (precision == Precision::kFp32) {
    return Arithmetic::kFp32;
  }
  if (precision == Precision::kBf16 && cpu_info().has_bf16_dot) {
    return Arithmetic::kBf16Dot;
  }
  throw Error(ErrorClass::kUsage,
              fmt::format("this cpu does not train in {}; take fp32 (bf16 needs avx512_bf16)",
                          precision_name(precision)));
}

}  // namespace

CpuTraining::CpuTraining(unsigned num_threads, Precision precision, Communicator& processes)
    : precision_(precision),
      arithmetic_(arithmetic_of(precision)),
      processes_(processes),
      team_(num_threads > 0 ? num_threads : cpu_info().num_cores),
      scratch_(team_.num_threads()) {}

std::string CpuTraining::description() const {
  const unsigned threads = team_.num_threads();
  return fmt::format("cpu ({}, {}, {} thread{})", cpu_info().instruction_set,
                     precision_name(precision_), threads, threads == 1 ? "" : "s");
}

std::byte* CpuTraining::grown(HugeBuffer& buffer, std::size_t bytes) {
  if (buffer.bytes() < bytes) {
    buffer = HugeBuffer();  // before the larger one is there
    buffer = HugeBuffer(bytes);
  }
  return buffer.data();
}

DeviceMemory CpuTraining::allocate(std::size_t bytes) {
  // Small ones would waste most of a huge page.
  constexpr std::size_t kLarge = std::size_t{1} << 20;
  constexpr std::size_t kAlignment = 64;
  if (bytes >= kLarge) {
    auto* const buffer = new HugeBuffer(bytes);
    return {buffer->data(), bytes, [buffer] { delete buffer; }};
  }
  void* const data = ::operator new (bytes, std::align_val_t{kAlignment});
  std::memset(data, 0, bytes);
  return {data, bytes, [data] { ::operator delete (data, std::align_val_t{kAlignment}); }};
}
void CpuTraining::to_device(void* to, const void* host_from, std::size_t bytes) {
  std::memcpy(to, host_from, bytes);
}
void CpuTraining::to_host_sync(void* host_to, const void* from, std::size_t bytes) {
  std::memcpy(host_to, from, bytes);
}
void CpuTraining::fill_zero(void* to, std::size_t bytes) {
  std::memset(to, 0, bytes);
}

std::size_t CpuTraining::maxpool2x2_cache_bytes(const MaxPoolShape& shape) const {
  return shape.output_count();
}

void CpuTraining::maxpool2x2(void* y_data, void* cache, const void* x_data,
                             const MaxPoolShape& shape) {
  auto* const y = static_cast<float*>(y_data);
  const auto* const x = static_cast<const float*>(x_data);
  team_.run(shape.n * shape.height / 2, [&](std::size_t row, unsigned) {
    maxpool2x2_row(y, static_cast<std::uint8_t*>(cache), x, row, shape);
  });
}

void CpuTraining::maxpool2x2_bwd(void* grad_x_data, const void* grad_y_data, const void* cache,
                                 const MaxPoolShape& shape) {
  auto* const grad_x = static_cast<float*>(grad_x_data);
  const auto* const grad_y = static_cast<const float*>(grad_y_data);
  team_.run(shape.n * shape.height / 2, [&](std::size_t row, unsigned) {
    maxpool2x2_bwd_row(grad_x, grad_y, static_cast<const std::uint8_t*>(cache), row, shape);
  });
}

void CpuTraining::standardise(void* y_data, const void* x_data, const float* mean,
                              const float* scale, std::size_t n, std::size_t d) {
  auto* const y = static_cast<float*>(y_data);
  const auto* const x = static_cast<const float*>(x_data);
  standardise_on_host(y, x, mean, scale, n, d);
}
void CpuTraining::standardise_bwd(void* grad_x_data, const void* grad_y_data, const float* scale,
                                  std::size_t n, std::size_t d) {
  auto* const grad_x = static_cast<float*>(grad_x_data);
  const auto* const grad_y = static_cast<const float*>(grad_y_data);
  standardise_bwd_on_host(grad_x, grad_y, scale, n, d);
}
void CpuTraining::dropout(void* values_data, const DropoutBatch* batch, std::size_t count,
                          const DropoutParams& params) {
  dropout_on_host(static_cast<float*>(values_data), *batch, count, params);
}
void CpuTraining::softmax_cross_entropy(float* losses, void* grad_logits_data,
                                        const void* logits_data, const float* targets,
                                        std::size_t n, std::size_t k) {
  auto* const grad_logits = static_cast<float*>(grad_logits_data);
  const auto* const logits = static_cast<const float*>(logits_data);
  softmax_cross_entropy_on_host(losses, grad_logits, logits, targets, n, k);
}

void CpuTraining::add_squares(double* total, const float* gradient, std::size_t count) {
  std::vector<double> sums(pieces_of(count, kPieceValues));
  team_.run(sums.size(), [&](std::size_t piece, unsigned) {
    const std::size_t first = piece * kPieceValues;
    sums[piece] = sum_of_squares_part(gradient + first, std::min(kPieceValues, count - first));
  });
  for (const double sum : sums) {
    *total += sum;
  }
}

void CpuTraining::clip_factor(float* factor, const double* total, double max_norm) {
  *factor = static_cast<float>(clip_factor_ref(*total, max_norm));
}

void CpuTraining::adamw(float* parameters, float* first_moment, float* second_moment,
                        const float* gradient, const float* factor, std::size_t count,
                        const void* step_data, const AdamWRule& rule) {
  const auto& step = *static_cast<const OptimiserStep*>(step_data);
  const float scale = factor != nullptr ? *factor : 1;
  team_.run(pieces_of(count, kPieceValues), [&](std::size_t piece, unsigned) {
    const std::size_t i = piece * kPieceValues;
    adamw_part(parameters + i, first_moment + i, second_moment + i, gradient + i, scale,
               std::min(kPieceValues, count - i), step, rule);
  });
}

void CpuTraining::sgd(float* parameters, float* momentum, const float* gradient,
                      const float* factor, std::size_t count, const void* step_data,
                      const SgdRule& rule) {
  const auto& step = *static_cast<const OptimiserStep*>(step_data);
  const float scale = factor != nullptr ? *factor : 1;
  team_.run(pieces_of(count, kPieceValues), [&](std::size_t piece, unsigned) {
    const std::size_t i = piece * kPieceValues;
    sgd_part(parameters + i, momentum + i, gradient + i, scale, std::min(kPieceValues, count - i),
             step, rule);
  });
}

// Parts of a fixed number of rows are summed by any thread, the parts in ascending order.
void CpuTraining::sum_over_rows(float* sums, const float* values, std::size_t rows,
                                std::size_t columns, GradientMode mode) {
  constexpr std::size_t kPartRows = 512;
  const std::size_t num_parts = pieces_of(rows, kPartRows);
  std::vector<float> parts(num_parts * columns), total(columns);
  team_.run(num_parts, [&](std::size_t part, unsigned) {
    const std::size_t first = part * kPartRows;
    sum_rows(parts.data() + part * columns, values + first * columns,
             std::min(kPartRows, rows - first), columns);
  });
  sum_rows(total.data(), parts.data(), num_parts, columns);
  for (std::size_t i = 0; i < columns; ++i) {
    sums[i] = total[i] + (mode == GradientMode::kAccumulate ? sums[i] : 0);
  }
}

}  // namespace vggroove::cpu
