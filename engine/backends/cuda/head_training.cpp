#include "engine/backends/cuda/head_training.h"

#include <vector>

#include "engine/backends/cuda/check.h"
#include "engine/backends/cuda/device_name.h"
#include "engine/backends/cuda/head_batch.h"

namespace vggroove::cuda {

CudaHeadTraining::CudaHeadTraining(const std::string& device_name, Precision precision)
    : description_(describe_device(device_name)),
      precision_(precision == Precision::kTf32 ? Precision::kTf32 : Precision::kFp32) {}

// Memory is given back only when nothing works on it any more.
CudaHeadTraining::~CudaHeadTraining() {
  cudaStreamSynchronize(stream_.get());  // a lost device has nothing left to wait for
}

void CudaHeadTraining::set_table(std::span<const float> rows, std::span<const int> labels,
                                 std::size_t num_features) {
  if (rows.size() != labels.size() * num_features) {
    throw Error(ErrorClass::kUsage, "training: the rows and the labels of the table do not fit");
  }
  table_ = DeviceBuffer();  // before the next one is there
  table_ = DeviceBuffer(rows.size_bytes());
  const std::vector<std::int32_t> classes(labels.begin(), labels.end());
  labels_ = DeviceBuffer(classes.size() * sizeof(std::int32_t));
  to_device(table_.data(), rows.data(), table_.bytes());
  to_device(labels_.data(), classes.data(), labels_.bytes());
}

std::unique_ptr<HeadBatch> CudaHeadTraining::new_batch(const HeadShape& shape,
                                                       std::size_t batch_size,
                                                       std::span<const HeadBatch::Head> heads) {
  return std::make_unique<CudaHeadBatch>(*this, shape, batch_size, heads);
}

void CudaHeadTraining::to_device(void* to, const void* from, std::size_t bytes) {
  copies_.to_device(stream_, to, from, bytes);
}
void CudaHeadTraining::to_host_sync(void* to, const void* from, std::size_t bytes) {
  copies_.to_host_sync(stream_, to, from, bytes);
}
void CudaHeadTraining::fill_zero(const DeviceBuffer& buffer) const {
  if (buffer.bytes() > 0) {
    VGGROOVE_CUDA(cudaMemsetAsync(buffer.data(), 0, buffer.bytes(), stream_.get()));
  }
}

}  // namespace vggroove::cuda
