#include "tests/e2e/shared_files.h"

#include <gtest/gtest.h>
#include <sndfile.h>

#include <sstream>

#include "tests/support/random_model.h"
#include "tests/support/wav_file.h"

namespace vggroove::testing {
namespace fs = std::filesystem;

const std::vector<std::string>& SharedFiles::labels() {
  static const std::vector<std::string> kLabels = {"blues", "classical", "jazz", "metal", "rock"};
  return kLabels;
}

const SharedFiles& SharedFiles::get() {
  static const SharedFiles files;
  return files;
}

SharedFiles::SharedFiles() {
  fs::permissions(folder_.path(), fs::perms{0755});  // a test reads it as another user
  weights::ModelMetadata metadata;
  metadata.architecture = "vggish";
  metadata.origin = "he-init";
  std::vector<weights::Tensor> tensors = random_network(1);
  const DenseHead head = random_head(labels(), 2);
  head.describe(metadata);
  for (weights::Tensor& tensor : head.to_tensors()) {
    tensors.push_back(std::move(tensor));
  }
  weights::write_model_file(model(), metadata, tensors);
  fs::permissions(model(), fs::perms{0644});
  write_tone(good(), 2.5, 440, 8000);
  write_tone(good2(), 5, 1000, 8000);
}

fs::path SharedFiles::released_model() const {
  const fs::path path = folder_ / "released.safetensors";
  if (!fs::exists(path)) {
    weights::ModelMetadata metadata;
    metadata.architecture = "vggish";
    metadata.origin = "released";
    std::vector<weights::Tensor> tensors = random_network(3);
    std::vector<float> identity(128 * 128);
    for (std::size_t i = 0; i < 128; ++i) {
      identity[i * 128 + i] = 1;
    }
    tensors.push_back(float_tensor("postprocess/pca_eigen_vectors", {128, 128}, identity));
    tensors.push_back(float_tensor("postprocess/pca_means", {128}, std::vector<float>(128)));
    weights::write_model_file(path, metadata, tensors);
  }
  return path;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(line);
  }
  return lines;
}

void write_flac(const fs::path& path, double seconds) {
  SF_INFO info{};
  info.samplerate = 16000;
  info.channels = 1;
  info.format = SF_FORMAT_FLAC | SF_FORMAT_PCM_16;
  SNDFILE* file = sf_open(path.c_str(), SFM_WRITE, &info);
  ASSERT_NE(file, nullptr) << sf_strerror(nullptr);
  const std::vector<std::int16_t> samples = tone(seconds, 440, 16000);
  sf_write_short(file, samples.data(), static_cast<sf_count_t>(samples.size()));
  sf_close(file);
}

}  // namespace vggroove::testing
