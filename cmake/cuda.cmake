# The CUDA extension, pynn/_cuda: csrc/cuda/*.cu and csrc/kernels/*/cuda*.cu by nvcc, csrc/python/cuda/*.cpp by the C++ compiler, linked
# with the static runtime. PYNN_CUDA=AUTO builds it where there is an nvcc and says so in one line where there is not;
# ON demands one; OFF leaves it out. nvcc is PYNN_NVCC, else CMAKE_CUDA_COMPILER, else what CUDACXX, PATH, /usr/local/cuda
# or the Python package nvidia-cuda-nvcc of Python_EXECUTABLE have.
#
# nvcc is called directly, not as a CMake language: PyPI's layout has no toolkit around it for CMake's checks.
#
# PYNN_CUDA_EMULATION=ON compiles the same sources as host code (csrc/cuda/emulation.h): the tests test_<family>_cuda*
# and, with PYNN_PYTHON, the module _cuda_emulated in the build tree. It is never installed.
set(PYNN_CUDA AUTO CACHE STRING "Build the CUDA extension: AUTO (where nvcc is found), ON or OFF")
set_property(CACHE PYNN_CUDA PROPERTY STRINGS AUTO ON OFF)
set(PYNN_NVCC "" CACHE FILEPATH "nvcc to build the CUDA extension with; empty: looked for")
set(PYNN_CUDA_TARGETS
  "arch=compute_80,code=[sm_80,compute_80]" "arch=compute_90a,code=sm_90a"
  CACHE STRING "What nvcc compiles for, a -gencode each: Ampere and PTX for every later chip; Hopper")

file(GLOB pynn_cuda_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/csrc/cuda/*.cu ${PROJECT_SOURCE_DIR}/csrc/kernels/*/cuda*.cu)
file(GLOB pynn_cuda_bindings CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/csrc/python/cuda/*.cpp)

# ---- emulated ----
if(PYNN_CUDA_EMULATION)
  set(pynn_emulated_sources ${PROJECT_SOURCE_DIR}/csrc/cuda/emulation.cpp)
  foreach(source IN LISTS pynn_cuda_sources)
    # A C++ file of its own includes it: what language a .cu is, is one question a folder in CMake.
    file(RELATIVE_PATH path ${PROJECT_SOURCE_DIR}/csrc ${source})
    string(REGEX REPLACE "[/.]" "_" name ${path})
    set(wrapper ${CMAKE_CURRENT_BINARY_DIR}/emulated/${name}.cpp)
    file(CONFIGURE OUTPUT ${wrapper} CONTENT "#include \"${path}\"\n")
    list(APPEND pynn_emulated_sources ${wrapper})
  endforeach()
  add_library(pynn_emulated OBJECT ${pynn_emulated_sources})
  target_include_directories(pynn_emulated PUBLIC ${PROJECT_SOURCE_DIR}/csrc ${PROJECT_SOURCE_DIR}/csrc/include)
  target_compile_definitions(pynn_emulated PUBLIC PYNN_CUDA_EMULATION=1)
  # -O1: g++ takes long over unrolled kernels, and the tests are small. Unrolling is nvcc's pragma.
  target_compile_options(pynn_emulated PRIVATE ${pynn_warnings} -Wno-unknown-pragmas -ffp-contract=off -O1)

  if(PYNN_TESTS)
    file(GLOB programs CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/csrc/cuda/test*.cpp
      ${PROJECT_SOURCE_DIR}/csrc/kernels/*/test_cuda*.cpp)
    foreach(program IN LISTS programs)
      get_filename_component(folder ${program} DIRECTORY)
      get_filename_component(folder ${folder} NAME)
      get_filename_component(stem ${program} NAME_WE)
      string(REGEX REPLACE "^test" "" rest ${stem})
      set(target test_${folder}${rest})
      add_executable(${target} ${program} $<TARGET_OBJECTS:pynn_emulated>)
      target_link_libraries(${target} PRIVATE pynn_static)
      target_compile_definitions(${target} PRIVATE PYNN_CUDA_EMULATION=1)
      target_compile_options(${target} PRIVATE ${pynn_warnings} -Wno-unknown-pragmas -ffp-contract=off -O1)
      add_test(NAME ${target} COMMAND ${target})
    endforeach()
  endif()
endif()

# A Python module of the bindings and of kernels compiled one way or the other.
function(pynn_add_cuda_module name)
  Python_add_library(${name} MODULE WITH_SOABI ${pynn_cuda_bindings} ${ARGN})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/csrc ${PROJECT_SOURCE_DIR}/csrc/include)
  target_compile_definitions(${name} PRIVATE PYNN_CUDA_MODULE=${name} PYNN_STATIC=1)
  target_compile_options(${name} PRIVATE ${pynn_warnings} -Wno-missing-field-initializers -Wno-unknown-pragmas)
  target_link_libraries(${name} PRIVATE pybind11::headers)
  if(SKBUILD_SOABI)
    set_target_properties(${name} PROPERTIES SUFFIX ".${SKBUILD_SOABI}${CMAKE_SHARED_MODULE_SUFFIX}")
  endif()
endfunction()

if(PYNN_CUDA_EMULATION AND PYNN_PYTHON)
  pynn_add_cuda_module(_cuda_emulated $<TARGET_OBJECTS:pynn_emulated>)
  target_compile_definitions(_cuda_emulated PRIVATE PYNN_CUDA_EMULATION=1)
  set_target_properties(_cuda_emulated PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/emulated)
