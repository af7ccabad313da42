# Defines Nccl::nccl and Nccl::headers, known in every folder. NCCL is looked for beside the CUDA toolkit,
# too, where NVIDIA's packages put it.
find_package(CUDAToolkit QUIET)
find_path(NCCL_INCLUDE_DIR nccl.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
find_library(NCCL_LIBRARY nccl HINTS ${CUDAToolkit_LIBRARY_DIR} ${CUDAToolkit_LIBRARY_ROOT}/lib)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Nccl REQUIRED_VARS NCCL_LIBRARY NCCL_INCLUDE_DIR)
if(Nccl_FOUND AND NOT TARGET Nccl::nccl)
  add_library(Nccl::headers INTERFACE IMPORTED GLOBAL)
  set_target_properties(Nccl::headers PROPERTIES INTERFACE_INCLUDE_DIRECTORIES ${NCCL_INCLUDE_DIR})
  add_library(Nccl::nccl UNKNOWN IMPORTED GLOBAL)
  set_target_properties(Nccl::nccl PROPERTIES
    IMPORTED_LOCATION ${NCCL_LIBRARY} INTERFACE_LINK_LIBRARIES Nccl::headers)
endif()
mark_as_advanced(NCCL_INCLUDE_DIR NCCL_LIBRARY)
