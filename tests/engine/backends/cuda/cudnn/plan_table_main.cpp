// cudnn_plan_table DEVICE.json...: which kernels cuDNN offers the network on the described devices,
// as a table. Needs neither a GPU nor a driver.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <vector>

#include "tests/engine/backends/cuda/cudnn/plan_table.h"

int main(int argc, char** argv) {
  using namespace vggroove::cudnn;
  try {
    const std::vector<std::filesystem::path> devices(argv + 1, argv + argc);
    std::fputs(plan_table(plan_rows(devices)).c_str(), stdout);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cudnn_plan_table: %s\n", error.what());
    return 1;
  }
  return 0;
}
