#pragma once

#include "engine/device/communicator.h"

namespace vggroove::mpi {

// MPI_COMM_WORLD, from MPI_Init to MPI_Finalize: one object in the life of a program. Its calls are
// made from the thread that made it.
class MpiCommunicator : public Communicator {
 public:
  MpiCommunicator();
  ~MpiCommunicator() override;  // waits for all processes
  MpiCommunicator(const MpiCommunicator&) = delete;
  MpiCommunicator& operator=(const MpiCommunicator&) = delete;

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  int local_rank() const override { return local_rank_; }
  unsigned num_cores() const override { return num_cores_; }
  void abort(int exit_code) override;
  void all_reduce_sum(std::span<float> values) override;
  void all_reduce_sum(std::span<double> values) override;
  void broadcast(std::span<std::byte> bytes) override;

 private:
  int rank_ = 0, size_ = 0, local_rank_ = 0;
  unsigned num_cores_ = 1;
};

}  // namespace vggroove::mpi
