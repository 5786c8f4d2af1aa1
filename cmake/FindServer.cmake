# The PostgreSQL to build for, from the one input PG_CONFIG.
find_program(PG_CONFIG pg_config DOC "pg_config of the PostgreSQL to build for")
if(NOT PG_CONFIG)
  message(FATAL_ERROR "pg_config not found: install the server headers (postgresql-server-dev-NN), or name it with "
                      "-DPG_CONFIG=")
endif()

function(pg_config_value variable option)
  execute_process(COMMAND ${PG_CONFIG} ${option} OUTPUT_VARIABLE value OUTPUT_STRIP_TRAILING_WHITESPACE
                  RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "${PG_CONFIG} ${option} failed: ${failed}")
  endif()
  set(${variable} ${value} PARENT_SCOPE)
endfunction()

pg_config_value(PG_VERSION --version)
pg_config_value(PG_BINDIR --bindir)
pg_config_value(PG_SHAREDIR --sharedir)
pg_config_value(PG_PKGLIBDIR --pkglibdir)
pg_config_value(PG_INCLUDEDIR_SERVER --includedir-server)

if(NOT PG_VERSION MATCHES "PostgreSQL (([0-9]+)[^ ]*)")
  message(FATAL_ERROR "${PG_CONFIG} --version says \"${PG_VERSION}\", which names no version of PostgreSQL")
endif()
set(PG_VERSION ${CMAKE_MATCH_1})
set(PG_MAJOR ${CMAKE_MATCH_2})

if((PG_MAJOR LESS 15 OR PG_MAJOR GREATER 18) AND NOT PEOPLE_COUNTER_EXPERIMENTAL)
  message(FATAL_ERROR "PostgreSQL ${PG_VERSION} is not supported: 15 to 18 are. "
                      "-DPG_CONFIG= takes another one, -DPEOPLE_COUNTER_EXPERIMENTAL=ON tries this one")
endif()
if(NOT EXISTS ${PG_INCLUDEDIR_SERVER}/postgres.h)
  message(FATAL_ERROR "no server headers in ${PG_INCLUDEDIR_SERVER}: install postgresql-server-dev-${PG_MAJOR}")
endif()
