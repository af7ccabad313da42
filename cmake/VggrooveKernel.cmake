# Kernel cells (CONTRIBUTING.md, "a new kernel cell") and the libraries that they are built into:
#   vggroove_kernels               references (plain C++)
#   vggroove_kernels_simt          the CUDA sources, compiled for kernels/simt: threads are fibers
#   vggroove_kernels_simt_checked  the same, instrumented: races, uninitialised memory, traffic
#   vggroove_kernels_cuda          the same for real devices (VggrooveCuda.cmake)
# A sanitizer's own instrumentation excludes the checked one.
include(VggrooveCuda)
if(VGGROOVE_SANITIZE)
  set(VGGROOVE_SIMT_CHECKED OFF)
else()
  set(VGGROOVE_SIMT_CHECKED ON)
endif()

# vggroove_simt_library(NAME [CHECKED] SOURCES ...): CUDA sources compiled for a CPU.
function(vggroove_simt_library name)
  cmake_parse_arguments(arg "CHECKED" "" "SOURCES" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  set_source_files_properties(${arg_SOURCES} PROPERTIES LANGUAGE CXX)
  vggroove_simt_flags(${name} ${arg_CHECKED})
endfunction()

# Line tables and real calls, for errors that name lines (addr2line of binutils 2.40 does not find inlined
# calls in DWARF 5 of clang); no fusing of a * b + c behind a kernel's back.
function(vggroove_simt_flags name checked)
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE vggroove_flags)
  target_compile_options(${name} PRIVATE -g1 -gdwarf-4 -fno-optimize-sibling-calls -ffp-contract=off
                         -Wno-unknown-pragmas)
  if(checked)
    # The compiler's calls of __tsan_* reach kernels/simt/instrumentation.cpp: libtsan is not linked.
    # Loads and stores must stay those of the source: no vectors, no merging.
    target_compile_options(${name} PRIVATE -O1 -fsanitize=thread -fno-tree-vectorize)
    if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
      target_compile_options(${name} PRIVATE "SHELL:--param tsan-instrument-func-entry-exit=0"
                             -fno-store-merging)
    else()
      target_compile_options(${name} PRIVATE
        "SHELL:-mllvm -tsan-instrument-func-entry-exit=0"
        "SHELL:-mllvm -tsan-instrument-read-before-write=1")
    endif()
  else()
    target_compile_options(${name} PRIVATE $<$<NOT:$<CONFIG:Debug>>:-O2>)
  endif()
endfunction()

# vggroove_kernel(GROUP/NAME): one cell. In kernels/CMakeLists.txt.
function(vggroove_kernel cell)
  foreach(file kernels/${cell}.h kernels/${cell}.cu kernels/${cell}_ref.cpp tests/kernels/${cell}_test.cpp
               bench/kernels/${cell}_bench.cpp)
    if(NOT EXISTS ${PROJECT_SOURCE_DIR}/${file})
      message(FATAL_ERROR "vggroove_kernel(${cell}): ${file} is missing; a cell has a contract, kernels, "
                          "a reference, a test and a benchmark (CONTRIBUTING.md)")
    endif()
  endforeach()
  target_sources(vggroove_kernels PRIVATE ${cell}_ref.cpp)
  target_sources(vggroove_kernels_simt PRIVATE ${cell}.cu)
  if(VGGROOVE_SIMT_CHECKED)
    target_sources(vggroove_kernels_simt_checked PRIVATE ${cell}.cu)
  endif()
  set_source_files_properties(${cell}.cu PROPERTIES LANGUAGE CXX)
  if(VGGROOVE_CUDA)
    vggroove_cuda_kernel(${cell})
  endif()
  set_property(GLOBAL APPEND PROPERTY VGGROOVE_CELLS ${cell})
endfunction()

# vggroove_simt_test(NAME SOURCES ... [CHECKED_SOURCES ...] [KERNELS ...] [LINK ...]): the same tests against
# kernels as they are (NAME_test, label simt) and against instrumented ones (NAME_checked_test, label
# race-traffic: ctest -L race and -L traffic both find it; gtest_discover_tests cannot pass two labels).
# CHECKED_SOURCES make sense only with the latter. KERNELS are CUDA sources of the test's own.
function(vggroove_simt_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;CHECKED_SOURCES;KERNELS;LINK" ${ARGN})
  set(variants simt)
  if(VGGROOVE_SIMT_CHECKED)
    list(APPEND variants simt_checked)
  endif()
  foreach(variant ${variants})
    if(variant STREQUAL simt_checked)
      set(checked CHECKED)
    endif()
    set(libraries vggroove_kernels_${variant} vggroove_kernels)
    string(REPLACE simt ${name} test ${variant})
    if(arg_KERNELS)
      vggroove_simt_library(${test}_kernels ${checked} SOURCES ${arg_KERNELS})
      list(PREPEND libraries ${test}_kernels)
    endif()
    if(variant STREQUAL simt)
      vggroove_test(${test}_test SOURCES ${arg_SOURCES} LINK ${libraries} ${arg_LINK} LABELS simt)
    else()
      vggroove_test(${test}_test SOURCES ${arg_SOURCES} ${arg_CHECKED_SOURCES} LINK ${libraries} ${arg_LINK}
                    LABELS race-traffic PREFIX checked/)
    endif()
  endforeach()
endfunction()

# The tests of all cells, and of their budgets. In tests/kernels/CMakeLists.txt. Each test is compiled once,
# and linked with simulated kernels, with checked ones, and with kernels for a device (gpu_kernels_test).
function(vggroove_kernel_tests)
  get_property(cells GLOBAL PROPERTY VGGROOVE_CELLS)
  foreach(cell ${cells})
    get_filename_component(name ${cell} NAME)
    add_library(${name}_tests OBJECT ${cell}_test.cpp)
    target_link_libraries(${name}_tests PRIVATE vggroove_test_support nlohmann_json::nlohmann_json
                          GTest::gtest vggroove_flags)
    target_compile_options(${name}_tests PRIVATE ${VGGROOVE_TEST_OPTIONS})
    target_precompile_headers(${name}_tests REUSE_FROM vggroove_test_headers)
    vggroove_simt_test(${name} SOURCES $<TARGET_OBJECTS:${name}_tests>)
    list(APPEND gpu_tests $<TARGET_OBJECTS:${name}_tests>)
  endforeach()
  vggroove_kernel_budgets()
  add_executable(device_pointers_test gpu/device_pointers_main.cpp ${gpu_tests})
  target_link_libraries(device_pointers_test PRIVATE vggroove_kernels_simt vggroove_kernels vggroove_test_support
                        GTest::gtest vggroove_flags)
  add_test(NAME device_pointers COMMAND device_pointers_test --gtest_brief=1)
  set_tests_properties(device_pointers PROPERTIES LABELS simt TIMEOUT 120)
  if(VGGROOVE_CUDA)
    add_executable(gpu_kernels_test gpu/gpu_main.cpp ${gpu_tests})
    target_include_directories(gpu_kernels_test SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
    target_link_libraries(gpu_kernels_test PRIVATE vggroove_kernels_cuda vggroove_kernels vggroove_engine
                          vggroove_test_support GTest::gtest vggroove_flags)
    gtest_discover_tests(gpu_kernels_test DISCOVERY_TIMEOUT 60 TEST_PREFIX gpu/
                         PROPERTIES TIMEOUT 300 LABELS gpu SKIP_RETURN_CODE 77)
  endif()
endfunction()
