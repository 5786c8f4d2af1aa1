# people_counter--VERSION.sql: the guard line and the numbered pieces of sql/install. Also the control file and the steps
# between versions.
file(GLOB install_pieces CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/sql/install/*.sql)
list(SORT install_pieces)
set(install_script ${CMAKE_CURRENT_BINARY_DIR}/people_counter--${PROJECT_VERSION}.sql)
set(concatenate ${CMAKE_CURRENT_SOURCE_DIR}/cmake/Concatenate.cmake)
# The list goes through a file: changed when a piece is added or removed, and free of any trouble with quoting.
set(piece_list ${CMAKE_CURRENT_BINARY_DIR}/install-pieces.txt)
file(CONFIGURE OUTPUT ${piece_list} CONTENT "${install_pieces}")
add_custom_command(
  OUTPUT ${install_script}
  COMMAND ${CMAKE_COMMAND} -DPIECES=${piece_list} -DOUTPUT=${install_script} -P ${concatenate}
  DEPENDS ${install_pieces} ${piece_list} ${concatenate}
  COMMENT "Assembling people_counter--${PROJECT_VERSION}.sql"
  VERBATIM)
add_custom_target(people_counter_sql ALL DEPENDS ${install_script})

file(GLOB upgrade_steps CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/sql/upgrades/people_counter--*--*.sql)
install(FILES ${CMAKE_CURRENT_SOURCE_DIR}/extension/people_counter.control ${install_script} ${upgrade_steps}
        DESTINATION ${PG_SHAREDIR}/extension)
