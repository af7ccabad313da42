#include "weights/export.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstring>
#include <memory>
#include <string>

#include "tests/support/expect_error.h"
#include "tests/support/sanitized.h"
#include "tests/support/temporary_folder.h"
#include "tests/weights/golden.h"
#include "tests/weights/sparse_file.h"
#include "weights/float_conversion.h"
#include "weights/he_init.h"
#include "weights/import/torch_file.h"
#include "weights/name_map.h"
#include "weights/npz.h"
#include "weights/zip_reader.h"

namespace vggroove::weights {
namespace {

using vggroove::testing::expect_error;
using vggroove::testing::TemporaryFolder;
using weights::testing::golden;

// 289 MB, 1.6 s of computing: one test for what needs the whole network.
TEST(Export, of_a_fresh_network_to_torch_is_what_the_importer_reads) {
  const TemporaryFolder folder;
  write_he_init_model(folder / "m", 1, {{"hop_samples", 160}}, 2);
  const ModelFile model = ModelFile::open(folder / "m");
  EXPECT_EQ(model.metadata().origin, "he-init");
  EXPECT_EQ(model.metadata().training.at("seed"), 1);
  EXPECT_EQ(model.metadata().frontend.at("hop_samples"), 160);
  // Across the end of the first piece, and the end of a thread's share of it.
  for (const std::int64_t first : {(1 << 22) - 50, (1 << 21) - 50}) {
    std::vector<float> expected(100), values(100);
    he_init(1, 12, first, expected);
    model.read("vggish/fc1/fc1_1/weights", first, values);
    EXPECT_EQ(values, expected);
  }

  export_torch(model, folder / "m.pth");
  if (!vggroove::testing::kSanitized) {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    EXPECT_LE(usage.ru_maxrss, 100'000) << "kB, of which the test program itself takes 20 000";
  }

  // PyTorch has read a file with this pickle (tests/golden/weights/verify_export.py).
  {
    const ZipReader zip(folder / "m.pth");
    const std::vector<std::byte> pickle = zip.read(*zip.find("archive/data.pkl"));
    const std::string expected = weights::testing::contents(golden("data.pkl"));
    ASSERT_EQ(pickle.size(), expected.size());
    EXPECT_EQ(std::memcmp(pickle.data(), expected.data(), expected.size()), 0);
  }
  const std::unique_ptr<TensorSource> source = open_torch_zip(folder / "m.pth");
  EXPECT_EQ(source->tensors().size(), 18u);
  for (const NameMapEntry& entry : vggish_name_map()) {
    const Tensor back = from_torch("m.pth", source->read(entry.torch_name));
    const std::vector<float> expected = model.read_all(entry.canonical_name);
    ASSERT_EQ(back.data.size(), expected.size() * sizeof(float)) << entry.torch_name;
    EXPECT_EQ(std::memcmp(back.data.data(), expected.data(), back.data.size()), 0)
        << entry.torch_name;
  }
}

// Small enough to compare everything: a head in four floating-point types.
TEST(Export, writes_every_floating_point_tensor_as_fp32_to_npz) {
  const TemporaryFolder folder;
  const ModelFile model = ModelFile::open(golden("head.safetensors"));
  export_npz(model, folder / "head.npz");
  const auto arrays = read_npz(folder / "head.npz");
  EXPECT_EQ(arrays.size(), 6u);  // without the integer "step"
  for (const auto& [name, array] : arrays) {
    EXPECT_EQ(array.tensor.dtype, DType::kF32) << name;
    EXPECT_EQ(array.tensor.shape, model.shape_of(name)) << name;
    std::vector<float> values(static_cast<std::size_t>(num_elements(array.tensor.shape)));
    convert_to_fp32(DType::kF32, array.tensor.data, values);
    EXPECT_EQ(values, model.read_all(name)) << name;
  }
}

TEST(Export, to_safetensors_makes_a_model_again) {
  const TemporaryFolder folder;
  const ModelFile model = ModelFile::open(golden("head.safetensors"));
  export_safetensors(model, folder / "m");
  const ModelFile again = ModelFile::open(folder / "m");
  EXPECT_EQ(again.metadata().labels, model.metadata().labels);
  EXPECT_EQ(again.metadata().head, model.metadata().head);
  EXPECT_EQ(again.tensors().size(), 6u);
  for (const TensorHeader& tensor : again.tensors()) {
    EXPECT_EQ(tensor.dtype, DType::kF32) << tensor.name;
    EXPECT_EQ(again.read_all(tensor.name), model.read_all(tensor.name)) << tensor.name;
  }
}

TEST(Export, can_replace_the_file_that_it_reads) {
  const TemporaryFolder folder;
  std::filesystem::copy_file(golden("head.safetensors"), folder / "m");
  const ModelFile model = ModelFile::open(folder / "m");
  export_safetensors(model, folder / "m");
  EXPECT_EQ(ModelFile::open(folder / "m").read_all("head/mean"), model.read_all("head/mean"));
}

TEST(Export, to_torch_needs_a_network) {
  const TemporaryFolder folder;
  const ModelFile model = ModelFile::open(golden("head.safetensors"));
  expect_error(ErrorClass::kUsage, "holds a head but no network",
               [&] { export_torch(model, folder / "m.pth"); });
}

}  // namespace
}  // namespace vggroove::weights
