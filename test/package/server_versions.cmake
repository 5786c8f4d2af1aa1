# Which majors of PostgreSQL are built for, and what is said of the others. A pg_config that only says so stands for the
# server, so what is accepted fails later, for want of headers.
cmake_minimum_required(VERSION 3.22)

set(place ${CMAKE_CURRENT_BINARY_DIR}/server_versions)
file(REMOVE_RECURSE ${place})

# configure(VERSION MESSAGE OPTIONS...): what cmake ends with
function(configure version message)
  set(pg_config ${place}/${version}/pg_config)
  file(WRITE ${pg_config} "#!/bin/sh\ncase $1 in --version) echo 'PostgreSQL ${version}' ;; *) echo /nonexistent ;; esac\n")
  file(CHMOD ${pg_config} PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
  execute_process(
    COMMAND ${CMAKE_COMMAND} -S ${SOURCE_DIR} -B ${place}/${version}/build -DPG_CONFIG=${pg_config}
            -DCMAKE_CXX_COMPILER_FORCED=ON ${ARGN}
    RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  string(REGEX REPLACE "[ \n]+" " " output "${output}")  # CMake breaks the lines of a message
  string(FIND "${output}" "${message}" at)
  if(status EQUAL 0 OR at EQUAL -1)
    message(SEND_ERROR "PostgreSQL ${version} ${ARGN}: status ${status}, not \"${message}\":\n${output}")
  endif()
endfunction()

set(hint "15 to 18 are. -DPG_CONFIG= takes another one, -DPEOPLE_COUNTER_EXPERIMENTAL=ON tries this one")
configure(14.19 "PostgreSQL 14.19 is not supported: ${hint}")
configure(19devel "PostgreSQL 19devel is not supported: ${hint}")
configure(9.6.24 "PostgreSQL 9.6.24 is not supported: ${hint}")
configure(15.0 "no server headers in /nonexistent: install postgresql-server-dev-15")
configure(18.1 "no server headers in /nonexistent: install postgresql-server-dev-18")
configure(19.0 "no server headers in /nonexistent: install postgresql-server-dev-19" -DPEOPLE_COUNTER_EXPERIMENTAL=ON)
configure(unknown "says \"PostgreSQL unknown\", which names no version of PostgreSQL")
file(REMOVE_RECURSE ${place})
