#include "engine/heads/postprocess.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace vggroove {
namespace {

constexpr std::size_t kSize = 128;
constexpr float kLargest = 2.0f;                       // of a component, after clipping
constexpr float kStepsPerUnit = 255 / (2 * kLargest);  // 63.75, exact in fp32

}  // namespace

Postprocessor Postprocessor::from_model(const weights::ModelFile& model) {
  if (!model.has_postprocess()) {
    throw Error(ErrorClass::kUnsupported,
                fmt::format("{}: the model has no PCA parameters for the AudioSet form; fetch or "
                            "import the weights together with vggish_pca_params.npz",
                            model.path().string()));
  }
  Postprocessor postprocessor;
  postprocessor.eigen_vectors_ = model.read_all("postprocess/pca_eigen_vectors");
  postprocessor.means_ = model.read_all("postprocess/pca_means");
  return postprocessor;
}

void Postprocessor::quantize(const float* embeddings, std::size_t n,
                             std::uint8_t* quantized) const {
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t component = 0; component < kSize; ++component) {
      const float* eigen_vector = eigen_vectors_.data() + component * kSize;
      double sum = 0;
      for (std::size_t j = 0; j < kSize; ++j) {
        sum += static_cast<double>(eigen_vector[j]) *
               (static_cast<double>(embeddings[i * kSize + j]) - static_cast<double>(means_[j]));
      }
      if (!std::isfinite(sum)) {
        throw Error(ErrorClass::kInvalid,
                    fmt::format("embedding {} is not finite; the model or the audio that made it "
                                "is broken",
                                i));
      }
      // From here in fp32, as NumPy does it: whether a value falls just below an integer is
      // decided by this rounding, and truncation makes it count.
      const float clipped = std::clamp(static_cast<float>(sum), -kLargest, kLargest);
      quantized[i * kSize + component] =
          static_cast<std::uint8_t>((clipped + kLargest) * kStepsPerUnit);
    }
  }
}

void dequantize(const std::uint8_t* quantized, std::size_t count, float* values) {
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = static_cast<float>(quantized[i] / 255.0 * 4.0 - 2.0);
  }
}

}  // namespace vggroove
