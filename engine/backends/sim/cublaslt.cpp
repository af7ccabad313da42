// Stands in for cuBLASLt: column-major products D = op(A) * op(B) of fp32 or bf16 with the
// epilogues for bias, ReLU and the bias' gradient, as the CUDA backend asks for them. Computed
// plainly; checked thoroughly.
#include <cublasLt.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "engine/backends/sim/numbers.h"
#include "engine/backends/sim/simulator.h"
#include "engine/backends/sim/violation.h"

using namespace vggroove::sim;

struct cublasLtContext {};

namespace {

// Algorithms that the default preference allows may rely on this.
constexpr std::size_t kAlignmentBytes = 256;
// What every algorithm of ours claims to need, so that a caller that gives none is found.
constexpr std::size_t kWorkspaceBytes = 4096;

struct Layout {
  NumberType type;
  std::size_t rows, columns;
  std::size_t bytes() const { return rows * columns * bytes_of(type); }
  friend bool operator==(const Layout&, const Layout&) = default;
};
struct Description {
  bool tf32 = false;
  std::uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void* bias = nullptr;
  bool transpose_a = false, transpose_b = false;
};
struct Preference {
  std::size_t workspace_bytes = 0;
};
// What an algorithm was chosen for; stored inside cublasLtMatmulAlgo_t.
struct Choice {
  std::size_t rows, columns, depth;
  std::uint32_t epilogue;
  bool transpose_a, transpose_b;
  friend bool operator==(const Choice&, const Choice&) = default;
};
static_assert(sizeof(Choice) <= sizeof(cublasLtMatmulAlgo_t));

NumberType number_type(cudaDataType type) {
  if (type != CUDA_R_32F && type != CUDA_R_16BF) {
    throw Violation("cuBLASLt: only fp32 and bf16 are simulated");
  }
  return type == CUDA_R_32F ? NumberType::kFp32 : NumberType::kBf16;
}

template <class T>
T read_attribute(const void* data, std::size_t bytes, const char* what) {
  if (bytes != sizeof(T)) {
    throw Violation(fmt::format("cuBLASLt: {} takes {} bytes, not {}", what, sizeof(T), bytes));
  }
  T value;
  std::memcpy(&value, data, sizeof value);
  return value;
}

template <class Body>
cublasStatus_t call(Body&& body) {
  const auto lock = Simulator::get().lock();
  if (Simulator::get().lost()) {
    return CUBLAS_STATUS_EXECUTION_FAILED;
  }
  body();
  return CUBLAS_STATUS_SUCCESS;
}

// Handles are ours behind CUDA's opaque types.
template <class Mine, class Theirs>
void create(Theirs** handle, Mine value) {
  *handle = reinterpret_cast<Theirs*>(new Mine(std::move(value)));
  ++Simulator::get().library_objects;
}
template <class Mine, class Theirs>
cublasStatus_t destroy(Theirs* handle) {
  const auto lock = Simulator::get().lock();
  delete reinterpret_cast<Mine*>(handle);
  --Simulator::get().library_objects;
  return CUBLAS_STATUS_SUCCESS;
}
template <class Mine, class Theirs>
const Mine& mine(const Theirs* handle) {
  return *reinterpret_cast<const Mine*>(handle);
}

bool has_bias(const Description& description) {
  return description.epilogue == CUBLASLT_EPILOGUE_BIAS ||
         description.epilogue == CUBLASLT_EPILOGUE_RELU_BIAS;
}

bool has_bias_gradient(const Description& description) {
  return description.epilogue == CUBLASLT_EPILOGUE_BGRADA;
}

Layout transposed(const Layout& layout, bool transpose) {
  return transpose ? Layout{layout.type, layout.columns, layout.rows} : layout;
}

Choice check_shapes(const Description& description, const Layout& a_stored, const Layout& b_stored,
                    const Layout& c, const Layout& d) {
  const Layout a = transposed(a_stored, description.transpose_a);
  const Layout b = transposed(b_stored, description.transpose_b);
  if (a.columns != b.rows || d.rows != a.rows || d.columns != b.columns || !(c == d)) {
    throw Violation(fmt::format("cublasLtMatmul: [{}, {}] times [{}, {}] is not [{}, {}]", a.rows,
                                a.columns, b.rows, b.columns, d.rows, d.columns));
  }
  if (a.type != b.type || (a.type == NumberType::kFp32 && d.type != NumberType::kFp32)) {
    throw Violation("cublasLtMatmul: no kernel takes these types together");
  }
  const bool simulated = has_bias(description) || has_bias_gradient(description) ||
                         description.epilogue == CUBLASLT_EPILOGUE_DEFAULT;
  if (!simulated) {
    throw Violation(
        fmt::format("cublasLtMatmul: epilogue {} is not simulated", description.epilogue));
  }
  if (has_bias_gradient(description) && d.type != NumberType::kFp32) {
    throw Violation("cublasLtMatmul: only fp32 gradients of biases are simulated");
  }
  Choice choice{};
  choice.rows = d.rows;
  choice.columns = d.columns;
  choice.depth = a.columns;
  choice.epilogue = description.epilogue;
  choice.transpose_a = description.transpose_a;
  choice.transpose_b = description.transpose_b;
  return choice;
}

// A matrix as its factors are multiplied: in fp32, rounded to TF32 where that is asked for.
class Factor {
 public:
  Factor(const Layout& layout, const void* data, bool tf32, bool transpose)
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
void add_products(const Factor& a, const Factor& b, const Choice& sizes, std::size_t first,
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

struct Product {
  Description description;
  Choice sizes;
  Layout a_layout, b_layout, d_layout;
  const void *a, *b;
  void* d;
  bool accumulate;
};

void multiply(const Product& p) {
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

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  return call([&] { create(handle, cublasLtContext()); });
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  return destroy<cublasLtContext>(handle);
}
const char* cublasLtGetStatusName(cublasStatus_t status) {
  return status == CUBLAS_STATUS_EXECUTION_FAILED ? "CUBLAS_STATUS_EXECUTION_FAILED"
                                                  : "CUBLAS_STATUS_INTERNAL_ERROR";
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType type,
                                          std::uint64_t rows, std::uint64_t columns,
                                          std::int64_t leading_dimension) {
  return call([&] {
    if (leading_dimension != static_cast<std::int64_t>(rows)) {
      throw Violation(
          "cuBLASLt: a leading dimension that is not the number of rows is not "
          "simulated");
    }
    create(layout, Layout{number_type(type), rows, columns});
  });
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  return destroy<Layout>(layout);
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* description,
                                        cublasComputeType_t compute, cudaDataType scale) {
  return call([&] {
    if (scale != CUDA_R_32F ||
        (compute != CUBLAS_COMPUTE_32F && compute != CUBLAS_COMPUTE_32F_FAST_TF32)) {
      throw Violation("cuBLASLt: sums must be fp32");
    }
    create(description, Description{.tf32 = compute == CUBLAS_COMPUTE_32F_FAST_TF32});
  });
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t description) {
  return destroy<Description>(description);
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t description,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void* data, std::size_t bytes) {
  return call([&] {
    auto& set = *reinterpret_cast<Description*>(description);
    if (attribute == CUBLASLT_MATMUL_DESC_EPILOGUE) {
      set.epilogue = read_attribute<std::uint32_t>(data, bytes, "the epilogue");
    } else if (attribute == CUBLASLT_MATMUL_DESC_BIAS_POINTER) {
      set.bias = read_attribute<const void*>(data, bytes, "the bias");
    } else if (attribute == CUBLASLT_MATMUL_DESC_TRANSA ||
               attribute == CUBLASLT_MATMUL_DESC_TRANSB) {
      const auto operation = read_attribute<std::int32_t>(data, bytes, "a transpose");
      if (operation != CUBLAS_OP_N && operation != CUBLAS_OP_T) {
        throw Violation("cuBLASLt: only plain and transposed factors are simulated");
      }
      const bool of_a = attribute == CUBLASLT_MATMUL_DESC_TRANSA;
      (of_a ? set.transpose_a : set.transpose_b) = operation == CUBLAS_OP_T;
    } else {
      throw Violation(fmt::format("cuBLASLt: attribute {} of a product is not simulated",
                                  static_cast<int>(attribute)));
    }
  });
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  return call([&] { create(preference, Preference()); });
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  return destroy<Preference>(preference);
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* data, std::size_t bytes) {
  return call([&] {
    if (attribute != CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES) {
      throw Violation(
          fmt::format("cuBLASLt: preference {} is not simulated", static_cast<int>(attribute)));
    }
    reinterpret_cast<Preference*>(preference)->workspace_bytes =
        read_attribute<std::size_t>(data, bytes, "the workspace limit");
  });
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t description,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int num_wanted,
                                              cublasLtMatmulHeuristicResult_t results[],
                                              int* num_found) {
  return call([&] {
    const Choice choice = check_shapes(mine<Description>(description), mine<Layout>(a),
                                       mine<Layout>(b), mine<Layout>(c), mine<Layout>(d));
    *num_found = 0;
    if (num_wanted > 0 && mine<Preference>(preference).workspace_bytes >= kWorkspaceBytes) {
      results[0] = {};
      std::memcpy(&results[0].algo, &choice, sizeof choice);
      results[0].workspaceSize = kWorkspaceBytes;
      results[0].state = CUBLAS_STATUS_SUCCESS;
      *num_found = 1;
    }
  });
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t description, const void* alpha,
                              const void* a, cublasLtMatrixLayout_t a_layout, const void* b,
                              cublasLtMatrixLayout_t b_layout, const void* beta, const void* c,
                              cublasLtMatrixLayout_t c_layout, void* d,
                              cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t* algorithm, void* workspace,
                              std::size_t workspace_bytes, cudaStream_t stream) {
  return call([&] {
    const Description product = mine<Description>(description);
    const Layout a_copy = mine<Layout>(a_layout), b_copy = mine<Layout>(b_layout),
                 d_copy = mine<Layout>(d_layout);
    const Choice choice = check_shapes(product, a_copy, b_copy, mine<Layout>(c_layout), d_copy);
    Choice chosen{};
    if (algorithm != nullptr) {
      std::memcpy(&chosen, algorithm, sizeof chosen);
    }
    if (!(chosen == choice)) {
      throw Violation("cublasLtMatmul: the algorithm was chosen for another product");
    }
    if (workspace_bytes < kWorkspaceBytes) {
      throw Violation(
          fmt::format("cublasLtMatmul: {} bytes of workspace where the algorithm asked "
                      "for {}",
                      workspace_bytes, kWorkspaceBytes));
    }
    const float old_share = *static_cast<const float*>(beta);
    if (*static_cast<const float*>(alpha) != 1 || (old_share != 0 && old_share != 1) || c != d) {
      throw Violation("cublasLtMatmul: only alpha = 1, beta = 0 or 1, C = D are simulated");
    }
    const bool wants_bias = has_bias(product) || has_bias_gradient(product);
    if (wants_bias && product.bias == nullptr) {
      throw Violation("cublasLtMatmul: its epilogue needs a bias");
    }
    for (const void* pointer : {a, b, static_cast<const void*>(d), product.bias}) {
      if (reinterpret_cast<std::uintptr_t>(pointer) % kAlignmentBytes != 0) {
        throw Violation(
            "cublasLtMatmul: a pointer is not 256-byte aligned, which its algorithm "
            "was chosen for");
      }
    }
    std::vector<Access> accesses{{a, a_copy.bytes(), false},
                                 {b, b_copy.bytes(), false},
                                 {d, d_copy.bytes(), true},
                                 {workspace, kWorkspaceBytes, true}};
    if (wants_bias) {
      accesses.push_back(
          {product.bias, d_copy.rows * bytes_of(d_copy.type), has_bias_gradient(product)});
    }
    const Product work{product, choice, a_copy, b_copy, d_copy, a, b, d, old_share != 0};
    Simulator::get().submit(stream,
                            {{"cublasLtMatmul"}, std::move(accesses), [work] { multiply(work); }});
  });
}
