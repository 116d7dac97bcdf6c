# How LQC's libraries, tools and tests are declared: one short call each.

# lqc_add_library(NAME sources... [LINK targets...] [DEPENDS targets...])
# A static library of the compiler. DEPENDS names tablegen targets.
function(lqc_add_library name)
  cmake_parse_arguments(ARG "" "" "LINK;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
  target_compile_options(${name} PRIVATE -fno-exceptions)
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()

# Programs of a sanitized build know what the sanitizers must not look at.
set(LQC_PROGRAM_SOURCES "")
if(LQC_SANITIZE)
  set(LQC_PROGRAM_SOURCES ${LQC_SOURCE_DIR}/cmake/SanitizerOptions.cpp)
endif()

# lqc_add_tool(NAME sources... [LINK targets...]): a program in build/.../bin.
function(lqc_add_tool name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS} ${LQC_PROGRAM_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  target_compile_options(${name} PRIVATE -fno-exceptions)
endfunction()

# lqc_add_unittest(NAME sources... [LINK targets...]): GoogleTest program, run by
# ctest and by `./dev test`.
function(lqc_add_unittest name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} EXCLUDE_FROM_ALL ${ARG_UNPARSED_ARGUMENTS}
                         ${LQC_PROGRAM_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY
                                           ${LQC_BINARY_DIR}/test/unit)
  add_test(NAME ${name} COMMAND ${name})
  add_dependencies(lqc-unittests ${name})
endfunction()

# lqc_tablegen(TARGET td [out arguments]...): runs mlir-tblgen, `out` beside the
# td file in the build's twin of its folder.
function(lqc_tablegen target td)
  set(LLVM_TARGET_DEFINITIONS ${td})
  set(rest ${ARGN})
  while(rest)
    list(POP_FRONT rest out arguments)
    string(REPLACE " " ";" arguments "${arguments}")
    mlir_tablegen(${out} ${arguments} EXTRA_INCLUDES ${LQC_SOURCE_DIR})
  endwhile()
  add_public_tablegen_target(${target})
endfunction()
