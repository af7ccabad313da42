#include "kernels/dsp/logmel_callbacks_image.h"

// The file that nvcc made (kernels/CMakeLists.txt), as it is.
extern "C" const unsigned char vggroove_logmel_callbacks_begin[];
extern "C" const unsigned char vggroove_logmel_callbacks_end[];
asm(R"(
  .pushsection .rodata
  .balign 16
  .hidden vggroove_logmel_callbacks_begin
  .hidden vggroove_logmel_callbacks_end
  .globl vggroove_logmel_callbacks_begin
  .globl vggroove_logmel_callbacks_end
vggroove_logmel_callbacks_begin:
  .incbin ")" VGGROOVE_LOGMEL_CALLBACKS_FATBIN R"("
vggroove_logmel_callbacks_end:
  .popsection
)");

namespace vggroove {

CallbackImage logmel_callbacks_image() {
  return {
      vggroove_logmel_callbacks_begin,
      static_cast<std::size_t>(vggroove_logmel_callbacks_end - vggroove_logmel_callbacks_begin)};
}

}  // namespace vggroove
