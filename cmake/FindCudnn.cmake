# Defines Cudnn::cudnn and Cudnn::headers (cuDNN and the CUDA headers that its own include), known in every
# folder. cuDNN is looked for beside the CUDA toolkit, too, where NVIDIA's packages put it.
find_package(CUDAToolkit QUIET)
find_path(CUDNN_INCLUDE_DIR cudnn.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
find_library(CUDNN_LIBRARY cudnn HINTS ${CUDAToolkit_LIBRARY_DIR} ${CUDAToolkit_LIBRARY_ROOT}/lib)
if(CUDNN_INCLUDE_DIR AND EXISTS ${CUDNN_INCLUDE_DIR}/cudnn_version.h)
  file(STRINGS ${CUDNN_INCLUDE_DIR}/cudnn_version.h numbers REGEX "#define CUDNN_(MAJOR|MINOR|PATCHLEVEL) ")
  list(TRANSFORM numbers REPLACE "[^0-9]" "")
  list(JOIN numbers "." Cudnn_VERSION)
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Cudnn VERSION_VAR Cudnn_VERSION
  REQUIRED_VARS CUDNN_LIBRARY CUDNN_INCLUDE_DIR CUDAToolkit_FOUND)
if(Cudnn_FOUND AND NOT TARGET Cudnn::cudnn)
  add_library(Cudnn::headers INTERFACE IMPORTED GLOBAL)
  set_target_properties(Cudnn::headers PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${CUDNN_INCLUDE_DIR};${CUDAToolkit_INCLUDE_DIRS}")
  add_library(Cudnn::cudnn UNKNOWN IMPORTED GLOBAL)
  set_target_properties(Cudnn::cudnn PROPERTIES
    IMPORTED_LOCATION ${CUDNN_LIBRARY} INTERFACE_LINK_LIBRARIES Cudnn::headers)
endif()
mark_as_advanced(CUDNN_INCLUDE_DIR CUDNN_LIBRARY)
