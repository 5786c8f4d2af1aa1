# Every C function that an install script names is in its module, also if only one of an older version does: the library is
# replaced before ALTER EXTENSION is said, and in each database at its own time.
cmake_minimum_required(VERSION 3.22)

function(check module script_file)
  execute_process(COMMAND ${NM} -D --defined-only --format=posix ${module} OUTPUT_VARIABLE symbols
                  COMMAND_ERROR_IS_FATAL ANY)
  file(READ ${script_file} script)
  string(REGEX MATCHALL "'MODULE_PATHNAME'[ \t\r\n]*,[ \t\r\n]*'[^']+'" calls "${script}")
  if(NOT calls)
    message(SEND_ERROR "${script_file} names no C function")
  endif()
  foreach(call IN LISTS calls)
    string(REGEX REPLACE ".*'([^']+)'$" "\\1" function "${call}")
    if(NOT symbols MATCHES "(^|\n)${function} T")
      message(SEND_ERROR "${script_file} names a C function that the module has not: ${function}")
    endif()
  endforeach()
endfunction()

file(GLOB released ${SOURCE_DIR}/sql/history/people_counter--*.sql)
file(GLOB rest_released ${SOURCE_DIR}/sql/history/people_counter_rest--*.sql)
list(FILTER released EXCLUDE REGEX "--[0-9.]+--")  # a step has no function that the script of its version has not
list(FILTER rest_released EXCLUDE REGEX "--[0-9.]+--")
foreach(script ${SCRIPT} ${released})
  check(${MODULE} ${script})
endforeach()
foreach(script ${REST_SCRIPT} ${rest_released})
  check(${REST} ${script})
endforeach()
