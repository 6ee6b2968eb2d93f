# Imported targets for everything that we did not write. Debian's libraries are linked from their
# static archive where the package ships one: fewer relocations and pages for an idle sidecar, and
# no protobuf copied into every process by the loader.
include(${CMAKE_CURRENT_LIST_DIR}/pillion_cache.cmake)
find_package(Threads REQUIRED)

function(pillion_missing what)
  message(FATAL_ERROR "${what} is missing; run scripts/deps build, then configure again.")
endfunction()

# pillion_system_library(<target> LIB <name> [STATIC_NAME <name>] HEADER <file> DEPS <target>...)
function(pillion_system_library target)
  cmake_parse_arguments(ARG "" "LIB;STATIC_NAME;HEADER" "DEPS" ${ARGN})
  if(NOT ARG_STATIC_NAME)
    set(ARG_STATIC_NAME ${ARG_LIB})
  endif()
  find_library(PILLION_LIB_${ARG_LIB} NAMES lib${ARG_STATIC_NAME}.a lib${ARG_LIB}.so)
  find_path(PILLION_INCLUDE_${ARG_LIB} ${ARG_HEADER})
  if(NOT PILLION_LIB_${ARG_LIB} OR NOT PILLION_INCLUDE_${ARG_LIB})
    pillion_missing("lib${ARG_LIB} (<${ARG_HEADER}>)")
  endif()
  add_library(${target} UNKNOWN IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES
    IMPORTED_LOCATION ${PILLION_LIB_${ARG_LIB}}
    INTERFACE_INCLUDE_DIRECTORIES ${PILLION_INCLUDE_${ARG_LIB}})
  target_link_libraries(${target} INTERFACE ${ARG_DEPS})
endfunction()

pillion_system_library(third_party::uv LIB uv STATIC_NAME uv_a HEADER uv.h
                       DEPS Threads::Threads ${CMAKE_DL_LIBS} rt)
pillion_system_library(third_party::nghttp2 LIB nghttp2 HEADER nghttp2/nghttp2.h)
pillion_system_library(third_party::z LIB z HEADER zlib.h)
pillion_system_library(third_party::protobuf LIB protobuf HEADER google/protobuf/message.h
                       DEPS third_party::z Threads::Threads)
pillion_system_library(third_party::prometheus LIB prometheus-cpp-core HEADER prometheus/collectable.h)
pillion_system_library(third_party::re2 LIB re2 HEADER re2/re2.h DEPS Threads::Threads)
pillion_system_library(third_party::yaml LIB yaml-cpp HEADER yaml-cpp/yaml.h)
pillion_system_library(third_party::cares LIB cares HEADER ares.h)
pillion_system_library(third_party::fmt LIB fmt HEADER fmt/format.h)
foreach(package nlohmann_json spdlog CLI11)
  find_package(${package} QUIET)
  if(NOT ${package}_FOUND)
    pillion_missing(${package})
  endif()
endforeach()

# Built by scripts/deps in the cache folder (see third_party/CMakeLists.txt).
if(NOT EXISTS ${PILLION_PREBUILT}/done)
  pillion_missing("${PILLION_PREBUILT}")
endif()
function(pillion_prebuilt target)
  cmake_parse_arguments(ARG "" "LIB;INCLUDE" "DEPS" ${ARGN})
  add_library(${target} STATIC IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES
    IMPORTED_LOCATION ${PILLION_PREBUILT}/lib/${ARG_LIB}
    INTERFACE_INCLUDE_DIRECTORIES ${PILLION_PREBUILT}/${ARG_INCLUDE})
  target_link_libraries(${target} INTERFACE ${ARG_DEPS})
endfunction()

pillion_prebuilt(third_party::crypto LIB libcrypto.a INCLUDE boringssl DEPS Threads::Threads)
pillion_prebuilt(third_party::ssl LIB libssl.a INCLUDE boringssl DEPS third_party::crypto)
# Linked whole: a typed_config may name any message of the API, and JSON can only be read when its
# type is registered, even where our answer is that it is not supported.
add_library(pillion_envoy_api INTERFACE IMPORTED GLOBAL)
target_include_directories(pillion_envoy_api INTERFACE ${PILLION_PREBUILT}/envoy_api)
target_link_options(pillion_envoy_api INTERFACE
  LINKER:--whole-archive,${PILLION_PREBUILT}/lib/libpillion_envoy_api.a,--no-whole-archive)
target_link_libraries(pillion_envoy_api INTERFACE third_party::protobuf)
# Fields that Envoy deprecates stay in use by the configs that we must read.
target_compile_options(pillion_envoy_api INTERFACE -Wno-deprecated-declarations)
# protobuf's map fields have two more members in code that is compiled for ThreadSanitizer; the
# prebuilt libraries are not, and both must agree on the layout of every message.
if(PILLION_SANITIZE MATCHES "thread")
  target_compile_options(pillion_envoy_api INTERFACE -U__SANITIZE_THREAD__)
endif()

# llhttp is three C files: compiled with each preset's own flags, so that the sanitizers see it.
pillion_pin(llhttp llhttp)
set(llhttp ${llhttp}/vendor/llhttp)
if(NOT EXISTS ${llhttp}/src/llhttp.c)
  pillion_missing("${llhttp}")
endif()
file(GLOB llhttp_sources ${llhttp}/src/*.c)
add_library(third_party_llhttp STATIC ${llhttp_sources})
target_include_directories(third_party_llhttp SYSTEM PUBLIC ${llhttp}/include)
target_compile_options(third_party_llhttp PRIVATE -w)
add_library(third_party::llhttp ALIAS third_party_llhttp)

if(PILLION_TESTS)
  find_package(GTest)
  if(NOT GTest_FOUND)
    message(FATAL_ERROR "GoogleTest is missing; run scripts/deps test, then configure again.")
  endif()
  include(GoogleTest)
endif()
if(PILLION_PERF)
  find_package(benchmark)
endif()
