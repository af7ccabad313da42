#include "engine/backends/cuda/dense.h"

#include <fmt/format.h>

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

DensePlan::Layout DensePlan::make_layout(cudaDataType type, std::size_t rows, std::size_t columns) {
  cublasLtMatrixLayout_t layout = nullptr;
  VGGROOVE_CUBLASLT(cublasLtMatrixLayoutCreate(&layout, type, rows, columns,
                                               /*ld=*/static_cast<std::int64_t>(rows)));
  return Layout(layout);
}

// cuBLAS thinks in columns: our row-major [n, outputs] is its column-major [outputs, n], so
//   y^T [outputs, n] = weight^T [outputs, inputs] * x^T [inputs, n]
// is the product as everything lies, without a transpose, and the bias runs along y^T's columns,
// which is what the epilogue adds.
DensePlan::DensePlan(const CublasLtHandle& handle, const DenseSpec& spec, std::size_t n,
                     Precision precision, const void* bias)
    : handle_(handle.get()) {
  const cudaDataType in = precision == Precision::kBf16 ? CUDA_R_16BF : CUDA_R_32F;
  const cudaDataType out = spec.relu ? in : CUDA_R_32F;
  weight_ = make_layout(in, spec.outputs, spec.inputs);
  x_ = make_layout(in, spec.inputs, n);
  y_ = make_layout(out, spec.outputs, n);

  cublasLtMatmulDesc_t description = nullptr;
  VGGROOVE_CUBLASLT(cublasLtMatmulDescCreate(&description, compute_type(precision), CUDA_R_32F));
  description_.reset(description);
  const cublasLtEpilogue_t epilogue =
      spec.relu ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_BIAS;
  VGGROOVE_CUBLASLT(cublasLtMatmulDescSetAttribute(description, CUBLASLT_MATMUL_DESC_EPILOGUE,
                                                   &epilogue, sizeof epilogue));
  VGGROOVE_CUBLASLT(cublasLtMatmulDescSetAttribute(description, CUBLASLT_MATMUL_DESC_BIAS_POINTER,
                                                   &bias, sizeof bias));

  cublasLtMatmulPreference_t preference = nullptr;
  VGGROOVE_CUBLASLT(cublasLtMatmulPreferenceCreate(&preference));
  const std::unique_ptr<cublasLtMatmulPreferenceOpaque_t, DestroyPreference> owner(preference);
  VGGROOVE_CUBLASLT(
      cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                           &kMaxWorkspaceBytes, sizeof kMaxWorkspaceBytes));
  cublasLtMatmulHeuristicResult_t found{};
  int num_found = 0;
  VGGROOVE_CUBLASLT(cublasLtMatmulAlgoGetHeuristic(handle_, description, weight_.get(), x_.get(),
                                                   y_.get(), y_.get(), preference, 1, &found,
                                                   &num_found));
  if (num_found == 0) {
    throw Error(ErrorClass::kDevice,
                fmt::format("GPU: cuBLASLt knows no way to multiply [{}, {}] by [{}, {}] in {}", n,
                            spec.inputs, spec.inputs, spec.outputs, precision_name(precision)));
  }
  algorithm_ = found.algo;
  workspace_bytes_ = found.workspaceSize;
}

void DensePlan::run(cudaStream_t stream, void* y, const void* x, const void* weight,
                    void* workspace) const {
  const float one = 1, zero = 0;
  VGGROOVE_CUBLASLT(cublasLtMatmul(handle_, description_.get(), &one, weight, weight_.get(), x,
                                   x_.get(), &zero, y, y_.get(), y, y_.get(), &algorithm_,
                                   workspace, workspace_bytes_, stream));
}

}  // namespace vggroove::cuda
