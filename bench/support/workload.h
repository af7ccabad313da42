#pragma once

// What a cell's benchmark consists of: workloads, each prepared once and launched many times. The
// same object code is linked with kernels for a device, where kernel_bench times it, and with
// instrumented kernels of kernels/simt, where kernel_counts counts its traffic.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/common/bfloat16.h"
#include "kernels/common/stream.h"

namespace vggroove::bench {

// Memory that kernels see, with the host's way in and out. Implemented once for each of the two.
class KernelMemory {
 public:
  explicit KernelMemory(std::size_t bytes);
  KernelMemory(const KernelMemory&) = delete;
  KernelMemory& operator=(const KernelMemory&) = delete;
  ~KernelMemory();

  void* data() const { return data_; }
  void from_host_sync(const void* from);
  void to_host_sync(void* to) const;

 private:
  void* data_ = nullptr;
  std::size_t bytes_;
};

// An array there. Copies of it share the memory.
template <class T>
class KernelArray {
 public:
  explicit KernelArray(std::int64_t count)
      : count_(count), memory_(std::make_shared<KernelMemory>(bytes())) {}
  explicit KernelArray(const std::vector<T>& values)
      : KernelArray(static_cast<std::int64_t>(values.size())) {
    memory_->from_host_sync(values.data());
  }

  T* data() const { return static_cast<T*>(memory_->data()); }
  std::int64_t size() const { return count_; }
  void assign_sync(const std::vector<T>& values) const { memory_->from_host_sync(values.data()); }
  double bytes_moved() const { return static_cast<double>(bytes()); }
  std::vector<T> to_host_sync() const {
    std::vector<T> values(static_cast<std::size_t>(count_));
    memory_->to_host_sync(values.data());
    return values;
  }

 private:
  std::size_t bytes() const { return static_cast<std::size_t>(count_) * sizeof(T); }

  std::int64_t count_;
  std::shared_ptr<KernelMemory> memory_;
};

// Of what runs the kernels; simulated: as many as an H100 has.
int num_multiprocessors();

// Values in [-1, 1), rounded to T; other ones for each seed.
template <class T>
std::vector<T> random_values(std::int64_t count, std::uint64_t seed);
// What a kernel that reads T sees.
template <class T>
std::vector<double> in_double(const std::vector<T>& values);

// The half unit in the last place that rounding to T costs, relative to the value.
template <class T>
inline constexpr double kRounding = sizeof(T) == sizeof(BFloat16) ? 0x1p-8 : 0x1p-24;

// The largest |actual - expected| / tolerance(expected) of the first elements, as many as are
// expected; NaN where anything is.
double largest_error(const std::vector<double>& actual, const std::vector<double>& expected,
                     const std::function<double(double expected)>& tolerance);

// What one run cannot do without on any device. A multiply-add is two operations.
struct Floor {
  double read_bytes = 0, written_bytes = 0;
  double fp32_operations = 0, fp64_operations = 0;
};

struct Prepared {
  std::function<void(Stream)> launch;
  // After a launch: the largest error as a share of its tolerance, on a part of the result that
  // the double-precision reference computes in no time. Right where it is <= 1.
  std::function<double()> error;
  Floor floor;
};

struct Workload {
  std::string name;               // "pool2, bf16"
  std::string unit;               // what `size` counts: "examples"
  std::int64_t device_size = 0;   // large enough to be timed
  std::int64_t counted_size = 0;  // small enough for the simulator
  double goal = 0;                // share of the roofline that the kernel's "Bound" states
  std::function<Prepared(std::int64_t size)> prepare;
};

struct Cell {
  std::string name;  // "nn/maxpool2x2"
  std::vector<Workload> workloads;
};

// In the cell's benchmark, at namespace scope.
class Registration {
 public:
  explicit Registration(Cell cell);
};
const std::vector<Cell>& registered_cells();  // by name

}  // namespace vggroove::bench
