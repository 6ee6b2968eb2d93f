# What every preset shares: language level, sanitizers, linker, compiler cache, and the warnings
# that our own code (never third-party code) is held to.

set(PILLION_SANITIZE "" CACHE STRING "value of -fsanitize= for our code, or empty")
option(PILLION_LTO "link-time optimisation" OFF)
option(PILLION_TESTS "build the unit and component tests" OFF)
option(PILLION_FUZZ "build the fuzzers with libFuzzer (clang only)" OFF)
option(PILLION_PERF "build the micro-benchmarks" OFF)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

# Frame pointers stay in every build: perf and flame graphs need them, and they cost about 1 %.
add_compile_options(-fno-omit-frame-pointer -fdiagnostics-color=always)

if(PILLION_SANITIZE)
  add_compile_options(-fsanitize=${PILLION_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${PILLION_SANITIZE})
endif()
if(PILLION_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
# Function sections that nothing refers to (most of BoringSSL and protobuf) are dropped.
add_compile_options(-ffunction-sections -fdata-sections)
add_link_options(-Wl,--gc-sections)
if(PILLION_LTO)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
  add_link_options(-flto=auto)
endif()

find_program(PILLION_CCACHE ccache)
if(PILLION_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${PILLION_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${PILLION_CCACHE})
endif()

# mold re-runs itself for GCC's LTO plug-in, which gains nothing; the LTO build keeps the default linker.
if(NOT PILLION_LTO)
  find_program(PILLION_MOLD mold)
  find_program(PILLION_LLD ld.lld)
  if(PILLION_MOLD)
    add_link_options(-fuse-ld=mold)
  elseif(PILLION_LLD)
    add_link_options(-fuse-ld=lld)
  endif()
endif()

add_library(pillion_warnings INTERFACE)
target_compile_options(pillion_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wshadow;-Wnon-virtual-dtor;-Wold-style-cast;-Wimplicit-fallthrough;-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC bug 105651: -Wrestrict misfires on std::string concatenation at -O2.
  target_compile_options(pillion_warnings INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
endif()
