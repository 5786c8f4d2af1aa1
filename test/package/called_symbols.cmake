# Every C function that an install script names is in its module.
cmake_minimum_required(VERSION 3.22)

function(check module script)
  execute_process(COMMAND ${NM} -D --defined-only --format=posix ${module} OUTPUT_VARIABLE symbols
                  COMMAND_ERROR_IS_FATAL ANY)
  file(READ ${script} script)
  string(REGEX MATCHALL "'MODULE_PATHNAME'[ \t\r\n]*,[ \t\r\n]*'[^']+'" calls "${script}")
  if(NOT calls)
    message(SEND_ERROR "the install script names no C function")
  endif()
  foreach(call IN LISTS calls)
    string(REGEX REPLACE ".*'([^']+)'$" "\\1" function "${call}")
    if(NOT symbols MATCHES "(^|\n)${function} T")
      message(SEND_ERROR "the install script names a C function that the module has not: ${function}")
    endif()
  endforeach()
endfunction()

check(${MODULE} ${SCRIPT})
check(${REST} ${REST_SCRIPT})
