// Dense layers of CudaTraining. Bias and ReLU go with the forward product, the bias' gradient with
// that of the weights. The ReLU's backward pass is a kernel of ours: cuBLASLt's DRELU wants a bit
// mask that the forward product would have to leave behind, to save one pass over [n, inputs].
#include "engine/backends/cuda/training.h"

namespace vggroove::cuda {
namespace {

using Pass = DenseProduct::Pass;

// bf16 where activations are: a weight gradient is fp32 always.
DenseProduct product_of(Pass pass, const DenseShape& shape, Precision precision) {
  return {.pass = pass,
          .n = shape.n,
          .inputs = shape.in,
          .outputs = shape.out,
          .precision = precision,
          .bf16_output = precision == Precision::kBf16 && pass != Pass::kWgrad};
}

}  // namespace

void CudaTraining::dense_weights_to_device(float* to, const float* host_from,
                                           const DenseShape& shape) {
  to_device(to, host_from, shape.in * shape.out * sizeof(float));
}
void CudaTraining::dense_weights_to_host_sync(float* host_to, const float* from,
                                              const DenseShape& shape) {
  to_host_sync(host_to, from, shape.in * shape.out * sizeof(float));
}

const DensePlan* CudaTraining::find_dense_plan(const DenseProduct& product) {
  const std::array<std::size_t, 6> key{static_cast<std::size_t>(product.pass),
                                       product.n,
                                       product.inputs,
                                       product.outputs,
                                       static_cast<std::size_t>(product.relu),
                                       static_cast<std::size_t>(product.grad_bias)};
  auto found = dense_plans_.find(key);
  if (found == dense_plans_.end()) {
    found = dense_plans_.emplace(key, DensePlan::find(cublaslt_, product)).first;
  }
  return found->second ? &*found->second : nullptr;
}

void CudaTraining::run_dense(const DenseProduct& product, const DensePlan::Operands& operands,
                             bool accumulate) {
  const DensePlan* const plan = find_dense_plan(product);
  if (plan == nullptr) {
    throw dense_plan_missing(product);
  }
  plan->run(stream_.get(), operands, scratch(kWorkspace, plan->workspace_bytes()), accumulate);
}

void CudaTraining::dense(void* y, const void* x, const float* weights, const float* biases,
                         bool relu, const DenseShape& shape) {
  DenseProduct product = product_of(Pass::kFprop, shape, precision_);
  product.relu = relu;
  run_dense(product, {y, x, operand(weights, shape.in * shape.out), operand(biases, shape.out)},
            false);
}

void CudaTraining::dense_dgrad(void* grad_x, const void* grad_y, const float* weights,
                               const void* x, bool x_is_relu, const DenseShape& shape) {
  run_dense(product_of(Pass::kDgrad, shape, precision_),
            {grad_x, grad_y, operand(weights, shape.in * shape.out), nullptr}, false);
  if (x_is_relu) {
    close_relus(grad_x, x, shape.n * shape.in);
  }
}

// The epilogue overwrites the bias' gradient: where gradients add up, and where cuBLASLt has no
// such epilogue, the biases are summed by themselves.
void CudaTraining::dense_wgrad(float* grad_weights, float* grad_biases, const void* grad_y,
                               const void* x, GradientMode mode, const DenseShape& shape) {
  DenseProduct product = product_of(Pass::kWgrad, shape, precision_);
  product.grad_bias = mode == GradientMode::kOverwrite;
  if (product.grad_bias && find_dense_plan(product) != nullptr) {
    run_dense(product, {grad_weights, x, grad_y, grad_biases}, false);
    return;
  }
  product.grad_bias = false;
  run_dense(product, {grad_weights, x, grad_y, nullptr}, mode == GradientMode::kAccumulate);
  sum_biases(grad_biases, grad_y, mode, shape.n, shape.out);
}

}  // namespace vggroove::cuda
