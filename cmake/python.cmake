# The Python extensions: _native (bindings) and _core (Tensor, tape and door, by Cython from plain Python).
find_package(Python REQUIRED COMPONENTS Interpreter Development.Module NumPy)
if(NOT pybind11_DIR)
  execute_process(COMMAND ${Python_EXECUTABLE} -m pybind11 --cmakedir
    OUTPUT_VARIABLE pybind11_DIR OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
find_package(pybind11 CONFIG REQUIRED)

if(PYNN_INPLACE)
  set(pynn_python_output ${PROJECT_SOURCE_DIR}/pynn)
else()
  set(pynn_python_output ${CMAKE_CURRENT_BINARY_DIR}/python)
endif()
if(APPLE)
  set(pynn_origin "@loader_path")
else()
  set(pynn_origin "$ORIGIN")
endif()

file(GLOB pynn_bindings CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/csrc/python/*.cpp)
pybind11_add_module(_native MODULE NO_EXTRAS ${pynn_bindings})
target_include_directories(_native PRIVATE ${PROJECT_SOURCE_DIR}/csrc/python)
# CPython type objects are initialised by their first fields.
target_compile_options(_native PRIVATE ${pynn_warnings} -Wno-missing-field-initializers)
target_link_libraries(_native PRIVATE pynn::pynn Python::NumPy)

set(core_c ${CMAKE_CURRENT_BINARY_DIR}/_core.c)
add_custom_command(
  OUTPUT ${core_c}
  COMMAND ${Python_EXECUTABLE} -m cython -3 ${PROJECT_SOURCE_DIR}/pynn/_core.py -o ${core_c}
  DEPENDS ${PROJECT_SOURCE_DIR}/pynn/_core.py ${PROJECT_SOURCE_DIR}/pynn/_core.pxd
  COMMENT "Compiling pynn/_core.py with Cython" VERBATIM)
Python_add_library(_core MODULE WITH_SOABI ${core_c})
target_compile_options(_core PRIVATE -w)

if(SKBUILD_SOABI)  # that of the Python built for, which need not be the one that builds
  set_target_properties(_native _core PROPERTIES SUFFIX ".${SKBUILD_SOABI}${CMAKE_SHARED_MODULE_SUFFIX}")
endif()
set_target_properties(_native _core PROPERTIES
  LIBRARY_OUTPUT_DIRECTORY ${pynn_python_output}
  BUILD_RPATH ${pynn_origin} INSTALL_RPATH ${pynn_origin} BUILD_WITH_INSTALL_RPATH ON)
install(TARGETS _native _core LIBRARY DESTINATION pynn)