endif()

# ---- by nvcc ----
function(pynn_find_nvcc out)
  if(PYNN_NVCC)
    set(${out} ${PYNN_NVCC} PARENT_SCOPE)
    return()
  endif()
  set(found ${CMAKE_CUDA_COMPILER})
  if(NOT found)
    set(packages "")
    if(Python_EXECUTABLE)
      execute_process(COMMAND ${Python_EXECUTABLE} -c
        "import glob, sysconfig; print(';'.join(sorted(glob.glob(sysconfig.get_path('purelib') + '/nvidia/cu*/bin'))[::-1]))"
        OUTPUT_VARIABLE packages OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    endif()
    find_program(found_nvcc nvcc HINTS $ENV{CUDACXX} $ENV{CUDA_HOME}/bin $ENV{CUDA_PATH}/bin ${packages}
      PATHS /usr/local/cuda/bin NO_CACHE)
    if(EXISTS "$ENV{CUDACXX}")
      set(found_nvcc $ENV{CUDACXX})
    endif()
    set(found ${found_nvcc})
  endif()
  set(${out} ${found} PARENT_SCOPE)
endfunction()

if(PYNN_CUDA AND NOT PYNN_CUDA STREQUAL "OFF")
  pynn_find_nvcc(pynn_nvcc)
  set(pynn_no_cuda "")
  if(NOT pynn_nvcc)
    set(pynn_no_cuda "no nvcc was found (PYNN_NVCC names one)")
  elseif(NOT pynn_cuda_sources)
    set(pynn_no_cuda "there are no kernels")
  else()
    # Where its toolkit lies, nvcc says itself: it may be a script that calls another.
    execute_process(COMMAND ${pynn_nvcc} --dryrun -x cu -c /dev/null -o /dev/null
      OUTPUT_VARIABLE dry_run ERROR_VARIABLE dry_run)
    string(REGEX MATCH "TOP=([^\n]*)" pynn_cuda_root "${dry_run}")
    set(pynn_cuda_root "${CMAKE_MATCH_1}")
    find_library(pynn_cudart cudart_static NO_CACHE HINTS ${pynn_cuda_root}
      PATH_SUFFIXES lib lib64 targets/x86_64-linux/lib targets/sbsa-linux/lib)
    find_path(pynn_cuda_include cuda_runtime_api.h NO_CACHE HINTS ${pynn_cuda_root}
      PATH_SUFFIXES include targets/x86_64-linux/include targets/sbsa-linux/include)
    if(NOT pynn_cudart OR NOT pynn_cuda_include)
      set(pynn_no_cuda "${pynn_nvcc} has no libcudart_static.a or no cuda_runtime_api.h beside it")
    endif()
  endif()
  if(pynn_no_cuda AND PYNN_CUDA STREQUAL "AUTO")
    message(STATUS "CUDA extension: left out, ${pynn_no_cuda}")
  elseif(pynn_no_cuda)
    message(FATAL_ERROR "PYNN_CUDA=ON, but ${pynn_no_cuda}. Install nvcc (pip install nvidia-cuda-nvcc "
      "nvidia-cuda-runtime nvidia-cuda-cccl) or configure with -DPYNN_CUDA=OFF.")
  else()
    message(STATUS "CUDA extension: with ${pynn_nvcc}")
    set(nvcc_flags -std=c++17 -O3 -ccbin ${CMAKE_CXX_COMPILER} -Xcompiler=-fPIC,-fvisibility=hidden
      -I${PROJECT_SOURCE_DIR}/csrc -I${PROJECT_SOURCE_DIR}/csrc/include -DPYNN_STATIC=1)
    foreach(target IN LISTS PYNN_CUDA_TARGETS)
      list(APPEND nvcc_flags -gencode ${target})
    endforeach()
    if(PYNN_WERROR)
      list(APPEND nvcc_flags -Werror all-warnings)
    endif()
    foreach(source IN LISTS pynn_cuda_sources)
      file(RELATIVE_PATH path ${PROJECT_SOURCE_DIR}/csrc ${source})
      string(REGEX REPLACE "[/.]" "_" name ${path})
      set(object ${CMAKE_CURRENT_BINARY_DIR}/cuda/${name}.o)
      add_custom_command(OUTPUT ${object}
        COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_CURRENT_BINARY_DIR}/cuda
        COMMAND ${pynn_nvcc} ${nvcc_flags} -MD -MF ${object}.d -c ${source} -o ${object}
        DEPENDS ${source} DEPFILE ${object}.d COMMENT "nvcc ${path}" VERBATIM)
      list(APPEND pynn_cuda_objects ${object})
    endforeach()
    add_custom_target(cuda_kernels DEPENDS ${pynn_cuda_objects})  # what tools/compile_cuda.py builds
  endif()
  if(pynn_cuda_objects AND PYNN_PYTHON)
    pynn_add_cuda_module(_cuda ${pynn_cuda_objects})
    target_include_directories(_cuda SYSTEM PRIVATE ${pynn_cuda_include})
    target_link_libraries(_cuda PRIVATE ${pynn_cudart} Threads::Threads ${CMAKE_DL_LIBS} rt)
    set_target_properties(_cuda PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${pynn_python_output})
    install(TARGETS _cuda LIBRARY DESTINATION pynn)
  endif()
endif()
