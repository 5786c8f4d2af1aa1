# A module needs the C and C++ runtimes and no other library; libpq above all must stay out of a server process. The one
# that the delivery worker loads needs libcurl, too.
cmake_minimum_required(VERSION 3.22)

set(runtimes "libstdc\\+\\+|libgcc_s|libm|libc|ld-linux[^.]*|libasan|libubsan|libclang_rt.*")

# check(FILE ALLOWED): names of libraries as a regular expression
function(check module allowed)
  execute_process(COMMAND ${OBJDUMP} -p ${module} OUTPUT_VARIABLE headers COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "NEEDED +[^\n]+" needed "${headers}")
  if(NOT needed)
    message(SEND_ERROR "${module} needs no library at all")
  endif()
  foreach(library IN LISTS needed)
    if(NOT library MATCHES "NEEDED +(${allowed})\\.so")
      message(SEND_ERROR "${module} needs another library: ${library}")
    endif()
  endforeach()
endfunction()

check(${MODULE} "${runtimes}")
check(${REST} "${runtimes}")
check(${DELIVERY} "${runtimes}|libcurl")
