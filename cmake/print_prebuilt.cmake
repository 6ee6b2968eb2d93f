# cmake -P: prints the folder of the third-party libraries, for scripts/deps.
include(${CMAKE_CURRENT_LIST_DIR}/pillion_cache.cmake)
message("${PILLION_PREBUILT}")
