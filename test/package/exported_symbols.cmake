# A module shows the server its own names and nothing else: no C++ symbol, no name that another extension may have.
cmake_minimum_required(VERSION 3.22)

# check(FILE INFIX): its functions are called people_counter_INFIX...
function(check module infix)
  execute_process(COMMAND ${NM} -D --defined-only --format=posix ${module} OUTPUT_VARIABLE symbols
                  COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[^\n]+" symbols "${symbols}")
  set(functions)
  set(described)
  foreach(symbol IN LISTS symbols)
    string(REGEX REPLACE "[ @].*" "" symbol "${symbol}")
    if(symbol MATCHES "^pg_finfo_(people_counter_.*)")
      list(APPEND described ${CMAKE_MATCH_1})
    elseif(symbol MATCHES "^people_counter_${infix}")
      list(APPEND functions ${symbol})
    elseif(NOT symbol MATCHES "^(Pg_magic_func|_PG_init)$")
      message(SEND_ERROR "exported, but not ours to export: ${symbol}")
    endif()
  endforeach()
  if(NOT symbols MATCHES "(^|;)Pg_magic_func ")
    message(SEND_ERROR "Pg_magic_func is not exported: the server would refuse ${module}")
  endif()
  list(LENGTH functions count)
  if(count EQUAL 0)
    message(SEND_ERROR "${module} exports no function")
  endif()
  foreach(function IN LISTS functions)
    if(NOT function IN_LIST described AND NOT function MATCHES "_main$")  # what background workers begin with is not for SQL
      message(SEND_ERROR "exported without PG_FUNCTION_INFO_V1: ${function}")
    endif()
  endforeach()
  message("${module}: ${count} functions exported")
endfunction()

check(${MODULE} "")
check(${REST} rest_)

# Nothing of the delivery module is for SQL: background workers call its functions.
execute_process(COMMAND ${NM} -D --defined-only --format=posix ${DELIVERY} OUTPUT_VARIABLE symbols
                COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "(^|\n)[^ @\n]+" symbols "${symbols}")
list(TRANSFORM symbols STRIP)
list(SORT symbols)
if(NOT symbols STREQUAL "Pg_magic_func;people_counter_delivery_main;people_counter_stream_main")
  message(SEND_ERROR "the delivery module exports ${symbols}, not Pg_magic_func, people_counter_delivery_main and people_counter_stream_main")
endif()
