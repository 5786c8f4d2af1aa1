# The module needs the C and C++ runtimes and no other library; libpq above all must stay out of a server process.
cmake_minimum_required(VERSION 3.22)

execute_process(COMMAND ${OBJDUMP} -p ${MODULE} OUTPUT_VARIABLE headers COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "NEEDED +[^\n]+" needed "${headers}")
foreach(library IN LISTS needed)
  if(NOT library MATCHES "NEEDED +(libstdc\\+\\+|libgcc_s|libm|libc|ld-linux[^.]*|libasan|libubsan|libclang_rt.*)\\.so")
    message(SEND_ERROR "the module needs another library: ${library}")
  endif()
endforeach()
