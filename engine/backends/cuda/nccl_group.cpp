#include <fmt/format.h>
#include <nccl.h>

#include <cstddef>
#include <exception>
#include <memory>
#include <span>
#include <string_view>
#include <thread>

#include "base/error.h"
#include "engine/backends/cuda/check.h"
#include "engine/backends/cuda/device_group.h"

namespace vggroove::cuda {
namespace {

// As those of check.h; in this file, which alone calls NCCL.
void check_nccl(ncclResult_t result, std::string_view call, int line) {
  if (result != ncclSuccess) {
    const std::string_view details = ncclGetLastError(nullptr);
    throw Error(
        ErrorClass::kDevice,
        fmt::format("GPU: {}: {}{}{} (nccl_group.cpp:{})", call.substr(0, call.find('(')),
                    ncclGetErrorString(result), details.empty() ? "" : ": ", details, line));
  }
}
#define VGGROOVE_NCCL(call) check_nccl(call, #call, __LINE__)

class NcclGroup : public DeviceGroup {
 public:
  explicit NcclGroup(Communicator& processes) {
    ncclUniqueId id{};
    if (processes.rank() == 0) {
      VGGROOVE_NCCL(ncclGetUniqueId(&id));
    }
    processes.broadcast(std::as_writable_bytes(std::span(&id, 1)));
    VGGROOVE_NCCL(ncclCommInitRank(&group_, processes.size(), id, processes.rank()));
  }
  ~NcclGroup() override {
    if (std::uncaught_exceptions() > num_exceptions_before_) {
      ncclCommAbort(group_);
    } else {
      ncclCommDestroy(group_);
    }
  }
  NcclGroup(const NcclGroup&) = delete;
  NcclGroup& operator=(const NcclGroup&) = delete;

  void all_reduce_sum(float* values, std::size_t count, const CudaStream& stream) override {
    VGGROOVE_NCCL(ncclAllReduce(values, values, count, ncclFloat32, ncclSum, group_, stream.get()));
  }

  void wait_for(const CudaStream& stream) override {
    cudaError_t state = cudaStreamQuery(stream.get());
    while (state == cudaErrorNotReady) {
      require_connection();
      std::this_thread::yield();
      state = cudaStreamQuery(stream.get());
    }
    check(state, "cudaStreamQuery", __FILE__, __LINE__);
    require_connection();
  }

 private:
  void require_connection() {
    ncclResult_t state = ncclSuccess;
    VGGROOVE_NCCL(ncclCommGetAsyncError(group_, &state));
    check_nccl(state, "ncclAllReduce", __LINE__);
  }

  const int num_exceptions_before_ = std::uncaught_exceptions();
  ncclComm_t group_ = nullptr;
};

}  // namespace

std::unique_ptr<DeviceGroup> join_devices(Communicator& processes) {
  return std::make_unique<NcclGroup>(processes);
}

}  // namespace vggroove::cuda
