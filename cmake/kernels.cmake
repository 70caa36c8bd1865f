# libpynn: every file of csrc/{base,capi,kernels/*} but tests and benchmarks.
# A file's name tells how it is compiled: x86_avx2.cpp and x86_avx512.cpp get that
# ISA's flags (x86_avx512bf16.cpp one more), everything else the baseline's. A new family needs no line here.
find_package(Threads REQUIRED)

file(GLOB pynn_sources CONFIGURE_DEPENDS
  ${PROJECT_SOURCE_DIR}/csrc/base/*.cpp
  ${PROJECT_SOURCE_DIR}/csrc/capi/*.cpp
  ${PROJECT_SOURCE_DIR}/csrc/kernels/*/*.cpp)
list(FILTER pynn_sources EXCLUDE REGEX "/(test[a-z0-9_]*|bench)\\.cpp$")

string(TOLOWER "${CMAKE_SYSTEM_PROCESSOR}" pynn_processor)
if(PYNN_ISA_VARIANTS AND pynn_processor MATCHES "x86_64|amd64")
  set(PYNN_X86 ON)
else()
  set(PYNN_X86 OFF)
  list(FILTER pynn_sources EXCLUDE REGEX "/x86_[a-z0-9]+\\.cpp$")
endif()

foreach(source IN LISTS pynn_sources)
  if(source MATCHES "/x86_avx2\\.cpp$")
    set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "-mavx2;-mfma;-mf16c")
  elseif(source MATCHES "/x86_avx512(bf16)?\\.cpp$")
    set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS
      "-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mavx2;-mfma;-mf16c;-mprefer-vector-width=512")
    if(source MATCHES "bf16\\.cpp$")
      set_property(SOURCE ${source} APPEND PROPERTY COMPILE_OPTIONS "-mavx512bf16")
    endif()
  endif()
endforeach()

# These loops are vectors by hand: all that -O3 adds to -O2 is twice the code.
foreach(variant IN ITEMS portable x86_avx2 x86_avx512)
  set_property(SOURCE ${PROJECT_SOURCE_DIR}/csrc/kernels/elementwise/${variant}.cpp APPEND PROPERTY COMPILE_OPTIONS -O2)
  # Weaves the vectors in flight into one another, as clang does of itself.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    set_property(SOURCE ${PROJECT_SOURCE_DIR}/csrc/kernels/elementwise/${variant}.cpp APPEND PROPERTY
      COMPILE_OPTIONS -fschedule-insns -fsched-pressure)
  endif()
endforeach()

set(pynn_warnings -Wall -Wextra -Wno-psabi)
if(PYNN_WERROR)
  list(APPEND pynn_warnings -Werror)
endif()

# Compiled once: the library links the objects, the tests and benchmarks a static copy of them.
add_library(pynn_objects OBJECT ${pynn_sources})
target_include_directories(pynn_objects PRIVATE ${PROJECT_SOURCE_DIR}/csrc ${PROJECT_SOURCE_DIR}/csrc/include)
# -ffp-contract=off: whether a*b+c is fused must be the source's choice, so that every
# ISA of one family rounds as its README says.
target_compile_options(pynn_objects PRIVATE ${pynn_warnings} -ffp-contract=off -fno-math-errno -fno-trapping-math)
target_compile_definitions(pynn_objects PRIVATE
  PYNN_BUILDING=1
  PYNN_VERSION_STRING="${PYNN_VERSION_FULL}"
  PYNN_COMPILER_STRING="${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}"
  $<$<BOOL:${PYNN_X86}>:PYNN_X86=1>)

add_library(pynn SHARED $<TARGET_OBJECTS:pynn_objects>)
add_library(pynn::pynn ALIAS pynn)
target_link_libraries(pynn PRIVATE Threads::Threads)
if(NOT APPLE)
  target_link_options(pynn PRIVATE -Wl,--no-undefined)
