// Stands in for cuFFT: batches of one-dimensional transforms from real doubles to complex ones, as
// the CUDA backend asks for them. Computed by radix 2 in double precision; checked thoroughly.
#include <cufft.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <numbers>
#include <vector>

#include "engine/backends/sim/simulator.h"
#include "engine/backends/sim/violation.h"

using namespace vggroove::sim;

namespace {

// What every plan claims to need, so that a caller that gives none is found.
constexpr std::size_t kWorkspaceBytes = 4096;
constexpr std::size_t kWorkspaceAlignmentBytes = 256;  // cudaMalloc's

struct Shape {
  std::int64_t size = 0, batch = 0;  // 0: the plan is not made yet
  std::int64_t in_distance = 0, out_distance = 0;

  std::int64_t num_bins() const { return size / 2 + 1; }
  std::size_t in_bytes() const {
    return static_cast<std::size_t>((batch - 1) * in_distance + size) * sizeof(double);
  }
  std::size_t out_bytes() const {
    return static_cast<std::size_t>((batch - 1) * out_distance + num_bins()) *
           sizeof(cufftDoubleComplex);
  }
};
struct Plan {
  Shape shape;
  bool allocates = true;  // cuFFT's default
  cudaStream_t stream = nullptr;
  void* workspace = nullptr;
};

// Never destroyed, as the simulator. A number is never given twice, so that an old one is found.
std::map<cufftHandle, Plan>& plans() {
  static auto* const all = new std::map<cufftHandle, Plan>;
  return *all;
}

Plan& live(cufftHandle handle, const char* call) {
  const auto found = plans().find(handle);
  if (found == plans().end()) {
    throw Violation(fmt::format("{}: a plan that does not exist", call));
  }
  return found->second;
}

Plan& made(cufftHandle handle, const char* call) {
  Plan& plan = live(handle, call);
  if (plan.shape.batch == 0) {
    throw Violation(fmt::format("{}: before the plan is made", call));
  }
  return plan;
}

template <class Body>
cufftResult call(Body&& body) {
  const auto lock = Simulator::get().lock();
  if (Simulator::get().lost()) {
    return CUFFT_EXEC_FAILED;
  }
  body();
  return CUFFT_SUCCESS;
}

bool is_aligned(const void* pointer, std::size_t bytes) {
  return reinterpret_cast<std::uintptr_t>(pointer) % bytes == 0;
}

// Rows of `needed` values whose neighbours lie `distance` apart.
void check_layout(const char* what, const long long* embedding, long long stride,
                  long long distance, long long needed) {
  if (embedding == nullptr) {
    throw Violation("cufftMakePlanMany64: without embeddings it ignores strides and distances");
  }
  if (stride != 1) {
    throw Violation("cufftMakePlanMany64: only neighbouring values are simulated");
  }
  if (embedding[0] < needed || distance < needed) {
    throw Violation(fmt::format("cufftMakePlanMany64: {} of {} values in rows of {}, {} apart",
                                what, needed, embedding[0], distance));
  }
}

std::vector<cufftDoubleComplex> roots_of_unity(std::int64_t size) {
  std::vector<cufftDoubleComplex> roots(static_cast<std::size_t>(size / 2));
  for (std::size_t i = 0; i < roots.size(); ++i) {
    const double angle = -2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(size);
    roots[i] = {std::cos(angle), std::sin(angle)};
  }
  return roots;
}

// values [n], n a power of two: from bit-reversed order to its transform, with the n-th roots.
void transform(std::vector<cufftDoubleComplex>& values,
               const std::vector<cufftDoubleComplex>& roots) {
  const std::size_t n = values.size();
  for (std::size_t half = 1; half < n; half *= 2) {
    for (std::size_t first = 0; first < n; first += 2 * half) {
      for (std::size_t i = 0; i < half; ++i) {
        const cufftDoubleComplex root = roots[i * (n / (2 * half))];
        cufftDoubleComplex& even = values[first + i];
        cufftDoubleComplex& odd = values[first + i + half];
        const cufftDoubleComplex turned{root.x * odd.x - root.y * odd.y,
                                        root.x * odd.y + root.y * odd.x};
        odd = {even.x - turned.x, even.y - turned.y};
        even = {even.x + turned.x, even.y + turned.y};
      }
    }
  }
}

std::vector<std::size_t> bit_reversed(std::int64_t size) {
  std::vector<std::size_t> order(static_cast<std::size_t>(size));
  for (std::size_t i = 1; i < order.size(); ++i) {
    order[i] = order[i / 2] / 2 + (i % 2 == 0 ? 0 : order.size() / 2);
  }
  return order;
}

void transform_rows(const Shape& shape, const double* in, cufftDoubleComplex* out) {
  const auto roots = roots_of_unity(shape.size);
  const auto order = bit_reversed(shape.size);
  std::vector<cufftDoubleComplex> values(order.size());
  for (std::int64_t row = 0; row < shape.batch; ++row) {
    const double* const samples = in + row * shape.in_distance;
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = {samples[order[i]], 0};
    }
    transform(values, roots);
    std::copy_n(values.begin(), shape.num_bins(), out + row * shape.out_distance);
  }
}

}  // namespace

