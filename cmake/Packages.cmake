# The Debian package of one major: postgresql-NN-people-counter, made by CPack. `scripts/package deb` calls it.
#
# Both extensions are in it. A package of its own for people_counter_rest would save 200 kB and no dependency, and the two have to
# be of the same version; libcurl is needed by a module that only the delivering worker loads, so leaving it out saves no server
# anything. The gateway and the dashboard are not in it: they want PostgREST, which Debian has not, and are in docker/.
option(PEOPLE_COUNTER_PACKAGE "Build and install as the Debian package has it" OFF)
if(NOT PEOPLE_COUNTER_PACKAGE)
  return()
endif()
if(NOT DEFINED ENV{SOURCE_DATE_EPOCH})
  message(FATAL_ERROR "a package has a date: use scripts/package, or set SOURCE_DATE_EPOCH")
endif()
set(PEOPLE_COUNTER_MAINTAINER "People Counter contributors <people-counter@localhost>"
    CACHE STRING "Who answers for the package, with the address for mail")

# What Debian compiles with, and no trace of where. The directories, too, are in the debug information, of which the linker
# makes the build id.
foreach(kind CPPFLAGS CXXFLAGS LDFLAGS)
  execute_process(COMMAND env DEB_BUILD_MAINT_OPTIONS=hardening=+bindnow dpkg-buildflags --get ${kind}
                  WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} OUTPUT_VARIABLE ${kind} OUTPUT_STRIP_TRAILING_WHITESPACE
                  COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(${kind} UNIX_COMMAND "${${kind}}")
endforeach()
target_compile_options(people_counter_options INTERFACE
  ${CPPFLAGS} ${CXXFLAGS} -ffile-prefix-map=${CMAKE_CURRENT_SOURCE_DIR}=. -ffile-prefix-map=${CMAKE_CURRENT_BINARY_DIR}=build)
target_link_options(people_counter_options INTERFACE ${LDFLAGS})

file(READ ${CMAKE_CURRENT_SOURCE_DIR}/META.json meta)
string(JSON distribution_version GET "${meta}" version)
set(package postgresql-${PG_MAJOR}-people-counter)
set(package_version ${distribution_version}-1)

# ---- documentation -------------------------------------------------------------------------------------------------------

set(debian ${CMAKE_CURRENT_SOURCE_DIR}/cmake/debian)
set(made ${CMAKE_CURRENT_BINARY_DIR}/debian)
string(TIMESTAMP package_date "%a, %d %b %Y %H:%M:%S +0000" UTC)
string(TIMESTAMP package_year "%Y" UTC)
file(READ ${CMAKE_CURRENT_SOURCE_DIR}/LICENSE license)
string(REGEX MATCH "\nCopyright [^\n]*" copyright "${license}")
string(REGEX REPLACE "\nCopyright (\\(c\\) )?" "" copyright "${copyright}")
string(REGEX REPLACE "^.*\n(Permission .*)\n$" "\\1" license "${license}")
string(REPLACE "\n\n" "\n.\n" license "${license}")
string(REPLACE "\n" "\n " license "${license}")
foreach(file changelog.Debian copyright postinst prerm)
  configure_file(${debian}/${file}.in ${made}/${file} @ONLY)
endforeach()
configure_file(CHANGELOG.md ${made}/changelog COPYONLY)
foreach(file changelog changelog.Debian)
  execute_process(COMMAND gzip -9nf ${made}/${file} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
file(GLOB pages CONFIGURE_DEPENDS docs/*.md)
set(documentation /usr/share/doc/${package})
install(FILES ${made}/copyright ${made}/changelog.gz ${made}/changelog.Debian.gz README.md README.vi.md SECURITY.md DESTINATION ${documentation})
install(FILES ${pages} DESTINATION ${documentation}/docs)
# Where the programs of a major are that are not for everybody's PATH.
install(PROGRAMS scripts/restore DESTINATION ${PG_BINDIR} RENAME people_counter_restore)

# ---- the package ---------------------------------------------------------------------------------------------------------

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME people-counter)
set(CPACK_PACKAGE_VERSION ${distribution_version})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_PACKAGE_NAME ${package})
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SOURCE people-counter)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER ${PEOPLE_COUNTER_MAINTAINER})
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_DEPENDS postgresql-${PG_MAJOR})
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${made}/postinst ${made}/prerm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "people counting in PostgreSQL ${PG_MAJOR}: exact occupancy and statistics")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "Stores every movement that a camera or a sensor reports, and keeps the
occupancy and the session, hourly and daily statistics exact in the same
transaction, whatever the order in which reports come, however late they are,
and however often they are repeated. Rules watch them, and alerts are
delivered by webhook and mail.

The extension people_counter is counting, alerts and the live stream. The
extension people_counter_rest is what PostgREST serves over HTTP.")
include(CPack)
