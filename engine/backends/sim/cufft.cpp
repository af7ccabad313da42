// Stands in for cuFFT: batches of one-dimensional transforms from real doubles to complex ones, as
// the CUDA backend asks for them, with callbacks or without. Computed by radix 2 in double
// precision; checked thoroughly.
#include <cufftXt.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <numbers>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/backends/sim/callback_image.h"
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
struct Callbacks {
  cufftJITCallbackLoadD load = nullptr;
  cufftJITCallbackStoreZ store = nullptr;
  void *load_info = nullptr, *store_info = nullptr;
};
struct Plan {
  Shape shape;
  Callbacks callbacks;
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

struct Work {
  Shape shape;
  Callbacks callbacks;
  double* in;
  cufftDoubleComplex* out;

  // What a callback is told: places in the whole input and output, distances included.
  double load(std::int64_t place) const {
    return callbacks.load == nullptr ? in[place]
                                     : callbacks.load(in, static_cast<unsigned long long>(place),
                                                      callbacks.load_info, nullptr);
  }
  void store(std::int64_t place, cufftDoubleComplex value) const {
    if (callbacks.store == nullptr) {
      out[place] = value;
    } else {
      callbacks.store(out, static_cast<unsigned long long>(place), value, callbacks.store_info,
                      nullptr);
    }
  }
};

void transform_rows(const Work& work) {
  const Shape& shape = work.shape;
  const auto roots = roots_of_unity(shape.size);
  const auto order = bit_reversed(shape.size);
  std::vector<cufftDoubleComplex> values(order.size());
  for (std::int64_t row = 0; row < shape.batch; ++row) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double value = work.load(row * shape.in_distance + static_cast<std::int64_t>(order[i]));
      values[i] = {value, 0};
    }
    transform(values, roots);
    for (std::int64_t bin = 0; bin < shape.num_bins(); ++bin) {
      work.store(row * shape.out_distance + bin, values[static_cast<std::size_t>(bin)]);
    }
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

cufftResult cufftXtSetJITCallback(cufftHandle handle, const char* name, const void* image,
                                  std::size_t image_bytes, cufftXtCallbackType type,
                                  void** caller_info) {
  return call([&] {
    Plan& plan = live(handle, "cufftXtSetJITCallback");
    if (plan.shape.batch != 0) {
      throw Violation("cufftXtSetJITCallback: the plan is made, and its kernels are linked");
    }
    if (image_bytes != sizeof(SimCallbackImage)) {
      throw Violation("cufftXtSetJITCallback: an image that was made for another device");
    }
    const auto& callbacks = *static_cast<const SimCallbackImage*>(image);
    const auto* const found = std::ranges::find_if(callbacks, [&](const NamedCallback& callback) {
      return std::string_view(callback.name) == name;
    });
    if (found == callbacks.end()) {
      throw Violation(fmt::format("cufftXtSetJITCallback: the image has no {}", name));
    }
    Simulator::get().memory.at(*caller_info, 1, {"cufftXtSetJITCallback (caller_info)"});
    if (type == CUFFT_CB_LD_REAL_DOUBLE) {
      plan.callbacks.load = reinterpret_cast<cufftJITCallbackLoadD>(found->function);
      plan.callbacks.load_info = *caller_info;
    } else if (type == CUFFT_CB_ST_COMPLEX_DOUBLE) {
      plan.callbacks.store = reinterpret_cast<cufftJITCallbackStoreZ>(found->function);
      plan.callbacks.store_info = *caller_info;
    } else {
      throw Violation("cufftXtSetJITCallback: no callback of a transform from double to complex");
    }
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
    // How far callbacks reach is unknown: the first byte stands for all. The output may still be
    // where cuFFT keeps values between two passes.
    const Shape& shape = plan.shape;
    const std::size_t in_bytes = plan.callbacks.load == nullptr ? shape.in_bytes() : 1;
    const auto in_begin = reinterpret_cast<std::uintptr_t>(in);
    const auto out_begin = reinterpret_cast<std::uintptr_t>(out);
    if (in_begin < out_begin + shape.out_bytes() && out_begin < in_begin + in_bytes) {
      throw Violation("cufftExecD2Z: its output lies in its input, which is not simulated");
    }
    std::vector<Access> accesses{{in, in_bytes, false},
                                 {out, shape.out_bytes(), true},
                                 {plan.workspace, kWorkspaceBytes, true}};
    for (const void* info : {plan.callbacks.load_info, plan.callbacks.store_info}) {
      if (info != nullptr) {
        accesses.push_back({info, 1, false});
      }
    }
    const Work work{shape, plan.callbacks, in, out};
    Simulator::get().submit(plan.stream, {{"cufftExecD2Z"}, std::move(accesses), [=] {
                                            live(handle, "cufftExecD2Z");  // a graph runs later
                                            transform_rows(work);
                                          }});
  });
}
