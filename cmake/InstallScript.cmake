# NAME--VERSION.sql of each extension: the guard line and the numbered pieces of its directory. Also the control files and
# the steps between versions.
set(concatenate ${CMAKE_CURRENT_SOURCE_DIR}/cmake/Concatenate.cmake)

function(people_counter_install_script name directory script)
  file(GLOB pieces CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/sql/${directory}/*.sql)
  list(SORT pieces)
  # The list goes through a file: changed when a piece is added or removed, and free of any trouble with quoting.
  set(piece_list ${CMAKE_CURRENT_BINARY_DIR}/${directory}-pieces.txt)
  file(CONFIGURE OUTPUT ${piece_list} CONTENT "${pieces}")
  add_custom_command(
    OUTPUT ${script}
    COMMAND ${CMAKE_COMMAND} -DNAME=${name} -DPIECES=${piece_list} -DOUTPUT=${script} -P ${concatenate}
    DEPENDS ${pieces} ${piece_list} ${concatenate}
    COMMENT "Assembling ${name}--${PROJECT_VERSION}.sql"
    VERBATIM)
endfunction()

set(install_script ${CMAKE_CURRENT_BINARY_DIR}/people_counter--${PROJECT_VERSION}.sql)
set(rest_script ${CMAKE_CURRENT_BINARY_DIR}/people_counter_rest--${PROJECT_VERSION}.sql)
people_counter_install_script(people_counter install ${install_script})
people_counter_install_script(people_counter_rest rest ${rest_script})
add_custom_target(people_counter_sql ALL DEPENDS ${install_script} ${rest_script})

file(GLOB upgrade_steps CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/sql/upgrades/people_counter*--*--*.sql)
install(FILES ${CMAKE_CURRENT_SOURCE_DIR}/extension/people_counter.control
              ${CMAKE_CURRENT_SOURCE_DIR}/extension/people_counter_rest.control ${install_script} ${rest_script} ${upgrade_steps}
        DESTINATION ${PG_SHAREDIR}/extension)
