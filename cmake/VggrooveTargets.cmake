# What every target of ours shares: warnings as errors, include root, sanitizers.

add_library(vggroove_flags INTERFACE)
target_compile_options(vggroove_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
  -Woverloaded-virtual -Werror)
if(VGGROOVE_SANITIZE)
  target_compile_options(vggroove_flags INTERFACE -fsanitize=${VGGROOVE_SANITIZE} -fno-omit-frame-pointer -g1
    -fno-sanitize-recover=all)
  target_link_options(vggroove_flags INTERFACE -fsanitize=${VGGROOVE_SANITIZE})
endif()

# Of SIMD sources, which Highway compiles for several processors: clang needs up to eight times as long with checks
# that no pointer wraps around, and AddressSanitizer sees where one leads anyway.
#   set_source_files_properties(... PROPERTIES COMPILE_OPTIONS "${VGGROOVE_SIMD_OPTIONS}")
set(VGGROOVE_SIMD_OPTIONS "")
if(VGGROOVE_SANITIZE MATCHES undefined)
  set(VGGROOVE_SIMD_OPTIONS -fno-sanitize=pointer-overflow)
endif()

if(VGGROOVE_FUZZ)
  target_compile_options(vggroove_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Headers that take a compiler longer to read than most sources that include them are compiled once, for all
# targets alike; CMAKE_DISABLE_PRECOMPILE_HEADERS turns that off. Every source includes what it uses all the
# same: clang-tidy reads it without (tools/lint.sh).
#   vggroove_precompiled_headers(NAME HEADERS ... [OPTIONS ...] [LINK ...])
# Others use them with target_precompile_headers(OTHER REUSE_FROM NAME), with the same OPTIONS.
set(VGGROOVE_NOTHING ${PROJECT_BINARY_DIR}/nothing.cpp)
file(CONFIGURE OUTPUT ${VGGROOVE_NOTHING} CONTENT "// A target needs a source.\n")
function(vggroove_precompiled_headers name)
  cmake_parse_arguments(arg "" "" "HEADERS;OPTIONS;LINK" ${ARGN})
  add_library(${name} OBJECT ${VGGROOVE_NOTHING})
  target_compile_options(${name} PRIVATE ${arg_OPTIONS})
  target_link_libraries(${name} PRIVATE ${arg_LINK} vggroove_flags)
  target_precompile_headers(${name} PRIVATE ${arg_HEADERS})
endfunction()
set(VGGROOVE_STANDARD_HEADERS
  <algorithm> <cmath> <filesystem> <fstream> <functional> <map> <memory> <optional> <span> <string> <vector>)

# vggroove_part(NAME): one part of the program (base, weights, engine, ...) as a static library
# vggroove_NAME, exported as vggroove::NAME. Includes are written from the repository root.
function(vggroove_part name)
  add_library(vggroove_${name} STATIC)
  add_library(vggroove::${name} ALIAS vggroove_${name})
  set_target_properties(vggroove_${name} PROPERTIES EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON)
  target_include_directories(vggroove_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:include/vggroove>)
  target_compile_features(vggroove_${name} PUBLIC cxx_std_20)
  target_link_libraries(vggroove_${name} PRIVATE $<BUILD_INTERFACE:vggroove_flags>)
  set_property(GLOBAL APPEND PROPERTY VGGROOVE_PARTS vggroove_${name})
endfunction()

# What the build string of program and plugins is made of (engine/backends/plugin_build.h).
set(VGGROOVE_PLUGIN_DEFINITIONS VGGROOVE_VERSION="${PROJECT_VERSION}")
if(VGGROOVE_SANITIZE)
  list(APPEND VGGROOVE_PLUGIN_DEFINITIONS VGGROOVE_SANITIZED)
endif()

# vggroove_plugin(NAME FOLDER SOURCES ...): a library vggroove_NAME for the program to open when it runs
# (engine/backends/plugin.h), written to FOLDER. Only its entry point can be seen from outside.
function(vggroove_plugin name folder)
  cmake_parse_arguments(arg "" "" "SOURCES" ${ARGN})
  add_library(vggroove_${name} MODULE ${arg_SOURCES})
  target_compile_definitions(vggroove_${name} PRIVATE ${VGGROOVE_PLUGIN_DEFINITIONS})
  target_include_directories(vggroove_${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(vggroove_${name} PRIVATE vggroove_flags)
  set(exports ${PROJECT_SOURCE_DIR}/engine/backends/plugin.map)
  target_link_options(vggroove_${name} PRIVATE -Wl,--version-script=${exports} -Wl,--as-needed)
  set_target_properties(vggroove_${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${folder} LINK_DEPENDS ${exports}
    INSTALL_RPATH_USE_LINK_PATH ON)  # NVIDIA's libraries are where the toolkit was
endfunction()

# Most of a test is expectations, compiled once and run once: optimising them takes longer than it saves.
set(VGGROOVE_TEST_OPTIONS -O0)

# vggroove_test_program(NAME SOURCES ... [LINK ...]): a GoogleTest program. Files under tests/golden are found
# through VGGROOVE_GOLDEN_DIR.
function(vggroove_test_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_compile_options(${name} PRIVATE ${VGGROOVE_TEST_OPTIONS})
  target_link_libraries(${name} PRIVATE ${arg_LINK} vggroove_test_support GTest::gtest_main vggroove_flags)
  target_precompile_headers(${name} REUSE_FROM vggroove_test_headers)
endfunction()

# vggroove_test(NAME SOURCES ... [LINK ...] [LABELS L] [PREFIX P]): every TEST of the program is a ctest test of
# its own, P before its name.
function(vggroove_test name)
  cmake_parse_arguments(arg "" "PREFIX" "SOURCES;LINK;LABELS" ${ARGN})
  vggroove_test_program(${name} SOURCES ${arg_SOURCES} LINK ${arg_LINK})
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 TEST_PREFIX "${arg_PREFIX}"
                       PROPERTIES TIMEOUT 300 LABELS "${arg_LABELS}")
endfunction()
