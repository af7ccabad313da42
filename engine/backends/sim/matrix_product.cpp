#include "engine/backends/sim/matrix_product.h"

#include <algorithm>
#include <vector>

namespace vggroove::sim {
namespace {

// A matrix as its factors are multiplied: in fp32, rounded to TF32 where that is asked for.
class Factor {
 public:
  Factor(const MatrixLayout& layout, const void* data, bool tf32, bool transpose)
      : stride_(layout.rows), transpose_(transpose) {
    if (layout.type == NumberType::kFp32 && !tf32) {
      values_ = static_cast<const float*>(data);
      return;
    }
    converted_.resize(layout.rows * layout.columns);
    for (std::size_t i = 0; i < converted_.size(); ++i) {
      const float value = load_number(layout.type, data, i);
      converted_[i] = tf32 ? to_tf32(value) : value;
    }
    values_ = converted_.data();
  }
  double at(std::size_t row, std::size_t column) const {
    return static_cast<double>(transpose_ ? values_[row * stride_ + column]
                                          : values_[column * stride_ + row]);
  }
  bool is_transposed() const { return transpose_; }
  const float* line(std::size_t i) const { return values_ + i * stride_; }  // of what is stored

 private:
  const float* values_ = nullptr;
  std::vector<float> converted_;
  std::size_t stride_;
  bool transpose_;
};

// sums [columns of b, rows of a] of the columns [first, first + count) of op(b), in double.
void add_products(const Factor& a, const Factor& b, const ProductChoice& sizes, std::size_t first,
                  std::size_t count, std::vector<double>& sums) {
  const std::size_t rows = sizes.rows, depth = sizes.depth;
  sums.assign(count * rows, 0.0);
  if (a.is_transposed()) {  // rows lie in one piece
    std::vector<double> factors(depth * count);
    for (std::size_t j = 0; j < count; ++j) {
      for (std::size_t k = 0; k < depth; ++k) {
        factors[j * depth + k] = b.at(k, first + j);
      }
    }
    for (std::size_t i = 0; i < rows; ++i) {
      const float* const row = a.line(i);
      for (std::size_t j = 0; j < count; ++j) {
        const double* const column = factors.data() + j * depth;
        double sum = 0;
        for (std::size_t k = 0; k < depth; ++k) {
          sum += static_cast<double>(row[k]) * column[k];
        }
        sums[j * rows + i] = sum;
      }
    }
    return;
  }
  for (std::size_t k = 0; k < depth; ++k) {
    const float* const a_column = a.line(k);
    for (std::size_t j = 0; j < count; ++j) {
      const double factor = b.at(k, first + j);
      double* const column = sums.data() + j * rows;
      for (std::size_t i = 0; i < rows && factor != 0; ++i) {
        column[i] += factor * static_cast<double>(a_column[i]);
      }
    }
  }
}

void multiply_one(const Product& p) {
  const Factor a(p.a_layout, p.a, p.description.tf32, p.description.transpose_a);
  const Factor b(p.b_layout, p.b, p.description.tf32, p.description.transpose_b);
  // Columns that share a pass over a: their sums stay in the caches, and an a that is large, the
  // weights, is read a few times only.
  constexpr std::size_t kColumns = 16;
  const std::size_t rows = p.sizes.rows, columns = p.sizes.columns;
  const bool relu = p.description.epilogue == CUBLASLT_EPILOGUE_RELU_BIAS;
  std::vector<double> sums;
  for (std::size_t first = 0; first < columns; first += kColumns) {
    add_products(a, b, p.sizes, first, std::min(kColumns, columns - first), sums);
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const std::size_t place = first * rows + i;
      float value = static_cast<float>(sums[i]);
      if (p.accumulate) {
        value += load_number(p.d_layout.type, p.d, place);
      }
      if (has_bias(p.description)) {
        value += load_number(p.d_layout.type, p.description.bias, i % rows);
      }
      store_number(p.d_layout.type, p.d, place, relu && value < 0 ? 0.0f : value);
    }
  }
  if (has_bias_gradient(p.description)) {
    auto* const gradient = static_cast<float*>(const_cast<void*>(p.description.bias));
    for (std::size_t i = 0; i < rows; ++i) {
      double sum = 0;
      for (std::size_t k = 0; k < p.sizes.depth; ++k) {
        sum += a.at(i, k);
      }
      gradient[i] = static_cast<float>(sum);
    }
  }
}

}  // namespace

void multiply(const Product& all) {
  for (std::size_t matrix = 0; matrix < all.sizes.batch; ++matrix) {
    Product one = all;
    one.a = static_cast<const std::byte*>(all.a) + all.a_layout.offset_bytes(matrix);
    one.b = static_cast<const std::byte*>(all.b) + all.b_layout.offset_bytes(matrix);
    one.d = static_cast<std::byte*>(all.d) + all.d_layout.offset_bytes(matrix);
    multiply_one(one);
  }
}

}  // namespace vggroove::sim
