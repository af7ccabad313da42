#pragma once

#include <string_view>

namespace vggroove {

// What computes. kAuto: cuda where its plugin, a driver and a device are present, else cpu.
// kSim: the CUDA backend itself, its kernels and vendor libraries played by the processor.
enum class Device { kAuto, kCpu, kCuda, kSim };
// kTf32: fp32 in memory, products of 10-bit mantissas on tensor cores; cuda and sim only.
enum class Precision { kFp32, kTf32, kBf16 };

// Which CPU implementation: our own kernels, or oneDNN's (the portable path and the check).
enum class CpuPath { kOwn, kOneDnn };

// How cuda and sim compute log-mels (kernels/dsp/logmel.h); cpu has its own way.
enum class LogmelMethod {
  kOwn,             // v4: one launch of our own transform, mel and logarithm
  kCufft,           // v2: our kernels on both sides of cuFFT
  kCufftCallbacks,  // v3: cuFFT loads windowed samples and stores magnitudes by itself
};

std::string_view device_name(Device device);           // "auto", "cpu", "cuda", "sim"
std::string_view precision_name(Precision precision);  // "fp32", "tf32", "bf16"

}  // namespace vggroove
