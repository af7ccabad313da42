#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/temporary_folder.h"

namespace vggroove::testing {

// What the tests of one program run share, made when first asked for: writing 289 MB takes a
// second.
class SharedFiles {
 public:
  static const SharedFiles& get();

  std::filesystem::path folder() const { return folder_.path(); }
  // He-initialised network with a head for the genres of labels().
  std::filesystem::path model() const { return folder_ / "model.safetensors"; }
  // As the released weights come: a network with PCA parameters and no head of its own.
  std::filesystem::path released_model() const;
  // Readable audio: 2.5 s, 8 kHz; a second one of 5 s.
  std::filesystem::path good() const { return folder_ / "good.wav"; }
  std::filesystem::path good2() const { return folder_ / "good2.wav"; }
  static const std::vector<std::string>& labels();

 private:
  SharedFiles();
  TemporaryFolder folder_;
};

std::vector<std::string> lines_of(const std::string& text);

// A FLAC file of a tone, 16 kHz.
void write_flac(const std::filesystem::path& path, double seconds);

}  // namespace vggroove::testing
