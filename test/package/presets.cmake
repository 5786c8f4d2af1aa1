# `cmake --preset release|debug|asan`, for each of configure, build and test.
cmake_minimum_required(VERSION 3.22)

foreach(kind configure build test)
  execute_process(COMMAND ${CMAKE_COMMAND} --list-presets=${kind} WORKING_DIRECTORY ${SOURCE_DIR} OUTPUT_VARIABLE output
                  COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "\"[^\"]+\"" presets "${output}")
  if(NOT presets STREQUAL "\"release\";\"debug\";\"asan\"")
    message(SEND_ERROR "${kind} presets are ${presets}, not release, debug and asan")
  endif()
endforeach()
