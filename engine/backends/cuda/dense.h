#pragma once

#include <cublasLt.h>

#include <cstddef>
#include <memory>
#include <optional>

#include "base/error.h"
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

// A product of a dense layer, for a fixed number n of examples:
//   kFprop: y [n, outputs] = x [n, inputs] * weight [inputs, outputs] + bias, then ReLU
//   kDgrad: grad_x [n, inputs] = grad_y [n, outputs] * weight^T
//   kWgrad: grad_weight [inputs, outputs] = x^T * grad_y, with it the bias' gradient
// Factors are fp32, or bf16 with Precision::kBf16; so are results with bf16_output, else fp32.
// A bias has the type of the result. Sums are fp32 always. fp32 is fp32 (CUBLAS_COMPUTE_32F), tf32
// must be asked for.
struct DenseProduct {
  enum class Pass { kFprop, kDgrad, kWgrad };
  Pass pass = Pass::kFprop;
  std::size_t n = 0, inputs = 0, outputs = 0;
  Precision precision = Precision::kFp32;
  bool bias = true;          // kFprop; false: no ReLU either
  bool relu = false;         // kFprop
  bool bf16_output = false;  // with Precision::kBf16
  bool grad_bias = false;    // kWgrad
  // So many such products at once, of as many layers: their x, grad_x, y and grad_y follow one
  // another, their weights (and grad_weights) are weight_stride elements apart. Without biases.
  // Every distance is a multiple of 16 bytes.
  std::size_t layers = 1;
  std::size_t weight_stride = 0;
};

// What to throw where cuBLASLt knows no way to compute it.
Error dense_plan_missing(const DenseProduct& product);

class DensePlan {
 public:
  // Throws Error(kDevice) where cuBLASLt knows no way.
  DensePlan(const CublasLtHandle& handle, const DenseProduct& product);
  // Nothing where it knows none.
  static std::optional<DensePlan> find(const CublasLtHandle& handle, const DenseProduct& product);

  std::size_t workspace_bytes() const { return workspace_bytes_; }

  struct Operands {
    void* result;       // y, grad_x or grad_weight
    const void* left;   // x, grad_y or x
    const void* right;  // weight, weight or grad_y
    void* bias;         // bias, nothing or grad_bias [outputs]
  };
  // Pointers are 256-byte aligned; workspace [workspace_bytes()]. With `accumulate` the product is
  // added to what the result holds. Used by one thread at a time.
  void run(cudaStream_t stream, const Operands& operands, void* workspace,
           bool accumulate = false) const;

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

  DensePlan() = default;
  void describe(const DenseProduct& product);
  bool choose_algorithm();
  static Layout make_layout(cudaDataType type, std::size_t rows, std::size_t columns,
                            std::size_t layers, std::size_t stride);
  template <class T>
  void set(cublasLtMatmulDescAttributes_t attribute, const T& value) const;

  cublasLtHandle_t handle_ = nullptr;
  std::unique_ptr<cublasLtMatmulDescOpaque_t, DestroyDescription> description_;
  Layout right_, left_, result_;
  cublasLtMatmulAlgo_t algorithm_{};
  std::size_t workspace_bytes_ = 0;
};

}  // namespace vggroove::cuda
