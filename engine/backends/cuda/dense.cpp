#include "engine/backends/cuda/dense.h"

#include <fmt/format.h>

#include <tuple>
#include <utility>

#include "engine/backends/cuda/check.h"

namespace vggroove::cuda {
namespace {

// What NVIDIA recommends for Hopper; algorithms that split the inputs among blocks need it.
constexpr std::size_t kMaxWorkspaceBytes = std::size_t{32} << 20;

cublasComputeType_t compute_type(Precision precision) {
  return precision == Precision::kTf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
}

struct DestroyPreference {
  void operator()(cublasLtMatmulPreference_t preference) const {
    cublasLtMatmulPreferenceDestroy(preference);
  }
};

}  // namespace

CublasLtHandle::CublasLtHandle() {
  cublasLtHandle_t handle = nullptr;
  VGGROOVE_CUBLASLT(cublasLtCreate(&handle));
  handle_.reset(handle);
}

DensePlan::Layout DensePlan::make_layout(cudaDataType type, std::size_t rows, std::size_t columns,
                                         std::size_t layers, std::size_t stride) {
  cublasLtMatrixLayout_t layout = nullptr;
  VGGROOVE_CUBLASLT(cublasLtMatrixLayoutCreate(&layout, type, rows, columns,
                                               /*ld=*/static_cast<std::int64_t>(rows)));
  Layout owner(layout);
  if (layers > 1) {
    const auto count = static_cast<std::int32_t>(layers);
    const auto distance = static_cast<std::int64_t>(stride);
    VGGROOVE_CUBLASLT(cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT,
                                                       &count, sizeof count));
    VGGROOVE_CUBLASLT(cublasLtMatrixLayoutSetAttribute(
        layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &distance, sizeof distance));
  }
  return owner;
}

template <class T>
void DensePlan::set(cublasLtMatmulDescAttributes_t attribute, const T& value) const {
  VGGROOVE_CUBLASLT(
      cublasLtMatmulDescSetAttribute(description_.get(), attribute, &value, sizeof value));
}

// cuBLAS thinks in columns: our row-major [n, outputs] is its column-major [outputs, n]. So the
// right operand comes first, and
//   y^T [outputs, n]                = weight^T [outputs, inputs] * x^T [inputs, n]
//   grad_x^T [inputs, n]            = (weight^T)^T [inputs, outputs] * grad_y^T [outputs, n]
//   grad_weight^T [outputs, inputs] = grad_y^T [outputs, n] * (x^T)^T [n, inputs]
// The bias runs along y^T's columns, which is what the epilogue adds; its gradient is the sum of
// the first factor over the examples, BGRADA.
void DensePlan::describe(const DenseProduct& product) {
  using Pass = DenseProduct::Pass;
  const cudaDataType in = product.precision == Precision::kBf16 ? CUDA_R_16BF : CUDA_R_32F;
  const cudaDataType out = product.bf16_output ? CUDA_R_16BF : CUDA_R_32F;
  const auto [pass, n, inputs, outputs] =
      std::tuple(product.pass, product.n, product.inputs, product.outputs);
  const std::size_t layers = product.layers, of_weight = product.weight_stride;
  const std::size_t of_x = n * inputs, of_y = n * outputs;
  right_ = make_layout(in, outputs, pass == Pass::kWgrad ? n : inputs, layers,
                       pass == Pass::kWgrad ? of_y : of_weight);
  left_ = make_layout(in, pass == Pass::kDgrad ? outputs : inputs, n, layers,
                      pass == Pass::kDgrad ? of_y : of_x);
  result_ =
      make_layout(out, pass == Pass::kDgrad ? inputs : outputs, pass == Pass::kWgrad ? inputs : n,
                  layers, pass == Pass::kFprop ? of_y : (pass == Pass::kDgrad ? of_x : of_weight));

  cublasLtMatmulDesc_t description = nullptr;
  VGGROOVE_CUBLASLT(
      cublasLtMatmulDescCreate(&description, compute_type(product.precision), CUDA_R_32F));
  description_.reset(description);
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  if (pass == Pass::kFprop && product.bias) {
    epilogue = product.relu ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_BIAS;
  } else if (product.grad_bias) {
    epilogue = CUBLASLT_EPILOGUE_BGRADA;
  }
  set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue);
  if (pass == Pass::kDgrad) {
    set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
  } else if (pass == Pass::kWgrad) {
    set(CUBLASLT_MATMUL_DESC_TRANSB, CUBLAS_OP_T);
  }
}

bool DensePlan::choose_algorithm() {
  cublasLtMatmulPreference_t preference = nullptr;
  VGGROOVE_CUBLASLT(cublasLtMatmulPreferenceCreate(&preference));
  const std::unique_ptr<cublasLtMatmulPreferenceOpaque_t, DestroyPreference> owner(preference);
  VGGROOVE_CUBLASLT(
      cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                           &kMaxWorkspaceBytes, sizeof kMaxWorkspaceBytes));
  cublasLtMatmulHeuristicResult_t found{};
  int num_found = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
      handle_, description_.get(), right_.get(), left_.get(), result_.get(), result_.get(),
      preference, 1, &found, &num_found);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED) {  // an answer, not a failure
    return false;
  }
  VGGROOVE_CUBLASLT(status);
  algorithm_ = found.algo;
  workspace_bytes_ = found.workspaceSize;
  return num_found > 0;
}

std::optional<DensePlan> DensePlan::find(const CublasLtHandle& handle,
                                         const DenseProduct& product) {
  DensePlan plan;
  plan.handle_ = handle.get();
  plan.describe(product);
  return plan.choose_algorithm() ? std::optional(std::move(plan)) : std::nullopt;
}

Error dense_plan_missing(const DenseProduct& product) {
  return Error(
      ErrorClass::kDevice,
      fmt::format("GPU: cuBLASLt knows no way to compute {} examples of a dense layer "
                  "with {} inputs and {} outputs in {}",
                  product.n, product.inputs, product.outputs, precision_name(product.precision)));
}

DensePlan::DensePlan(const CublasLtHandle& handle, const DenseProduct& product) {
  std::optional<DensePlan> found = find(handle, product);
  if (!found) {
    throw dense_plan_missing(product);
  }
  *this = std::move(*found);
}

void DensePlan::run(cudaStream_t stream, const Operands& operands, void* workspace,
                    bool accumulate) const {
  const float one = 1, old_share = accumulate ? 1 : 0;
  if (operands.bias != nullptr) {
    set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, operands.bias);
  }
  VGGROOVE_CUBLASLT(cublasLtMatmul(handle_, description_.get(), &one, operands.right, right_.get(),
                                   operands.left, left_.get(), &old_share, operands.result,
                                   result_.get(), operands.result, result_.get(), &algorithm_,
                                   workspace, workspace_bytes_, stream));
}

}  // namespace vggroove::cuda
