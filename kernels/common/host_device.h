#pragma once

// Marks functions that kernels and host code share, whichever compiler reads them.
#ifdef __CUDACC__
#define VGGROOVE_HOST_DEVICE __host__ __device__
#else
#define VGGROOVE_HOST_DEVICE
#endif
