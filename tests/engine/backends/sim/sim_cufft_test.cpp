// What the stand-in of cuFFT finds; what it computes is in sim_logmel_test.cpp.
#include <cufftXt.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <optional>
#include <string>

#include "engine/backends/cuda/check.h"
#include "engine/backends/cuda/owners.h"
#include "engine/backends/sim/simulator.h"
#include "kernels/dsp/logmel.h"
#include "kernels/dsp/logmel_callbacks_image.h"
#include "tests/support/sim_violation.h"

namespace vggroove::cuda {
namespace {

using sim::Simulator;
using testing::expect_violation;

// A plan for two rows of 8, step by step, so that each can be left out.
class RawPlan {
 public:
  RawPlan() {
    VGGROOVE_CUFFT(cufftCreate(&plan_));
    VGGROOVE_CUFFT(cufftSetAutoAllocation(plan_, 0));
  }
  ~RawPlan() { cufftDestroy(plan_); }
  RawPlan(const RawPlan&) = delete;
  RawPlan& operator=(const RawPlan&) = delete;

  cufftHandle get() const { return plan_; }
  void make(long long in_distance = 8, long long out_distance = 5, long long size = 8) const {
    std::size_t workspace_bytes = 0;
    VGGROOVE_CUFFT(cufftMakePlanMany64(plan_, 1, &size, &in_distance, 1, in_distance, &out_distance,
                                       1, out_distance, CUFFT_D2Z, 2, &workspace_bytes));
  }
  void run(const DeviceBuffer& in, const DeviceBuffer& out, std::size_t offset_bytes = 0) const {
    VGGROOVE_CUFFT(cufftExecD2Z(plan_, reinterpret_cast<double*>(in.data() + offset_bytes),
                                out.as<cufftDoubleComplex>()));
  }

