# Builds and installs with make and PGXS, for who has a compiler, the server's headers and libcurl, but no CMake:
#
#   make                 PG_CONFIG=/path/pg_config names another PostgreSQL than the one in PATH
#   make install         DESTDIR=/path for a package
#   make installcheck    asks a server that runs, as a superuser: PGHOST, PGPORT, PGUSER
#   make uninstall, make clean
#
# Modules and scripts are those that CMakeLists.txt makes: a test compares. What is built is in build/pgNN.
PG_CONFIG ?= pg_config
CURL_CONFIG ?= curl-config

version := $(shell sed -n "s/^default_version = '\(.*\)'$$/\1/p" extension/people_counter.control)
major := $(shell $(PG_CONFIG) --version | sed -n 's/^PostgreSQL \([0-9]*\).*/\1/p')
ifeq ($(major),)
$(error $(PG_CONFIG) does not say which PostgreSQL it is of: name another one with PG_CONFIG=)
endif
ifeq ($(filter 15 16 17 18,$(major)),)
ifndef EXPERIMENTAL
$(error PostgreSQL $(major) is not supported: 15 to 18 are. PG_CONFIG= takes another one, EXPERIMENTAL=yes tries this one)
endif
endif
out := build/pg$(major)

# ---- what PGXS installs ----------------------------------------------------------------------------------------------

EXTENSION = extension/people_counter extension/people_counter_rest
MODULES = $(addprefix $(out)/,people_counter people_counter_delivery people_counter_rest)

