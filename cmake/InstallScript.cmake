# What CREATE EXTENSION and ALTER EXTENSION UPDATE read, for each of the extensions:
#   NAME--VERSION.sql            of the present version, assembled from the numbered pieces of sql/install or sql/rest
#   NAME--RELEASED--VERSION.sql  the step from the last released version, assembled from sql/upgrades
#   NAME--LATER--EARLIER.sql     for each two versions in a row: refuses, and tells what to do
#   what was released before, as it was: sql/history
# Once the present version is in sql/history, its step is there, too, and none is assembled.
set(assemble ${CMAKE_CURRENT_SOURCE_DIR}/cmake/Assemble.cmake)
set(sql ${CMAKE_CURRENT_SOURCE_DIR}/sql)
file(GLOB every_piece CONFIGURE_DEPENDS ${sql}/install/*.sql ${sql}/rest/*.sql)

file(GLOB history CONFIGURE_DEPENDS ${sql}/history/people_counter*.sql)
set(versions ${history})
list(FILTER versions INCLUDE REGEX "/people_counter--[0-9.]+\\.sql$")
list(TRANSFORM versions REPLACE "^.*/people_counter--([0-9.]+)\\.sql$" "\\1")
set(is_released OFF)
if(PROJECT_VERSION IN_LIST versions)
  set(is_released ON)
endif()
list(REMOVE_ITEM versions ${PROJECT_VERSION})
list(SORT versions COMPARE NATURAL)
list(GET versions -1 released)  # the last one before this
# The present one is assembled in any case, and a test compares.
list(FILTER history EXCLUDE REGEX "/people_counter[a-z_]*--${PROJECT_VERSION}\\.sql$")
set(sql_scripts)

# people_counter_script(FILE GUARD PATTERN): FILE, below the build directory, from the pieces that match
function(people_counter_script script guard pattern)
  file(GLOB pieces CONFIGURE_DEPENDS ${pattern})
  list(SORT pieces)
  # The list goes through a file: changed when a piece is added or removed, and free of any trouble with quoting.
  set(piece_list ${CMAKE_CURRENT_BINARY_DIR}/${script}-pieces.txt)
  file(CONFIGURE OUTPUT ${piece_list} CONTENT "${pieces}")
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${script})
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DGUARD=${guard} -DPIECES=${piece_list} -DSQL=${sql} -DOUTPUT=${output} -P ${assemble}
    DEPENDS ${pieces} ${every_piece} ${piece_list} ${assemble}
    COMMENT "Assembling ${script}"
    VERBATIM)
  set(sql_scripts ${sql_scripts} ${output} PARENT_SCOPE)
endfunction()

# people_counter_scripts(NAME PIECES STEPS): directories below sql and sql/upgrades
function(people_counter_scripts name pieces steps)
  people_counter_script(${name}--${PROJECT_VERSION}.sql "CREATE EXTENSION ${name}" ${sql}/${pieces}/*.sql)
  if(NOT is_released)
    people_counter_script(${name}--${released}--${PROJECT_VERSION}.sql
                          "ALTER EXTENSION ${name} UPDATE TO '${PROJECT_VERSION}'" ${sql}/upgrades/${steps}/*.sql)
  endif()
  set(sql_scripts ${sql_scripts} PARENT_SCOPE)
endfunction()

function(people_counter_refusals NAME)
  set(TO)
  foreach(FROM IN LISTS versions ITEMS ${PROJECT_VERSION})
    if(TO)
      set(output ${CMAKE_CURRENT_BINARY_DIR}/${NAME}--${FROM}--${TO}.sql)
      configure_file(${sql}/upgrades/refusal.sql.in ${output} @ONLY)
      list(APPEND sql_scripts ${output})
    endif()
    set(TO ${FROM})
  endforeach()
  set(sql_scripts ${sql_scripts} PARENT_SCOPE)
endfunction()

people_counter_scripts(people_counter install ${released}--${PROJECT_VERSION})
people_counter_scripts(people_counter_rest rest rest-${released}--${PROJECT_VERSION})
people_counter_refusals(people_counter)
people_counter_refusals(people_counter_rest)
add_custom_target(people_counter_sql ALL DEPENDS ${sql_scripts})

install(FILES ${CMAKE_CURRENT_SOURCE_DIR}/extension/people_counter.control
              ${CMAKE_CURRENT_SOURCE_DIR}/extension/people_counter_rest.control ${sql_scripts} ${history}
        DESTINATION ${PG_SHAREDIR}/extension)
set(install_script ${CMAKE_CURRENT_BINARY_DIR}/people_counter--${PROJECT_VERSION}.sql)
set(rest_script ${CMAKE_CURRENT_BINARY_DIR}/people_counter_rest--${PROJECT_VERSION}.sql)
