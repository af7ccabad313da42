#pragma once

namespace vggroove::testing {

// Whether this is a sanitizer build, whose memory and times are its own. (The compilers' own macros
// differ.)
#ifdef VGGROOVE_SANITIZED
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace vggroove::testing
