#pragma once

// VGGROOVE_SIMT_ASAN where AddressSanitizer checks this build; the compilers say it differently.
#if defined(__SANITIZE_ADDRESS__)
#define VGGROOVE_SIMT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VGGROOVE_SIMT_ASAN 1
#endif
#endif

#ifdef VGGROOVE_SIMT_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
