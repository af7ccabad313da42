// What another project would write: embed the files named on the command line.
#include <pipeline/embed_files.h>
#include <weights/model_file.h>

#include <cstdio>
#include <filesystem>
#include <vector>

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: consumer MODEL FILE...\n");
    return 2;
  }
  const auto model = vggroove::weights::ModelFile::open(argv[1]);
  const auto net = vggroove::Vggish::load(model, {});
  const std::vector<std::filesystem::path> files(argv + 2, argv + argc);
  std::size_t num_examples = 0;
  vggroove::embed_files(files, *net, {}, [&](vggroove::EmbeddedClip&& clip) {
    num_examples += clip.num_examples();
    if (clip.error) {
      std::fprintf(stderr, "%s\n", clip.error->what());
    }
  });
  std::printf("%zu examples\n", num_examples);
  return num_examples > 0 ? 0 : 1;
}
