#pragma once

// CUDA's vector types for simt.h on a CPU, with CUDA's sizes and alignments.

#include <cstdint>

// Inlined even where nothing else is, so that the checks see the caller's line.
#define VGGROOVE_SIMT_INLINE inline __attribute__((always_inline))

struct uint3 {
  unsigned x, y, z;
};

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_size = 1, unsigned y_size = 1, unsigned z_size = 1)
      : x(x_size), y(y_size), z(z_size) {}
};

// Under the race and traffic check a vector is copied by ONE load and ONE store, as on a GPU: left
// alone, compilers copy it element by element, and every element would count as a request.
#if defined(__SANITIZE_THREAD__)
#define VGGROOVE_SIMT_WHOLE_VECTORS 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define VGGROOVE_SIMT_WHOLE_VECTORS 1
#endif
#endif

#ifdef VGGROOVE_SIMT_WHOLE_VECTORS
#define VGGROOVE_SIMT_VECTOR_COPY(Type, bytes)                           \
  using Whole = unsigned __attribute__((vector_size(bytes), may_alias)); \
  Type() = default;                                                      \
  VGGROOVE_SIMT_INLINE Type(const Type& other) {                         \
    *reinterpret_cast<Whole*>(this) = other.whole();                     \
  }                                                                      \
  VGGROOVE_SIMT_INLINE Type& operator=(const Type& other) {              \
    *reinterpret_cast<Whole*>(this) = other.whole();                     \
    return *this;                                                        \
  }                                                                      \
  VGGROOVE_SIMT_INLINE const Whole& whole() const {                      \
    return *reinterpret_cast<const Whole*>(this);                        \
  }
#define VGGROOVE_SIMT_VECTOR2(Type, Element)                            \
  struct alignas(2 * sizeof(Element)) Type {                            \
    Element x, y;                                                       \
    VGGROOVE_SIMT_VECTOR_COPY(Type, 2 * sizeof(Element))                \
    VGGROOVE_SIMT_INLINE Type(Element x_, Element y_) : x(x_), y(y_) {} \
  };
#define VGGROOVE_SIMT_VECTOR4(Type, Element)                                  \
  struct alignas(4 * sizeof(Element)) Type {                                  \
    Element x, y, z, w;                                                       \
    VGGROOVE_SIMT_VECTOR_COPY(Type, 4 * sizeof(Element))                      \
    VGGROOVE_SIMT_INLINE Type(Element x_, Element y_, Element z_, Element w_) \
        : x(x_), y(y_), z(z_), w(w_) {}                                       \
  };
#else
#define VGGROOVE_SIMT_VECTOR2(Type, Element) \
  struct alignas(2 * sizeof(Element)) Type { \
    Element x, y;                            \
  };
#define VGGROOVE_SIMT_VECTOR4(Type, Element) \
  struct alignas(4 * sizeof(Element)) Type { \
    Element x, y, z, w;                      \
  };
#endif

#define VGGROOVE_SIMT_VECTORS(Name, Element)                                                \
  VGGROOVE_SIMT_VECTOR2(Name##2, Element)                                                   \
  VGGROOVE_SIMT_VECTOR4(Name##4, Element)                                                   \
  VGGROOVE_SIMT_INLINE Name##2 make_##Name##2(Element x, Element y) {                       \
    return {x, y};                                                                          \
  }                                                                                         \
  VGGROOVE_SIMT_INLINE Name##4 make_##Name##4(Element x, Element y, Element z, Element w) { \
    return {x, y, z, w};                                                                    \
  }

VGGROOVE_SIMT_VECTORS(float, float)
VGGROOVE_SIMT_VECTORS(int, int)
VGGROOVE_SIMT_VECTORS(uint, unsigned)
VGGROOVE_SIMT_VECTOR2(double2, double)
inline double2 make_double2(double x, double y) {
  return {x, y};
}

// Small ones: one register of a GPU or less.
#define VGGROOVE_SIMT_SMALL_VECTORS(Name, Element)                                          \
  struct alignas(2 * sizeof(Element)) Name##2 {                                             \
    Element x, y;                                                                           \
  };                                                                                        \
  struct alignas(4 * sizeof(Element)) Name##4 {                                             \
    Element x, y, z, w;                                                                     \
  };                                                                                        \
  VGGROOVE_SIMT_INLINE Name##2 make_##Name##2(Element x, Element y) {                       \
    return {x, y};                                                                          \
  }                                                                                         \
  VGGROOVE_SIMT_INLINE Name##4 make_##Name##4(Element x, Element y, Element z, Element w) { \
    return {x, y, z, w};                                                                    \
  }

VGGROOVE_SIMT_SMALL_VECTORS(char, signed char)
VGGROOVE_SIMT_SMALL_VECTORS(uchar, unsigned char)
VGGROOVE_SIMT_SMALL_VECTORS(short, short)
VGGROOVE_SIMT_SMALL_VECTORS(ushort, unsigned short)
