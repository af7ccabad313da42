#include "kernels/nn/head_batch.h"

#include "bench/support/workload.h"

namespace vggroove::bench {
namespace {

constexpr int kRows = 128, kUnits = 100;
constexpr std::int64_t kVerifiedHeads = 1;

// A step of `heads` heads with 100 hidden units, half of which fall.
Prepared prepare_relu_dropout(std::int64_t heads) {
  const int width = head_width(kUnits);
  const HeadBatchShape shape{static_cast<int>(heads), kRows, kUnits};
  const auto start = random_values<float>(heads * kRows * width, 1);
  const KernelArray<float> hidden(start);
  const std::vector<HeadBatchStep> settings(
      heads, {.dropout_state = 7, .dropout_threshold = std::uint64_t{1} << 52, .kept = 2});
  const KernelArray<HeadBatchStep> steps(settings);
  const auto launch = [=](Stream stream) {
    relu_dropout(stream, hidden.data(), steps.data(), shape);
  };
  return {
      launch,
      [=] {
        hidden.assign_sync(start);  // every launch doubles what stays
        launch(nullptr);
        std::vector<double> expected = in_double(start);
        expected.resize(kVerifiedHeads * kRows * width);
        relu_dropout_ref(expected.data(), settings.data(), {kVerifiedHeads, kRows, kUnits});
        return largest_error(in_double(hidden.to_host_sync()), expected,
                             [](double) { return 1e-300; });  // nothing is rounded
      },
      {.read_bytes = hidden.bytes_moved() * kUnits / width, .written_bytes = hidden.bytes_moved()}};
}

// The batches of `heads` heads out of a table of 8192 embeddings.
Prepared prepare_gather(std::int64_t heads) {
  constexpr std::int64_t kTableRows = 8192;
  constexpr int kFeatures = 128;
  const int width = head_width(kFeatures);
  const HeadBatchShape shape{static_cast<int>(heads), kRows, kFeatures};
  const auto values = random_values<float>(kTableRows * kFeatures, 1);
  const auto standardisation = random_values<float>(heads * 2 * kFeatures, 2);
  std::vector<std::int32_t> places(heads * kRows);
  for (std::size_t i = 0; i < places.size(); ++i) {
    places[i] = static_cast<std::int32_t>(i * 2654435761U % kTableRows);
  }
  const KernelArray<float> table(values), means(standardisation), x(heads * kRows * width);
  const KernelArray<std::int32_t> index(places);
  return {[=](Stream stream) {
            gather_head_rows(stream, x.data(), table.data(), index.data(), means.data(), shape);
          },
          [=] {
            std::vector<double> expected(kVerifiedHeads * kRows * width);
            gather_head_rows_ref(expected.data(), in_double(values).data(), places.data(),
                                 in_double(standardisation).data(),
                                 {kVerifiedHeads, kRows, kFeatures});
            // A difference below 2 and a product below 4, each rounded, the first one scaled.
            return largest_error(in_double(x.to_host_sync()), expected,
                                 [](double) { return 4 * 0x1p-24; });
          },
          {.read_bytes = static_cast<double>(heads) * kRows * kFeatures * sizeof(float),
           .written_bytes = x.bytes_moved()}};
}

const Registration kCell({"nn/head_batch",
                          {{"gathering rows", "heads", 1024, 4, 0.8, prepare_gather},
                           {"ReLU and dropout", "heads", 1024, 4, 0.8, prepare_relu_dropout}}});

}  // namespace
}  // namespace vggroove::bench
