#pragma once

namespace vggroove::bench {

// fp32 multiply-adds that one core can do, in GFLOP/s by CPU time: register-only chains on the
// widest vectors. Takes about 2 ms, so that it can be asked for next to what it is compared with.
double fma_peak_gflops();

}  // namespace vggroove::bench
