# `cmake --install`: the program, the shipped heads, the parts as libraries with their headers, and a
# package file, so that another project can find_package(vggroove) and link vggroove::pipeline.
include(CMakePackageConfigHelpers)

get_property(parts GLOBAL PROPERTY VGGROOVE_PARTS)
install(TARGETS vggroove RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS ${parts} EXPORT vggroove ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
foreach(plugin vggroove_cuda vggroove_mpi vggroove_sim)  # engine/backends/plugin_loader.h looks for them there
  if(TARGET ${plugin})
    install(TARGETS ${plugin} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/vggroove)
  endif()
endforeach()
foreach(part ${parts})
  string(REPLACE vggroove_ "" folder ${part})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/vggroove
          FILES_MATCHING PATTERN "*.h" PATTERN "*-inl.h" EXCLUDE
          # they need the headers of CUDA and MPI
          PATTERN backends/cuda EXCLUDE PATTERN backends/mpi EXCLUDE PATTERN backends/sim EXCLUDE)
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/weights/heads DESTINATION ${CMAKE_INSTALL_DATADIR}/vggroove)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/vggroove)
install(EXPORT vggroove NAMESPACE vggroove:: FILE vggroove-targets.cmake DESTINATION ${package_dir})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/vggroove-config.cmake.in
  ${PROJECT_BINARY_DIR}/vggroove-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/vggroove-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/vggroove-config.cmake ${PROJECT_BINARY_DIR}/vggroove-config-version.cmake
  ${PROJECT_SOURCE_DIR}/cmake/FindOneDnn.cmake ${PROJECT_SOURCE_DIR}/cmake/VggrooveDependencies.cmake
  DESTINATION ${package_dir})
