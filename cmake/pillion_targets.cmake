# The functions that every folder's CMakeLists.txt is made of. All of them glob with
# CONFIGURE_DEPENDS: a new file is picked up by the next build without an edit.

# pillion_library(<name> DEPS <target>...)
#   All *.cc of the current folder as one static library; a folder that holds only headers (or
#   nothing yet) becomes an interface library.
function(pillion_library name)
  cmake_parse_arguments(ARG "" "" "DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  if(sources)
    add_library(${name} STATIC ${sources})
    target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} PUBLIC ${ARG_DEPS} PRIVATE pillion_warnings)
  else()
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} INTERFACE ${ARG_DEPS})
  endif()
endfunction()

# pillion_program(<name> MAIN <file> DEPS <target>...)
function(pillion_program name)
  cmake_parse_arguments(ARG "" "MAIN" "DEPS" ${ARGN})
  file(GLOB main CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${ARG_MAIN})
  if(main)
    add_executable(${name} ${main})
    target_link_libraries(${name} PRIVATE ${ARG_DEPS} pillion_warnings)
  endif()
endfunction()

# pillion_test(<name> DIR <folder> DEPS <target>... [SPLIT])
#   All *.cc of a folder as one GoogleTest binary. SPLIT registers each test with ctest by itself,
#   which isolates tests that own sockets and threads; without it the binary is one ctest entry.
function(pillion_test name)
  cmake_parse_arguments(ARG "SPLIT" "DIR" "DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${ARG_DIR}/*.cc)
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gmock GTest::gtest_main pillion_warnings)
  # Half the compile time of -O1 with sanitizers; what is tested keeps its own level.
  target_compile_options(${name} PRIVATE -O0)
  if(ARG_SPLIT)
    gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 60 LABELS ${name})
  else()
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT 120 LABELS unit)
  endif()
endfunction()

# pillion_unit_tests(<folder of unit tests>)
#   tests/unit/<name>/ is tested against the library pillion_<name>, one binary unit_<name> each.
function(pillion_unit_tests root)
  file(GLOB entries CONFIGURE_DEPENDS LIST_DIRECTORIES true ${root}/*)
  foreach(entry ${entries})
    if(IS_DIRECTORY ${entry})
      cmake_path(GET entry FILENAME folder)
      pillion_test(unit_${folder} DIR ${entry} DEPS pillion_${folder})
    endif()
  endforeach()
endfunction()

# The library that a fuzzer or benchmark is about, from its file name: fuzz_http1.cc needs
# pillion_http and no more; a name that begins with no folder's name gets the whole sidecar.
function(pillion_subject_of file out)
  cmake_path(GET file STEM stem)
  set(${out} pillion_all PARENT_SCOPE)
  string(REGEX REPLACE "^[a-z]+_([a-z]+).*" "pillion_\\1" library ${stem})
  if(TARGET ${library})
    set(${out} ${library} PARENT_SCOPE)
  endif()
endfunction()

# pillion_fuzzer(<fuzz_name.cc>)
#   Under the fuzz preset a libFuzzer binary; under the others a program that runs the committed
#   corpus (tests/fuzz/corpus/<name>/) once, registered with ctest.
function(pillion_fuzzer file)
  cmake_path(GET file STEM name)
  string(REGEX REPLACE "^fuzz_" "" short ${name})
  pillion_subject_of(${file} subject)
  add_executable(${name} ${file})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${subject} pillion_warnings)
  if(PILLION_FUZZ)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(${name} PRIVATE ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../tests/fuzz/replay_main.cc)
    add_test(NAME ${name} COMMAND ${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${short})
    set_tests_properties(${name} PROPERTIES TIMEOUT 120 LABELS fuzz)
  endif()
endfunction()

# pillion_bench(<bench_name.cc>): one Google Benchmark program.
function(pillion_bench file)
  cmake_path(GET file STEM name)
  pillion_subject_of(${file} subject)
  add_executable(${name} ${file})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${subject} benchmark::benchmark benchmark::benchmark_main
                        pillion_warnings)
endfunction()
