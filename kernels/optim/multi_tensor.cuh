#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/common/vector.cuh"

namespace vggroove {

// One launch over many tensors of very different sizes: every tensor is cut into chunks, every
// chunk is a block. The table travels as a kernel argument (so it is part of a captured graph and
// needs no copy to the device), which bounds its size: 4 KB for all arguments.
inline constexpr std::int64_t kChunkElements = 16384;
inline constexpr int kChunkThreads = 256;
inline constexpr int kMaxTensors = 48;

constexpr std::int64_t num_chunks(std::int64_t count) {
  return (count + kChunkElements - 1) / kChunkElements;
}

// Entry has a member `count`, the tensor's number of elements.
template <class Entry>
struct TensorTable {
  Entry tensor[kMaxTensors];
  std::uint32_t end_chunk[kMaxTensors];  // one past the tensor's last chunk in this launch
};

// Calls each_thread(first element, index of the tensor) for the elements 4 at a time that belong to
// this thread: f(tensor, first) takes kWidth elements as f.template operator()<kWidth>.
template <class Entry, class Visit>
__device__ __forceinline__ void for_each_vector(const TensorTable<Entry>& table, Visit visit) {
  int index = 0;
  while (blockIdx.x >= table.end_chunk[index]) {
    ++index;
  }
  const std::uint32_t first_chunk = index == 0 ? 0 : table.end_chunk[index - 1];
  const Entry& tensor = table.tensor[index];
  const std::int64_t begin = (blockIdx.x - first_chunk) * kChunkElements;
  const std::int64_t end = begin + kChunkElements;
  for (std::int64_t at = begin + 4 * static_cast<std::int64_t>(threadIdx.x); at < end;
       at += 4 * kChunkThreads) {
    if (at + 4 <= tensor.count) {
      visit.template operator()<4>(tensor, at);
    } else {
      for (std::int64_t i = at; i < tensor.count; ++i) {
        visit.template operator()<1>(tensor, i);
      }
    }
  }
}

// Calls launch(table, chunks in it, chunks before it) for as many tables as the tensors need.
// Tensors without elements are left out.
template <class Entry, class Launch>
void for_each_table(std::span<const Entry> tensors, Launch launch) {
  TensorTable<Entry> table = {};
  std::int64_t chunks = 0, chunks_before = 0;
  int entries = 0;
  const auto flush = [&] {
    if (entries > 0) {
      launch(table, static_cast<unsigned>(chunks), chunks_before);
    }
    chunks_before += chunks;
    chunks = entries = 0;
  };
  for (const Entry& tensor : tensors) {
    if (tensor.count > 0) {
      chunks += num_chunks(tensor.count);
      table.tensor[entries] = tensor;
      table.end_chunk[entries] = static_cast<std::uint32_t>(chunks);
      if (++entries == kMaxTensors) {
        flush();
      }
    }
  }
  flush();
}

// N elements of whichever gradient the tensor has.
template <int N, class Entry>
__device__ __forceinline__ void load_grad(float (&to)[N], const Entry& tensor, std::int64_t at) {
  if (tensor.grad != nullptr) {
    load_as_float(to, tensor.grad + at);
  } else {
    load_as_float(to, tensor.grad_bf16 + at);
  }
}

}  // namespace vggroove