cufftResult cufftCreate(cufftHandle* handle) {
  return call([&] {
    static cufftHandle last = 0;
    *handle = ++last;
    plans()[*handle] = {};
    ++Simulator::get().library_objects;
  });
}

// On a lost device, too: what was taken is given back.
cufftResult cufftDestroy(cufftHandle handle) {
  const auto lock = Simulator::get().lock();
  live(handle, "cufftDestroy");
  plans().erase(handle);
  --Simulator::get().library_objects;
  return CUFFT_SUCCESS;
}

cufftResult cufftSetAutoAllocation(cufftHandle handle, int allocates) {
  return call([&] {
    Plan& plan = live(handle, "cufftSetAutoAllocation");
    if (plan.shape.batch != 0) {
      throw Violation("cufftSetAutoAllocation: the plan is made, and has allocated");
    }
    plan.allocates = allocates != 0;
  });
}

cufftResult cufftMakePlanMany64(cufftHandle handle, int rank, long long* size,
                                long long* in_embedding, long long in_stride, long long in_distance,
                                long long* out_embedding, long long out_stride,
                                long long out_distance, cufftType type, long long batch,
                                std::size_t* workspace_bytes) {
  return call([&] {
    Plan& plan = live(handle, "cufftMakePlanMany64");
    if (plan.shape.batch != 0) {
      throw Violation("cufftMakePlanMany64: the plan is made already");
    }
    if (plan.allocates) {
      throw Violation(
          "cufftMakePlanMany64: the plan allocates memory of its own, which no caller counts; "
          "cufftSetAutoAllocation comes first");
    }
    if (rank != 1 || type != CUFFT_D2Z) {
      throw Violation(
          "cufftMakePlanMany64: only one dimension, from double to complex, is simulated");
    }
    if (*size < 2 || (*size & (*size - 1)) != 0 || batch < 1) {
      throw Violation(fmt::format(
          "cufftMakePlanMany64: {} transforms of {} values; powers of two are simulated", batch,
          *size));
    }
    check_layout("input", in_embedding, in_stride, in_distance, *size);
    check_layout("output", out_embedding, out_stride, out_distance, *size / 2 + 1);
    plan.shape = {*size, batch, in_distance, out_distance};
    *workspace_bytes = kWorkspaceBytes;
  });
}

cufftResult cufftSetStream(cufftHandle handle, cudaStream_t stream) {
  return call([&] { live(handle, "cufftSetStream").stream = stream; });
}

cufftResult cufftSetWorkArea(cufftHandle handle, void* workspace) {
  return call([&] {
    Plan& plan = made(handle, "cufftSetWorkArea");
    Simulator::get().memory.at(workspace, kWorkspaceBytes, {"cufftSetWorkArea"});
    if (!is_aligned(workspace, kWorkspaceAlignmentBytes)) {
      throw Violation("cufftSetWorkArea: memory that is not 256-byte aligned");
    }
    plan.workspace = workspace;
  });
}

cufftResult cufftExecD2Z(cufftHandle handle, double* in, cufftDoubleComplex* out) {
  return call([&] {
    const Plan plan = made(handle, "cufftExecD2Z");
    if (plan.workspace == nullptr) {
      throw Violation("cufftExecD2Z: without the workspace that its plan asked for");
    }
    if (!is_aligned(in, sizeof(cufftDoubleComplex)) ||
        !is_aligned(out, sizeof(cufftDoubleComplex))) {
      throw Violation("cufftExecD2Z: a pointer is not aligned to a complex double, 16 bytes");
    }
    const Shape shape = plan.shape;
    const auto in_begin = reinterpret_cast<std::uintptr_t>(in);
    const auto out_begin = reinterpret_cast<std::uintptr_t>(out);
    if (in_begin < out_begin + shape.out_bytes() && out_begin < in_begin + shape.in_bytes()) {
      throw Violation("cufftExecD2Z: its output lies in its input, which is not simulated");
    }
    Simulator::get().submit(plan.stream, {{"cufftExecD2Z"},
                                          {{in, shape.in_bytes(), false},
                                           {out, shape.out_bytes(), true},
                                           {plan.workspace, kWorkspaceBytes, true}},
                                          [=] {
                                            live(handle, "cufftExecD2Z");  // a graph runs later
                                            transform_rows(shape, in, out);
                                          }});
  });
}
