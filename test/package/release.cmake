# scripts/release: a version is frozen and the next one begun, in a copy of the sources, and what is refused.
cmake_minimum_required(VERSION 3.22)

set(copy ${CMAKE_CURRENT_BINARY_DIR}/release)
file(REMOVE_RECURSE ${copy})
foreach(path CMakeLists.txt META.json CHANGELOG.md README.md README.vi.md cmake docs docker/compose.yaml extension scripts/release sql)
  get_filename_component(directory ${copy}/${path} DIRECTORY)
  file(COPY ${SOURCE_DIR}/${path} DESTINATION ${directory})
endforeach()

# release(STATUS MESSAGE ARGUMENTS...): status 0, or an error that has MESSAGE in it
function(release status message)
  execute_process(COMMAND ${copy}/scripts/release ${ARGN} RESULT_VARIABLE found OUTPUT_VARIABLE output ERROR_VARIABLE output)
  string(FIND "${output}" "${message}" at)
  if(NOT found EQUAL status OR at EQUAL -1)
    message(SEND_ERROR "release ${ARGN}: status ${found}, not ${status} and \"${message}\":\n${output}")
  endif()
endfunction()

# agree(CHECK VERSION): another check of this directory has nothing against the copy
function(agree check version)
  get_filename_component(scripts ${SCRIPT} DIRECTORY)
  execute_process(COMMAND ${CMAKE_COMMAND} -DSOURCE_DIR=${copy} -DVERSION=${version} -DSCRIPT=${SCRIPT} -DREST_SCRIPT=${REST_SCRIPT}
                          -P ${CMAKE_CURRENT_LIST_DIR}/${check}.cmake
                  RESULT_VARIABLE status ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(SEND_ERROR "${check} after it: ${output}")
  endif()
endfunction()

function(has file text)
  file(READ ${copy}/${file} found)
  string(FIND "${found}" "${text}" at)
  if(at EQUAL -1)
    message(SEND_ERROR "${file} has no \"${text}\"")
  endif()
endfunction()

# A copy whose version is not released yet, whatever the sources are.
if(EXISTS ${copy}/sql/history/people_counter--${VERSION}.sql)
  set(present ${VERSION})
else()
  release(1 "not a date like 2026-11-26: today" freeze today)
  release(1 "${VERSION} is not released" begin 99.0)
  release(0 "${VERSION} is frozen" freeze 2030-01-02)
  has(CHANGELOG.md "\n## ${VERSION} (2030-01-02)\n")
  file(GLOB left ${copy}/sql/upgrades/*--${VERSION})
  if(left)
    message(SEND_ERROR "frozen, and yet to be assembled: ${left}")
  endif()
endif()
agree(history ${VERSION})  # and so the scripts are those of the build
agree(versions ${VERSION})
release(1 "is in sql/history already" freeze 2030-01-02)
release(1 "99.x" begin 99.x)
release(1 "0.9 is not after ${VERSION}" begin 0.9)
release(1 "${VERSION} is not after ${VERSION}" begin ${VERSION})
release(0 "99.0 is what is developed now" begin 99.0)
agree(versions 99.0)
has(CHANGELOG.md "\n## 99.0 (unreleased)\n\n## ${VERSION} (")
release(0 "99.0 is frozen" freeze 2030-01-03)
has(sql/history/people_counter_rest--99.0.sql "people_counter_rest 99.0 needs people_counter 99.0 or later")
has(sql/history/people_counter--${VERSION}--99.0.sql "people_counter 99.0 needs the library of version 99.0")
has(sql/history/people_counter--${VERSION}--99.0.sql "\nSET LOCAL search_path TO pg_catalog, pg_temp;\n")
has(sql/history/people_counter_rest--${VERSION}--99.0.sql "\\echo Use \"ALTER EXTENSION people_counter_rest UPDATE TO '99.0'\" to load this file. \\quit\n")

# A script that was released does not change.
file(APPEND ${copy}/sql/history/people_counter--${VERSION}.sql "-- more\n")
execute_process(COMMAND ${CMAKE_COMMAND} -DSOURCE_DIR=${copy} -DVERSION=99.0 -DSCRIPT=/nonexistent -DREST_SCRIPT=/nonexistent
                        -P ${CMAKE_CURRENT_LIST_DIR}/history.cmake
                RESULT_VARIABLE status ERROR_VARIABLE output)
if(status EQUAL 0 OR NOT output MATCHES "is not what was released: sql/history/people_counter--${VERSION}.sql")
  message(SEND_ERROR "a released script was changed, and history.cmake says: ${output}")
endif()
file(REMOVE_RECURSE ${copy})