endif()
if(PYNN_INPLACE)
  set_target_properties(pynn PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${PROJECT_SOURCE_DIR}/pynn)
endif()

# csrc/kernels/<family>/test*.cpp and csrc/base/test*.cpp -> test_<folder>[_<rest>]; bench.cpp -> bench_<family>.
# They link a static copy so that they reach what libpynn does not export.
if(PYNN_TESTS OR PYNN_BENCH)
  add_library(pynn_static STATIC $<TARGET_OBJECTS:pynn_objects>)
  target_include_directories(pynn_static PUBLIC ${PROJECT_SOURCE_DIR}/csrc ${PROJECT_SOURCE_DIR}/csrc/include)
  target_compile_definitions(pynn_static PUBLIC PYNN_STATIC=1 $<$<BOOL:${PYNN_X86}>:PYNN_X86=1>)
  target_link_libraries(pynn_static PUBLIC Threads::Threads)

  function(pynn_add_programs kind)
    file(GLOB programs CONFIGURE_DEPENDS
      ${PROJECT_SOURCE_DIR}/csrc/base/${kind}*.cpp
      ${PROJECT_SOURCE_DIR}/csrc/capi/${kind}*.cpp ${PROJECT_SOURCE_DIR}/csrc/capi/${kind}*.c
      ${PROJECT_SOURCE_DIR}/csrc/kernels/*/${kind}*.cpp)
    list(FILTER programs EXCLUDE REGEX "/test_cuda[a-z0-9_]*\\.cpp$")  # cmake/cuda.cmake's
    foreach(program IN LISTS programs)
      get_filename_component(folder ${program} DIRECTORY)
      get_filename_component(folder ${folder} NAME)
      get_filename_component(stem ${program} NAME_WE)
      string(REGEX REPLACE "^${kind}" "" rest ${stem})
      set(target ${kind}_${folder}${rest})
      add_executable(${target} ${program})
      target_link_libraries(${target} PRIVATE pynn_static)
      target_compile_options(${target} PRIVATE ${pynn_warnings})
      if(kind STREQUAL "test")
        add_test(NAME ${target} COMMAND ${target})
        set_tests_properties(${target} PROPERTIES ENVIRONMENT "PYNN_TEST_EMULATOR=${CMAKE_CROSSCOMPILING_EMULATOR}")
      endif()
    endforeach()
  endfunction()

  if(PYNN_TESTS)
    enable_testing()
    pynn_add_programs(test)
  endif()
  if(PYNN_BENCH)
    pynn_add_programs(bench)
  endif()
endif()

# The installed library: headers, libpynn and a package file, so that find_package(pynn) works; in a
# Python package all of it lies in its folder, which the cmake.root entry point names.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
if(SKBUILD)
  set(pynn_install_lib pynn)
  set(pynn_install_include pynn/include)
  set(pynn_install_cmake pynn/lib/cmake/pynn)
else()
  set(pynn_install_lib ${CMAKE_INSTALL_LIBDIR})
  set(pynn_install_include ${CMAKE_INSTALL_INCLUDEDIR})
  set(pynn_install_cmake ${CMAKE_INSTALL_LIBDIR}/cmake/pynn)
endif()
target_include_directories(pynn
  PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/csrc/include> $<INSTALL_INTERFACE:${pynn_install_include}>)
install(TARGETS pynn EXPORT pynnTargets LIBRARY DESTINATION ${pynn_install_lib})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/csrc/include/pynn DESTINATION ${pynn_install_include})
install(EXPORT pynnTargets NAMESPACE pynn:: FILE pynnTargets.cmake DESTINATION ${pynn_install_cmake})
file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/pynnConfig.cmake
  "include(\"\${CMAKE_CURRENT_LIST_DIR}/pynnTargets.cmake\")\n")
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/pynnConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/pynnConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/pynnConfigVersion.cmake
  DESTINATION ${pynn_install_cmake})
