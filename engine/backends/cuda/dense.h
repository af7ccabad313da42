#pragma once

#include <cublasLt.h>

#include <cstddef>
#include <memory>

#include "engine/backends/backend.h"
#include "engine/device/device.h"

namespace vggroove::cuda {

class CublasLtHandle {
 public:
  CublasLtHandle();
  cublasLtHandle_t get() const { return handle_.get(); }

 private:
  struct Destroy {
    void operator()(cublasLtHandle_t handle) const { cublasLtDestroy(handle); }
  };
  std::unique_ptr<cublasLtContext, Destroy> handle_;
};

// One dense layer for a fixed number of examples: y [n, outputs] = x [n, inputs] * weight [inputs,
// outputs] + bias, then ReLU where the spec asks for it, in one product with its epilogue.
// x, weight and bias are fp32, or bf16 with Precision::kBf16; so is y, but for a layer without
// ReLU, the last, whose y and bias are fp32. Sums are fp32 always. fp32 is fp32
// (CUBLAS_COMPUTE_32F), tf32 must be asked for.
class DensePlan {
 public:
  // `bias` on the device, as long as the plan. Throws Error(kDevice) where cuBLASLt knows no way.
  DensePlan(const CublasLtHandle& handle, const DenseSpec& spec, std::size_t n, Precision precision,
            const void* bias);

  std::size_t workspace_bytes() const { return workspace_bytes_; }
  // Pointers are 256-byte aligned; workspace [workspace_bytes()].
  void run(cudaStream_t stream, void* y, const void* x, const void* weight, void* workspace) const;

 private:
  struct DestroyDescription {
    void operator()(cublasLtMatmulDesc_t description) const {
      cublasLtMatmulDescDestroy(description);
    }
  };
  struct DestroyLayout {
    void operator()(cublasLtMatrixLayout_t layout) const { cublasLtMatrixLayoutDestroy(layout); }
  };
  using Layout = std::unique_ptr<cublasLtMatrixLayoutOpaque_t, DestroyLayout>;

  static Layout make_layout(cudaDataType type, std::size_t rows, std::size_t columns);

  cublasLtHandle_t handle_;
  std::unique_ptr<cublasLtMatmulDescOpaque_t, DestroyDescription> description_;
  Layout weight_, x_, y_;
  cublasLtMatmulAlgo_t algorithm_{};
  std::size_t workspace_bytes_ = 0;
};

}  // namespace vggroove::cuda
