# CMakeLists.txt, the control file, META.json and the changelog agree on the version.
cmake_minimum_required(VERSION 3.22)

file(READ ${SOURCE_DIR}/extension/people_counter.control control)
if(NOT control MATCHES "default_version = '${VERSION}'\n")
  message(SEND_ERROR "extension/people_counter.control has not default_version ${VERSION}")
endif()

file(READ ${SOURCE_DIR}/META.json meta)
string(JSON distribution GET "${meta}" version)
string(JSON provided GET "${meta}" provides people_counter version)
foreach(found "${distribution}" "${provided}")
  if(NOT found STREQUAL "${VERSION}.0")
    message(SEND_ERROR "META.json says ${found}, not ${VERSION}.0")
  endif()
endforeach()

file(READ ${SOURCE_DIR}/CHANGELOG.md changelog)
if(NOT changelog MATCHES "\n## ${VERSION}[ \n]")
  message(SEND_ERROR "CHANGELOG.md has no section \"## ${VERSION}\"")
endif()