# As in cmake/InstallScript.cmake: the present version from its pieces, the step from the one before, refusals of the way back, and
# what was released.
extensions = people_counter people_counter_rest
versions := $(shell { ls sql/history | sed -n 's/^people_counter--\([0-9.]*\)\.sql$$/\1/p'; echo $(version); } | sort -u -V)
released := $(lastword $(filter-out $(version),$(versions)))
back := $(shell printf '%s\n' $(versions) | awk 'NR > 1 { print $$0 "--" last } { last = $$0 }')
DATA = $(filter-out %--$(version).sql,$(wildcard sql/history/*.sql)) $(wildcard sql/history/*--*--$(version).sql)
whole = $(extensions:%=$(out)/%--$(version).sql)
ifeq ($(wildcard sql/history/people_counter--$(version).sql),)
steps = $(extensions:%=$(out)/%--$(released)--$(version).sql)
endif
refusals = $(foreach each,$(back),$(extensions:%=$(out)/%--$(each).sql))
DATA_built = $(whole) $(steps) $(refusals)

REGRESS := $(shell sed -n 's/^test: *//p' test/regress/schedule)
REGRESS_PREP = $(out)/regress
REGRESS_OPTS = --inputdir=test/regress --outputdir=$(out)/regress --load-extension=people_counter $(expected)
# 16 and later look for it in another place than 15.
expected = $(shell $(pg_regress_program) --help | sed -n 's,^ *--expecteddir=.*,--expecteddir=test/regress,p')
pg_regress_program = $(top_builddir)/src/test/regress/pg_regress
EXTRA_CLEAN = $(out)

# No bitcode: the server's clang need not be here, and there is nothing in C++ that a query could inline.
override with_llvm = no

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# ---- modules ---------------------------------------------------------------------------------------------------------

# cmake/CompileOptions.cmake says why. COPT and PROFILE are the server's own ways to say more.
flags = -std=c++20 -Wall -Wextra -fPIC -fvisibility=hidden -fvisibility-inlines-hidden -fno-strict-aliasing -fwrapv -Isrc
server = -isystem $(includedir_server) -DPEOPLE_COUNTER_VERSION='"$(version)"'
ifeq ($(major),15)  # empty there, so that nothing would be visible
server += '-DPGDLLEXPORT=__attribute__((visibility("default")))'
endif
delivery = $(shell $(CURL_CONFIG) --cflags)

# objects(LIST,MODULE): of the sources that CMakeLists.txt names for them, in its order, whatever the machine's locale
objects = $(patsubst %.cpp,$(out)/%.o,$(sort $(wildcard $(shell \
	sed -n '/^file(GLOB $(1)_sources /,/)/p; /^people_counter_module($(2) /,/)/p' CMakeLists.txt | grep -oE 'src/[a-z_/*]+[.]cpp'))))
core := $(call objects,core,-)
$(out)/people_counter.so: $(call objects,module,people_counter)
$(out)/people_counter_delivery.so: $(call objects,delivery,people_counter_delivery)
$(out)/people_counter_delivery.so: libraries = $(shell $(CURL_CONFIG) --libs)
$(out)/people_counter_rest.so: $(call objects,rest,people_counter_rest)

$(addsuffix .so,$(MODULES)): $(out)/%.so: $(out)/libcore.a cmake/exports.map
	$(CXX) $(CXXFLAGS) -shared -o $@ $(filter %.o,$^) $(out)/libcore.a $(LDFLAGS) $(LDFLAGS_SL) \
		-Wl,--version-script=cmake/exports.map -Wl,--as-needed $(libraries)

$(out)/libcore.a: $(core)
	rm -f $@
	$(AR) crs $@ $^

$(core): includes =
$(out)/src/delivery/%.o $(out)/src/stream/%.o: includes = $(server) $(delivery)
$(out)/src/%.o: includes = $(server)
$(out)/src/%.o: src/%.cpp extension/people_counter.control | $(out)/curl
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) $(flags) $(includes) -MMD -MP -c -o $@ $<

-include $(patsubst %.cpp,$(out)/%.d,$(wildcard src/*/*.cpp))

$(out)/curl:
	@$(CURL_CONFIG) --checkfor 7.69.0 >/dev/null || { \
		echo 'error: libcurl 7.69 or later not found: install libcurl4-openssl-dev, or name a curl-config with CURL_CONFIG='; exit 1; }
	@mkdir -p $(@D) && touch $@

# ---- scripts ---------------------------------------------------------------------------------------------------------

# The directories are among what a script depends on, for pieces that come and go.
every_piece := $(wildcard sql/install sql/rest sql/upgrades/* sql/install/*.sql sql/rest/*.sql sql/upgrades/*/*.sql)
assemble = mkdir -p $(@D) && awk -v guard="$(1)" -v sql=sql -f cmake/assemble.awk $(sort $(wildcard $(2))) >$@.new && mv $@.new $@
to = UPDATE TO '$(version)'

$(whole) $(steps): $(every_piece) cmake/assemble.awk
$(out)/people_counter--$(version).sql:
	$(call assemble,CREATE EXTENSION people_counter,sql/install/*.sql)
$(out)/people_counter_rest--$(version).sql:
	$(call assemble,CREATE EXTENSION people_counter_rest,sql/rest/*.sql)
$(out)/people_counter--$(released)--$(version).sql:
	$(call assemble,ALTER EXTENSION people_counter $(to),sql/upgrades/$(released)--$(version)/*.sql)
$(out)/people_counter_rest--$(released)--$(version).sql:
	$(call assemble,ALTER EXTENSION people_counter_rest $(to),sql/upgrades/rest-$(released)--$(version)/*.sql)

$(refusals): sql/upgrades/refusal.sql.in
	@mkdir -p $(@D)
	sed 's/@NAME@/$(word 1,$(names))/g; s/@FROM@/$(word 2,$(names))/g; s/@TO@/$(word 3,$(names))/g' $< >$@.new && mv $@.new $@
names = $(subst --, ,$(basename $(@F)))

# ---- the rest --------------------------------------------------------------------------------------------------------

$(REGRESS_PREP):
	mkdir -p $@

# PGXS takes the path of a module that it installs for the one of a module that is installed.
.PHONY: uninstall-modules
uninstall: uninstall-modules
uninstall-modules:
	rm -f $(addprefix '$(DESTDIR)$(pkglibdir)'/,$(notdir $(addsuffix $(DLSUFFIX),$(MODULES))))
