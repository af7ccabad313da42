# Kernels compiled by nvcc for real devices, where there is a CUDA toolkit:
#   vggroove_kernels_cuda  all cells, for every architecture of VGGROOVE_CUDA_ARCHITECTURES
# nvcc is called by a command of our own rather than as a language of CMake: the same .cu files are C++
# to the libraries of simulated kernels, and what ptxas says about each kernel has to be kept.
set(VGGROOVE_CUDA_ARCHITECTURES 80 90 100 120 CACHE STRING "Compute capabilities to compile for")
find_package(Python3 REQUIRED COMPONENTS Interpreter)
find_package(CUDAToolkit QUIET)
if(NOT CUDAToolkit_FOUND)
  set(VGGROOVE_CUDA OFF)
  message(STATUS "No CUDA toolkit: kernels are built for the simulator only, their budgets are not checked")
elseif(VGGROOVE_SANITIZE OR VGGROOVE_FUZZ)
  set(VGGROOVE_CUDA OFF)
  message(STATUS "Sanitizer build: kernels are built for the simulator only")
else()
  set(VGGROOVE_CUDA ON)
endif()

set(nvcc_flags -std=c++20 -O3 -lineinfo -I${PROJECT_SOURCE_DIR} -ccbin=${CMAKE_CXX_COMPILER}
    -Werror=all-warnings -Xcompiler=-fPIC,-Wall,-Wextra,-Wshadow,-Werror
    -Xptxas=-v,--warn-on-spills,--warn-on-local-memory-usage,-Werror)
foreach(architecture ${VGGROOVE_CUDA_ARCHITECTURES})
  list(APPEND nvcc_flags -gencode=arch=compute_${architecture},code=sm_${architecture})
endforeach()
list(GET VGGROOVE_CUDA_ARCHITECTURES -1 newest)  # later devices compile this at their first start
list(APPEND nvcc_flags -gencode=arch=compute_${newest},code=compute_${newest})
set(VGGROOVE_NVCC_FLAGS ${nvcc_flags})
unset(nvcc_flags)
unset(newest)

# vggroove_cuda_kernel(GROUP/NAME): the cell's part for nvcc; called by vggroove_kernel.
function(vggroove_cuda_kernel cell)
  if(NOT TARGET vggroove_kernels_cuda)
    add_library(vggroove_kernels_cuda STATIC)
    set_target_properties(vggroove_kernels_cuda PROPERTIES LINKER_LANGUAGE CXX)
    target_link_libraries(vggroove_kernels_cuda PUBLIC vggroove_kernels vggroove_base CUDA::cudart_static)
  endif()
  set(object ${CMAKE_CURRENT_BINARY_DIR}/cuda/${cell}.o)
  set(usage ${CMAKE_CURRENT_BINARY_DIR}/cuda/${cell}.tsv)
  get_filename_component(folder ${object} DIRECTORY)
  file(MAKE_DIRECTORY ${folder})
  add_custom_command(
    OUTPUT ${object} ${usage}
    COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tools/compile_kernel.py ${cell} ${usage}
            ${CUDAToolkit_NVCC_EXECUTABLE} ${VGGROOVE_NVCC_FLAGS} -MD -MT ${object} -MF ${object}.d
            -c ${CMAKE_CURRENT_SOURCE_DIR}/${cell}.cu -o ${object}
    DEPENDS ${cell}.cu ${PROJECT_SOURCE_DIR}/tools/compile_kernel.py
    DEPFILE ${object}.d
    COMMENT "Compiling kernels ${cell} for CUDA devices"
    VERBATIM)
  set_source_files_properties(${object} PROPERTIES EXTERNAL_OBJECT TRUE)
  target_sources(vggroove_kernels_cuda PRIVATE ${object})
  set_property(GLOBAL APPEND PROPERTY VGGROOVE_KERNEL_USAGE ${usage})
endfunction()

# The test of the budgets, label budget, and the target that writes them anew.
function(vggroove_kernel_budgets)
  get_property(usage GLOBAL PROPERTY VGGROOVE_KERNEL_USAGE)
  set(tool Python3::Interpreter ${PROJECT_SOURCE_DIR}/tools/kernel_budgets.py)
  set(budgets ${PROJECT_SOURCE_DIR}/kernels/budgets.tsv)
  if(usage)
    add_test(NAME kernel_budgets COMMAND ${tool} check ${budgets} ${usage})
    set_tests_properties(kernel_budgets PROPERTIES LABELS budget)
    add_custom_target(update_kernel_budgets COMMAND ${tool} update ${budgets} ${usage} VERBATIM)
    add_dependencies(update_kernel_budgets vggroove_kernels_cuda)
  endif()
endfunction()
