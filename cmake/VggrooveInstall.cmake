# `cmake --install` and find_package(vggroove).
include(GNUInstallDirs)
