#pragma once

namespace vggroove {

// Which build this is: program and plugin must agree, for a contract's number does not tell a
// library that was compiled with another C++ library or sanitizer.
#define VGGROOVE_TEXT_OF(x) #x
#define VGGROOVE_TEXT(x) VGGROOVE_TEXT_OF(x)
inline constexpr const char* kPluginBuild =
    "version " VGGROOVE_VERSION ", C++ ABI " VGGROOVE_TEXT(__GXX_ABI_VERSION)
#ifdef VGGROOVE_SANITIZED
        ", sanitized"
#endif
    ;
#undef VGGROOVE_TEXT
#undef VGGROOVE_TEXT_OF

}  // namespace vggroove
