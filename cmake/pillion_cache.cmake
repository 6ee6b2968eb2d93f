# Where fetched sources and the third-party libraries made from them live: outside of the build
# folders, so that every preset and every clean checkout uses the same ones. The folder's name
# carries all that its content depends on.

if(DEFINED ENV{PILLION_CACHE})
  set(PILLION_CACHE $ENV{PILLION_CACHE})
elseif(DEFINED ENV{XDG_CACHE_HOME})
  set(PILLION_CACHE $ENV{XDG_CACHE_HOME}/pillion)
else()
  set(PILLION_CACHE $ENV{HOME}/.cache/pillion)
endif()

set(pillion_root ${CMAKE_CURRENT_LIST_DIR}/..)
set(pillion_third_party ${pillion_root}/third_party)

# pillion_pin(<name> <out>): the folder that holds the unpacked source of one line of third_party/pins.
function(pillion_pin name out)
  file(STRINGS ${pillion_third_party}/pins line REGEX "^${name} ")
  string(REGEX REPLACE " +" ";" fields "${line}")
  list(GET fields 1 version)
  list(GET fields 4 sum)
  string(SUBSTRING ${sum} 0 12 sum)
  set(${out} ${PILLION_CACHE}/source/${name}-${version}-${sum} PARENT_SCOPE)
endfunction()

execute_process(COMMAND g++ -dumpfullversion -dumpmachine OUTPUT_VARIABLE pillion_key)
execute_process(COMMAND protoc --version OUTPUT_VARIABLE pillion_protoc)
string(APPEND pillion_key ${pillion_protoc})
foreach(file ${pillion_third_party}/pins ${pillion_third_party}/envoy_api_roots.txt
             ${pillion_third_party}/CMakeLists.txt)
  file(SHA256 ${file} sum)
  string(APPEND pillion_key ${sum})
endforeach()
string(SHA256 pillion_key "${pillion_key}")
string(SUBSTRING ${pillion_key} 0 16 pillion_key)
set(PILLION_PREBUILT ${PILLION_CACHE}/prebuilt/${pillion_key})
