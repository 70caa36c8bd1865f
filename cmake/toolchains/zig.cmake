# Cross-compiles with zig (pip install ziglang): clang and every libc it knows, in one package.
#   cmake --toolchain cmake/toolchains/zig.cmake -DZIG_TARGET=aarch64-linux-musl ...
#   ZIG_TARGET=x86_64-linux-gnu.2.28 is Linux with a glibc no newer than 2.28 (manylinux_2_28).
# With qemu's user emulation installed, ctest runs the programs of another processor.
set(ZIG_TARGET "$ENV{ZIG_TARGET}" CACHE STRING "Processor, system and C library to compile for")
if(NOT ZIG_TARGET)
  message(FATAL_ERROR "ZIG_TARGET is not set: say for instance -DZIG_TARGET=aarch64-linux-musl")
endif()
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ZIG_TARGET)

# Another C library on this machine's processor is no cross-compilation: what is built runs here.
string(REGEX REPLACE "-.*" "" zig_processor "${ZIG_TARGET}")
cmake_host_system_information(RESULT zig_host QUERY OS_PLATFORM)
if(NOT zig_processor STREQUAL zig_host OR ZIG_TARGET MATCHES "musl")
  set(CMAKE_SYSTEM_NAME Linux)
  set(CMAKE_SYSTEM_PROCESSOR ${zig_processor})
endif()

# ZIG: the program, where it is not on the path (the ziglang package keeps its own in its folder).
find_program(ZIG NAMES zig HINTS $ENV{ZIG_HOME})
if(NOT ZIG)
  find_program(zig_python NAMES python3 python REQUIRED)
  execute_process(COMMAND ${zig_python} -c "import ziglang; print(ziglang.__path__[0])"
    OUTPUT_VARIABLE zig_folder OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  find_program(ZIG NAMES zig HINTS ${zig_folder} REQUIRED)
endif()
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ZIG)

# CMake wants one program a tool: a script each.
set(zig_tools ${CMAKE_BINARY_DIR}/zig)
string(REGEX REPLACE "/CMakeFiles/CMakeScratch.*|/CMakeFiles/CMakeTmp.*" "" zig_tools "${zig_tools}")
foreach(tool IN ITEMS cc c++ ar ranlib)
  set(zig_arguments "${tool}")
  if(tool MATCHES "^c")
    string(APPEND zig_arguments " -target ${ZIG_TARGET}")
  endif()
  file(WRITE ${zig_tools}/${tool} "#!/bin/sh\nexec '${ZIG}' ${zig_arguments} \"$@\"\n")
  file(CHMOD ${zig_tools}/${tool} PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
endforeach()
set(CMAKE_C_COMPILER ${zig_tools}/cc)
set(CMAKE_CXX_COMPILER ${zig_tools}/c++)
set(CMAKE_AR ${zig_tools}/ar)
set(CMAKE_RANLIB ${zig_tools}/ranlib)

if(NOT zig_processor STREQUAL zig_host)
  find_program(zig_emulator NAMES qemu-${zig_processor}-static qemu-${zig_processor})
  if(zig_emulator)
    set(CMAKE_CROSSCOMPILING_EMULATOR ${zig_emulator})
  endif()
endif()
