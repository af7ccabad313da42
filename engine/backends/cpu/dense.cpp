#include "engine/backends/cpu/dense.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "engine/device/parallel_for.h"

namespace vggroove::cpu {
namespace {

// Rows per chunk: A's part of one depth block (96 x 2048 floats) is 0.75 MB and stays in L2.
constexpr std::size_t kChunkRows = 96;
constexpr std::size_t kBlockDepth = 2048;
// One product: a part of a panel, 32 kB, which stays in L1 while the rows pass.
constexpr std::size_t kProductDepth = 256;
static_assert(kBlockDepth % kProductDepth == 0);

// C of one panel at a time, so that its rows lie together: [outputs / 32][n][32].
void finish(const float* c, const float* biases, std::size_t n, const DenseSpec& spec, float* y) {
  for (std::size_t panel = 0; panel < spec.outputs / kPanelColumns; ++panel) {
    const float* const bias = biases + panel * kPanelColumns;
    for (std::size_t row = 0; row < n; ++row) {
      const float* const from = c + (panel * n + row) * kPanelColumns;
      float* const to = y + row * spec.outputs + panel * kPanelColumns;
      for (std::size_t j = 0; j < kPanelColumns; ++j) {
        const float sum = from[j] + bias[j];
        to[j] = spec.relu && sum < 0 ? 0.0f : sum;
      }
    }
  }
}

}  // namespace

Dense::Dense(Arithmetic arithmetic, const DenseSpec& spec, const WeightReader& weights,
             const WeightReader& biases)
    : arithmetic_(arithmetic), spec_(spec) {
  // A quarter of a megabyte is read at a time: 32 rows of up to 4096 weights.
  constexpr std::size_t kPieceRows = 32;
  if (spec.inputs == 0 || spec.inputs % kPieceRows != 0 || spec.outputs == 0 ||
      spec.outputs % kPanelColumns != 0) {
    throw Error(ErrorClass::kUsage,
                fmt::format("no dense layer for {} -> {} values; both must be multiples of 32",
                            spec.inputs, spec.outputs));
  }
  biases_ = HugeBuffer(spec.outputs * sizeof(float));
  biases(0, {biases_.as<float>(), spec.outputs});

  const std::size_t row_bytes = b_panel_bytes(arithmetic, 1);
  weights_ = HugeBuffer(spec.inputs * spec.outputs * b_element_bytes(arithmetic));
  parallel_for(spec.inputs / kPieceRows, [&](std::size_t piece) {
    const std::size_t first_row = piece * kPieceRows;
    std::vector<float> rows(kPieceRows * spec.outputs);
    weights(static_cast<std::int64_t>(first_row * spec.outputs), rows);
    const std::size_t block_start = first_row / kBlockDepth * kBlockDepth;
    const std::size_t block_depth = std::min(kBlockDepth, spec.inputs - block_start);
    for (std::size_t panel = 0; panel < spec.outputs / kPanelColumns; ++panel) {
      const std::size_t packed_rows = block_start * (spec.outputs / kPanelColumns) +
                                      panel * block_depth + (first_row - block_start);
      pack_panel(arithmetic, rows.data() + panel * kPanelColumns, spec.outputs, kPieceRows,
                 weights_.data() + packed_rows * row_bytes);
    }
  });
}

std::size_t Dense::chunk() const {
  return kChunkRows;
}

std::size_t Dense::scratch_bytes(std::size_t n) const {
  const std::size_t groups = (n + kGroupRows - 1) / kGroupRows;
  return groups * a_group_bytes(arithmetic_, spec_.inputs) + n * spec_.outputs * sizeof(float) +
         kWidenedBytes;
}

void Dense::forward(const std::byte* input, std::size_t n, std::byte* output,
                    std::byte* scratch) const {
  const std::size_t group_bytes = a_group_bytes(arithmetic_, spec_.inputs);
  std::byte* const a = scratch;
  auto* const c = reinterpret_cast<float*>(a + (n + kGroupRows - 1) / kGroupRows * group_bytes);
  float* const widened = c + n * spec_.outputs;
  pack_rows(arithmetic_, reinterpret_cast<const float*>(input), n, spec_.inputs, a);

  PanelProduct product;
  product.a_group_bytes = group_bytes;
  product.rows = n;
  product.c_stride = kPanelColumns;
  product.b = weights_.data();
  const std::byte* const end =
      product.b + spec_.inputs * spec_.outputs * b_element_bytes(arithmetic_);
  for (std::size_t block = 0; block < spec_.inputs; block += kBlockDepth) {
    const std::size_t block_end = std::min(spec_.inputs, block + kBlockDepth);
    for (std::size_t panel = 0; panel < spec_.outputs / kPanelColumns; ++panel) {
      product.c = c + panel * n * kPanelColumns;
      for (std::size_t k = block; k < block_end; k += kProductDepth) {
        product.depth = std::min(kProductDepth, block_end - k);
        product.a = a + a_group_bytes(arithmetic_, k);
        product.accumulate = k > 0;
        // The next part of the stream, in two halves; the streams end where the weights end.
        const std::byte* const next = product.b + b_panel_bytes(arithmetic_, product.depth);
        const std::size_t half = std::min(b_panel_bytes(arithmetic_, kProductDepth),
                                          static_cast<std::size_t>(end - next)) /
                                 2;
        product.prefetch[0] = {next, half};
        product.prefetch[1] = {next + half, half};
        multiply_panel(arithmetic_, product, widened);
        product.b = next;
      }
    }
  }
  finish(c, biases_.as<float>(), n, spec_, reinterpret_cast<float*>(output));
}

}  // namespace vggroove::cpu
