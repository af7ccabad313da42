// Stands in for cuBLASLt: column-major products D = op(A) * op(B) of fp32 or bf16 with the
// epilogues for bias, ReLU and the bias' gradient, one or many at once, as the CUDA backend asks
// for them. Checked thoroughly; computed by matrix_product.cpp.
#include <cublasLt.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>
#include <type_traits>
#include <vector>

#include "engine/backends/sim/matrix_product.h"
#include "engine/backends/sim/numbers.h"
#include "engine/backends/sim/simulator.h"
#include "engine/backends/sim/violation.h"

using namespace vggroove::sim;

using Layout = MatrixLayout;
using Description = ProductDescription;
using Choice = ProductChoice;

struct cublasLtContext {};

namespace {

// Algorithms that the default preference allows may rely on this.
constexpr std::size_t kAlignmentBytes = 256;
// So may those for many matrices at once on this of each.
constexpr std::size_t kStrideBytes = 16;
// What every algorithm of ours claims to need, so that a caller that gives none is found.
constexpr std::size_t kWorkspaceBytes = 4096;

struct Preference {
  std::size_t workspace_bytes = 0;
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

// Handles are ours behind CUDA's opaque types: addresses of live objects, of which there is one set
// for each type. Never destroyed: owners in static storage may give theirs back after any
// destructor.
template <class Mine>
std::set<const void*>& live() {
  static auto* const objects = new std::set<const void*>;
  return *objects;
}
template <class Mine, class Theirs>
void create(Theirs** handle, Mine value) {
  *handle = reinterpret_cast<Theirs*>(new Mine(std::move(value)));
  live<Mine>().insert(*handle);
  ++Simulator::get().library_objects;
}
// Throws Violation where the handle is none of this type, or was destroyed.
template <class Mine, class Theirs>
Mine& mine(Theirs* handle) {
  if (!live<Mine>().contains(handle)) {
    throw Violation("cuBLASLt: a handle or descriptor that does not exist");
  }
  return *reinterpret_cast<Mine*>(const_cast<std::remove_const_t<Theirs>*>(handle));
}
template <class Mine, class Theirs>
cublasStatus_t destroy(Theirs* handle) {
  const auto lock = Simulator::get().lock();
  Mine* const object = &mine<Mine>(handle);
  live<Mine>().erase(handle);
  delete object;
  --Simulator::get().library_objects;
  return CUBLAS_STATUS_SUCCESS;
}

Layout transposed(const Layout& layout, bool transpose) {
  return transpose ? Layout{layout.type, layout.columns, layout.rows, layout.batch, layout.stride}
                   : layout;
}

// The real library looks at no stride: results that overlap are wrong numbers.
void check_batch(const Layout& layout, std::size_t batch) {
  if (layout.batch != batch) {
    throw Violation(fmt::format("cublasLtMatmul: {} matrices of a factor, but {} of the result",
                                layout.batch, batch));
  }
  if (batch == 1) {
    return;
  }
  if (layout.stride < layout.rows * layout.columns) {
    throw Violation(fmt::format("cublasLtMatmul: matrices [{}, {}] overlap, {} elements apart",
                                layout.rows, layout.columns, layout.stride));
  }
  if (layout.stride * bytes_of(layout.type) % kStrideBytes != 0) {
    throw Violation(
        fmt::format("cublasLtMatmul: matrices that are {} elements apart are not 16-byte aligned",
                    layout.stride));
  }
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
  for (const Layout& layout : {a, b, d}) {
    check_batch(layout, d.batch);
  }
  if (d.batch > 1 && description.epilogue != CUBLASLT_EPILOGUE_DEFAULT) {
    throw Violation("cublasLtMatmul: epilogues for many matrices at once are not simulated");
  }
  Choice choice{};
  choice.rows = static_cast<std::uint32_t>(d.rows);
  choice.columns = static_cast<std::uint32_t>(d.columns);
  choice.depth = static_cast<std::uint32_t>(a.columns);
  choice.batch = static_cast<std::uint32_t>(d.batch);
  choice.epilogue = description.epilogue;
  choice.transpose_a = description.transpose_a;
  choice.transpose_b = description.transpose_b;
  return choice;
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
    create(layout, Layout{number_type(type), rows, columns, 1, 0});
  });
}
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout,
                                                cublasLtMatrixLayoutAttribute_t attribute,
                                                const void* data, std::size_t bytes) {
  return call([&] {
    auto& set = mine<Layout>(layout);
    if (attribute == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT) {
      const auto count = read_attribute<std::int32_t>(data, bytes, "the number of matrices");
      if (count < 1) {
        throw Violation("cuBLASLt: a batch of no matrices");
      }
      set.batch = static_cast<std::size_t>(count);
    } else if (attribute == CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET) {
      const auto stride = read_attribute<std::int64_t>(data, bytes, "the stride of matrices");
      if (stride < 0) {
        throw Violation("cuBLASLt: matrices in descending order are not simulated");
      }
      set.stride = static_cast<std::size_t>(stride);
    } else {
      throw Violation(fmt::format("cuBLASLt: attribute {} of a matrix is not simulated",
                                  static_cast<int>(attribute)));
    }
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
    auto& set = mine<Description>(description);
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
    mine<Preference>(preference).workspace_bytes =
        read_attribute<std::size_t>(data, bytes, "the workspace limit");
  });
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle,
                                              cublasLtMatmulDesc_t description,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int num_wanted,
                                              cublasLtMatmulHeuristicResult_t results[],
                                              int* num_found) {
  return call([&] {
    mine<cublasLtContext>(handle);
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

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t description,
                              const void* alpha, const void* a, cublasLtMatrixLayout_t a_layout,
                              const void* b, cublasLtMatrixLayout_t b_layout, const void* beta,
                              const void* c, cublasLtMatrixLayout_t c_layout, void* d,
                              cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t* algorithm, void* workspace,
                              std::size_t workspace_bytes, cudaStream_t stream) {
  return call([&] {
    mine<cublasLtContext>(handle);
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
    Operation operation{{"cublasLtMatmul"}, std::move(accesses), [work] { multiply(work); }};
    Simulator::get().submit_library_call(stream, std::move(operation));
  });
}
