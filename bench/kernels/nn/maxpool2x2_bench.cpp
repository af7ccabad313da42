#include "kernels/nn/maxpool2x2.h"

#include "bench/support/workload.h"
#include "kernels/nn/pool_codes.h"

namespace vggroove::bench {
namespace {

// Behind conv2, conv3_2 and conv4_2; cuDNN has added the bias.
constexpr Pool2x2Shape kPool2{1, 48, 32, 128}, kPool3{1, 24, 16, 256}, kPool4{1, 12, 8, 512};

struct Reference {  // of the first example
  Reference(const std::vector<double>& x, const std::vector<double>& grad_y, Pool2x2Shape one)
      : y(one.pooled_size()), grad_x(one.input_size()), codes(pool_code_bytes(one.pooled_size())) {
    const std::vector<double> bias(one.channels);
    std::vector<double> grad_bias(one.channels);
    maxpool2x2_ref(y.data(), codes.data(), x.data(), bias.data(), one);
    maxpool2x2_bwd_ref(grad_x.data(), grad_bias.data(), grad_y.data(), codes.data(), one);
  }
  std::vector<double> y, grad_x;
  std::vector<std::uint8_t> codes;
};

// Maxima and copies are exact, whatever the type.
double exact(double) {
  return 1e-300;
}

template <class T>
Prepared forward(Pool2x2Shape one, std::int64_t examples, bool keep_codes) {
  Pool2x2Shape shape = one;
  shape.examples = examples;
  const auto input = random_values<T>(shape.input_size(), 1);
  const KernelArray<T> x(input), y(shape.pooled_size());
  const KernelArray<std::uint8_t> codes(pool_code_bytes(shape.pooled_size()));
  return {[=](Stream stream) {
            maxpool2x2<T>(stream, y.data(), keep_codes ? codes.data() : nullptr, x.data(), nullptr,
                          shape);
          },
          [=] {
            const std::vector<double> grad_y(one.pooled_size());
            return largest_error(in_double(y.to_host_sync()),
                                 Reference(in_double(input), grad_y, one).y, exact);
          },
          {.read_bytes = x.bytes_moved(),
           .written_bytes = y.bytes_moved() + (keep_codes ? codes.bytes_moved() : 0)}};
}

template <class T>
Prepared backward(Pool2x2Shape one, std::int64_t examples) {
  Pool2x2Shape shape = one;
  shape.examples = examples;
  const auto gradient = random_values<T>(shape.pooled_size(), 2);
  const auto input = in_double(random_values<T>(shape.input_size(), 1));
  std::vector<std::uint8_t> all_codes(pool_code_bytes(shape.pooled_size()));
  std::vector<double> pooled(shape.pooled_size());
  maxpool2x2_ref(pooled.data(), all_codes.data(), input.data(),
                 std::vector<double>(one.channels).data(), shape);
  const KernelArray<T> grad_y(gradient), grad_x(shape.input_size());
  const KernelArray<std::uint8_t> codes(all_codes);
  const KernelArray<float> grad_bias(one.channels),
      workspace(maxpool2x2_bwd_workspace_floats<T>(shape));
  return {[=](Stream stream) {
            maxpool2x2_bwd(stream, grad_x.data(), grad_bias.data(), grad_y.data(), codes.data(),
                           workspace.data(), shape);
          },
          [=] {
            return largest_error(in_double(grad_x.to_host_sync()),
                                 Reference(input, in_double(gradient), one).grad_x, exact);
          },
          {.read_bytes = grad_y.bytes_moved() + codes.bytes_moved(),
           .written_bytes = grad_x.bytes_moved()}};
}

template <class T>
Workload inference(const char* name, Pool2x2Shape one) {
  return {name, "examples", 256,
          1,    0.9,        [one](std::int64_t n) { return forward<T>(one, n, false); }};
}
Workload training(const char* name, Pool2x2Shape one) {
  return {name, "examples", 256,
          1,    0.9,        [one](std::int64_t n) { return forward<BFloat16>(one, n, true); }};
}
Workload gradient(const char* name, Pool2x2Shape one) {
  return {name, "examples", 256,
          1,    0.9,        [one](std::int64_t n) { return backward<BFloat16>(one, n); }};
}

const Registration kCell(
    {"nn/maxpool2x2",
     {inference<float>("pool2, fp32", kPool2), inference<float>("pool3, fp32", kPool3),
      inference<float>("pool4, fp32", kPool4), inference<BFloat16>("pool2, bf16", kPool2),
      inference<BFloat16>("pool3, bf16", kPool3), inference<BFloat16>("pool4, bf16", kPool4),
      training("pool2 with codes, bf16", kPool2), training("pool3 with codes, bf16", kPool3),
      training("pool4 with codes, bf16", kPool4), gradient("pool2 backward, bf16", kPool2),
      gradient("pool3 backward, bf16", kPool3), gradient("pool4 backward, bf16", kPool4)}});

}  // namespace
}  // namespace vggroove::bench
