// Stands in for cuBLASLt: column-major products D = A * B of fp32 or bf16 with the bias and ReLU
// epilogues, as the CUDA backend asks for them. Computed plainly; checked thoroughly.
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
};
struct Preference {
  std::size_t workspace_bytes = 0;
};
// What an algorithm was chosen for; stored inside cublasLtMatmulAlgo_t.
struct Choice {
  std::size_t rows, columns, depth;
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

Choice check_shapes(const Description& description, const Layout& a, const Layout& b,
                    const Layout& c, const Layout& d) {
  if (a.columns != b.rows || d.rows != a.rows || d.columns != b.columns || !(c == d)) {
    throw Violation(fmt::format("cublasLtMatmul: [{}, {}] times [{}, {}] is not [{}, {}]", a.rows,
                                a.columns, b.rows, b.columns, d.rows, d.columns));
  }
  if (a.type != b.type || (a.type == NumberType::kFp32 && d.type != NumberType::kFp32)) {
    throw Violation("cublasLtMatmul: no kernel takes these types together");
  }
  const bool simulated = has_bias(description) || description.epilogue == CUBLASLT_EPILOGUE_DEFAULT;
  if (!simulated) {
    throw Violation(
        fmt::format("cublasLtMatmul: epilogue {} is not simulated", description.epilogue));
  }
  return {d.rows, d.columns, a.columns};
}

// d [columns][rows] = sum over depth of a [depth][rows] * b [columns][depth], in double.
void multiply(const Description& description, const Layout& a_layout, const void* a,
              const Layout& b_layout, const void* b, const Layout& d_layout, void* d) {
  const std::size_t rows = d_layout.rows, depth = a_layout.columns;
  const auto rounded = [&](float value) { return description.tf32 ? to_tf32(value) : value; };
  // All columns share one pass over a, the weights, which are much larger than everything else.
  std::vector<double> sums(d_layout.columns * rows);
  std::vector<float> a_column(rows);
  for (std::size_t k = 0; k < depth; ++k) {
    for (std::size_t i = 0; i < rows; ++i) {
      a_column[i] = rounded(load_number(a_layout.type, a, k * rows + i));
    }
    for (std::size_t j = 0; j < d_layout.columns; ++j) {
      const double factor = rounded(load_number(b_layout.type, b, j * depth + k));
      double* const column = sums.data() + j * rows;
      for (std::size_t i = 0; i < rows && factor != 0; ++i) {
        column[i] += factor * static_cast<double>(a_column[i]);
      }
    }
  }
  const bool relu = description.epilogue == CUBLASLT_EPILOGUE_RELU_BIAS;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    float value = static_cast<float>(sums[i]);
    if (has_bias(description)) {
      value += load_number(d_layout.type, description.bias, i % rows);
    }
    store_number(d_layout.type, d, i, relu && value < 0 ? 0.0f : value);
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
    if (algorithm == nullptr || std::memcmp(algorithm, &choice, sizeof choice) != 0) {
      throw Violation("cublasLtMatmul: the algorithm was chosen for another product");
    }
    if (workspace_bytes < kWorkspaceBytes) {
      throw Violation(
          fmt::format("cublasLtMatmul: {} bytes of workspace where the algorithm asked "
                      "for {}",
                      workspace_bytes, kWorkspaceBytes));
    }
    if (*static_cast<const float*>(alpha) != 1 || *static_cast<const float*>(beta) != 0 || c != d) {
      throw Violation("cublasLtMatmul: only alpha = 1, beta = 0, C = D are simulated");
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
    if (has_bias(product)) {
      accesses.push_back({product.bias, d_copy.rows * bytes_of(d_copy.type), false});
    }
    Simulator::get().submit(stream, {{"cublasLtMatmul"}, std::move(accesses), [=] {
                                       multiply(product, a_copy, a, b_copy, b, d_copy, d);
                                     }});
  });
}
