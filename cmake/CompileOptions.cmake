# What the core, the module and the tests of the core are all compiled with.
add_library(people_counter_options INTERFACE)

# No -march: a package must run on any machine of its architecture. Hidden visibility: the server loads modules with
# RTLD_GLOBAL, and a name that another extension has too must not be found in its place.
target_compile_options(people_counter_options INTERFACE
  -Wall -Wextra -fvisibility=hidden -fvisibility-inlines-hidden -fno-strict-aliasing
  # What the server's macros do when they are expanded here: volatile++, PG_MODULE_MAGIC of 18.
  $<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-volatile$<SEMICOLON>-Wno-missing-field-initializers>
  $<$<BOOL:${PEOPLE_COUNTER_WERROR}>:-Werror>)

if(PEOPLE_COUNTER_SANITIZE)
  set(sanitize -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
               $<$<CXX_COMPILER_ID:Clang>:-shared-libasan>)
  target_compile_options(people_counter_options INTERFACE ${sanitize})
  target_link_options(people_counter_options INTERFACE ${sanitize})
endif()