 private:
  cufftHandle plan_ = CUFFT_PLAN_NULL;
};

class SimCufft : public ::testing::Test {
 protected:
  CudaStream stream_;
  DeviceBuffer in_{2 * 8 * sizeof(double)}, out_{2 * 5 * sizeof(cufftDoubleComplex)};
  DeviceBuffer workspace_{4096};
};

TEST_F(SimCufft, a_plan_used_after_its_end_or_never_given_back_is_found) {
  cufftHandle plan = CUFFT_PLAN_NULL;
  VGGROOVE_CUFFT(cufftCreate(&plan));
  EXPECT_NE(Simulator::get().leaks().find("1 handles"), std::string::npos);
  VGGROOVE_CUFFT(cufftDestroy(plan));
  expect_violation("cufftDestroy: a plan that does not exist", [&] { cufftDestroy(plan); });
  expect_violation("cufftExecD2Z: a plan that does not exist",
                   [&] { cufftExecD2Z(plan, in_.as<double>(), out_.as<cufftDoubleComplex>()); });
  expect_violation("cufftSetStream: a plan that does not exist",
                   [&] { cufftSetStream(plan, stream_.get()); });
}

TEST_F(SimCufft, a_graph_that_outlives_its_plan_is_found) {
  std::optional<RawPlan> plan(std::in_place);
  plan->make();
  VGGROOVE_CUFFT(cufftSetStream(plan->get(), stream_.get()));
  VGGROOVE_CUFFT(cufftSetWorkArea(plan->get(), workspace_.data()));
  const CudaGraph graph(stream_, [&] { plan->run(in_, out_); });
  graph.launch(stream_);
  plan.reset();
  expect_violation("cufftExecD2Z: a plan that does not exist", [&] { graph.launch(stream_); });
}

TEST_F(SimCufft, steps_left_out_or_out_of_order_are_found) {
  const RawPlan plan;
  expect_violation("before the plan is made", [&] { plan.run(in_, out_); });
  expect_violation("before the plan is made",
                   [&] { cufftSetWorkArea(plan.get(), workspace_.data()); });
  plan.make();
  expect_violation("made already", [&] { plan.make(); });
  expect_violation("the plan is made, and has allocated",
                   [&] { cufftSetAutoAllocation(plan.get(), 0); });
  expect_violation("without the workspace", [&] { plan.run(in_, out_); });
  VGGROOVE_CUFFT(cufftSetWorkArea(plan.get(), workspace_.data()));
  expect_violation("cufftExecD2Z: on the default stream", [&] { plan.run(in_, out_); });
  VGGROOVE_CUFFT(cufftSetStream(plan.get(), stream_.get()));
  plan.run(in_, out_);
}

TEST_F(SimCufft, a_plan_that_would_allocate_by_itself_is_found) {
  const RawPlan plan;
  VGGROOVE_CUFFT(cufftSetAutoAllocation(plan.get(), 1));
  expect_violation("cufftSetAutoAllocation comes first", [&] { plan.make(); });
}

TEST_F(SimCufft, rows_that_overlap_and_sizes_that_it_does_not_know_are_found) {
  const RawPlan plan;
  expect_violation("input of 8 values in rows of 7, 7 apart", [&] { plan.make(7, 5); });
  expect_violation("output of 5 values in rows of 4, 4 apart", [&] { plan.make(8, 4); });
  expect_violation("2 transforms of 12 values", [&] { plan.make(12, 7, 12); });
}

TEST_F(SimCufft, callbacks_set_too_late_or_of_another_kind_are_found) {
  const RawPlan plan;
  const CallbackImage image = logmel_callbacks_image();
  const auto set = [&](const char* name, std::size_t bytes, cufftXtCallbackType type, void* info) {
    cufftXtSetJITCallback(plan.get(), name, image.data, bytes, type, &info);
  };
  const auto* const load = "vggroove_logmel_load";
  expect_violation("the image has no vggroove_logmel_lood", [&] {
    set("vggroove_logmel_lood", image.bytes, CUFFT_CB_LD_REAL_DOUBLE, in_.data());
  });
  expect_violation("an image that was made for another device",
                   [&] { set(load, image.bytes - 1, CUFFT_CB_LD_REAL_DOUBLE, in_.data()); });
  expect_violation("no callback of a transform from double",
                   [&] { set(load, image.bytes, CUFFT_CB_LD_REAL, in_.data()); });
  LogMelCallerInfo on_the_host{};
  expect_violation("neither device nor pinned memory",
                   [&] { set(load, image.bytes, CUFFT_CB_LD_REAL_DOUBLE, &on_the_host); });
  plan.make();
  expect_violation("its kernels are linked",
                   [&] { set(load, image.bytes, CUFFT_CB_LD_REAL_DOUBLE, in_.data()); });
}

TEST_F(SimCufft, wrong_memory_is_found) {
  const RawPlan plan;
  plan.make();
  VGGROOVE_CUFFT(cufftSetStream(plan.get(), stream_.get()));
  const DeviceBuffer large(2 * 4096);
  expect_violation("not 256-byte aligned",
                   [&] { cufftSetWorkArea(plan.get(), large.data() + 128); });
  expect_violation("cufftSetWorkArea: reaches 3968 bytes beyond the end",
                   [&] { cufftSetWorkArea(plan.get(), in_.data()); });
  {
    const DeviceBuffer gone(4096);
    VGGROOVE_CUFFT(cufftSetWorkArea(plan.get(), gone.data()));
  }
  expect_violation("uses memory after it was freed", [&] { plan.run(in_, out_); });
  VGGROOVE_CUFFT(cufftSetWorkArea(plan.get(), workspace_.data()));
  expect_violation("its output lies in its input", [&] { plan.run(out_, out_); });
  expect_violation("cufftExecD2Z: reaches 96 bytes beyond the end",
                   [&] { plan.run(in_, DeviceBuffer(64)); });
  expect_violation("cufftExecD2Z: reaches 16 bytes beyond the end",
                   [&] { plan.run(in_, out_, 16); });
  expect_violation("not aligned to a complex double", [&] { plan.run(in_, out_, 8); });
}

TEST_F(SimCufft, reading_what_another_stream_still_writes_is_found) {
  const RawPlan plan;
  plan.make();
  VGGROOVE_CUFFT(cufftSetStream(plan.get(), stream_.get()));
  VGGROOVE_CUFFT(cufftSetWorkArea(plan.get(), workspace_.data()));
  const CudaStream copying;
  VGGROOVE_CUDA(cudaMemsetAsync(in_.data(), 0, in_.bytes(), copying.get()));
  expect_violation("cufftExecD2Z reads what cudaMemsetAsync writes on another stream",
                   [&] { plan.run(in_, out_); });
  copying.synchronize();
}

}  // namespace
}  // namespace vggroove::cuda
