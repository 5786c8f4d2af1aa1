# shellcheck shell=bash disable=SC2016,SC2034  # small programs for sh in single quotes; variables for the scripts
# What the scripts share: packages, the PostgreSQL to use, the build, an unprivileged user and, in cluster.sh, private clusters
# of that user. Source it; nothing happens before a function is called. Names begin with pc_ (functions) and PC_ (variables).

set -euo pipefail

PC_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
PC_BUILD=$PC_ROOT/build
PC_JOBS=${PC_JOBS:-$(nproc)}
PC_MISSING=()
PC_CLANG_FORMAT=
PC_SCRATCH=()   # directories outside of build/, to be removed by pc_remove_scratch
export LC_ALL=C.UTF-8
# shellcheck source=scripts/lib/old_server.sh
source "$PC_ROOT/scripts/lib/old_server.sh"

pc_note() { printf '%s\n' "$*" >&2; }
pc_die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# ---- rights -------------------------------------------------------------------------------------------------------

pc_is_root() { [ "$(id -u)" = 0 ]; }

pc_as_root() {
    if pc_is_root; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        pc_die "this needs root and there is no sudo: $*"
    fi
}

# Asks for sudo's password now, while there is somebody to answer.
pc_ask_for_root() {
    if ! pc_is_root && command -v sudo >/dev/null; then sudo -v || pc_die "root is needed to install"; fi
}

# Builds belong to the one who called sudo, if the clone is theirs to write to.
pc_as_builder() {
    if pc_is_root && [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != root ] &&
        pc_run_as "$SUDO_USER" test -w "$PC_ROOT" &&
        { [ ! -e "$PC_BUILD" ] || pc_run_as "$SUDO_USER" test -w "$PC_BUILD"; }; then
        pc_run_as "$SUDO_USER" "$@"
    else
        "$@"
    fi
}

# What root wrote under build/ for somebody who called sudo is theirs; but the systems of scripts/lib/chroot.sh stay as they are.
pc_give_back() {
    if pc_is_root && [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != root ] && [ -d "$PC_BUILD" ]; then
        find "$PC_BUILD" -path "$PC_BUILD/servers/*/root" -prune -o -exec chown -h "$SUDO_USER:" {} +
    fi
}

# The process is replaced, not forked: signals reach the command.
pc_run_as() {
    local user=$1 home
    shift
    home=$(getent passwd "$user" | cut -d: -f6)
    [ -w "$home" ] || home=${PC_RUN:-/tmp}
    setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups \
        env HOME="$home" USER="$user" LOGNAME="$user" "$@"
}

# PostgreSQL refuses to run as root. Sets PC_USER: empty if we are not root anyway.
pc_choose_user() {
    PC_USER=
    pc_is_root || return 0
    if [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != root ]; then
        PC_USER=$SUDO_USER
    elif id postgres >/dev/null 2>&1; then
        PC_USER=postgres
    else
        PC_USER=people_counter_test
        id "$PC_USER" >/dev/null 2>&1 || useradd --system --home-dir /nonexistent --shell /bin/sh "$PC_USER"
    fi
}

pc_as_user() {
    if [ -n "$PC_USER" ]; then pc_run_as "$PC_USER" "$@"; else "$@"; fi
}

# ---- packages -----------------------------------------------------------------------------------------------------

# pc_want COMMAND PACKAGE, pc_want_file PATH PACKAGE: note the package if what it brings is not there.
pc_want() { command -v "$1" >/dev/null || PC_MISSING+=("$2"); }
pc_want_file() { [ -e "$1" ] || PC_MISSING+=("$2"); }

pc_apt_updated=
pc_apt_update() {
    [ -z "$pc_apt_updated" ] || return 0
    command -v apt-get >/dev/null || return 0
    pc_as_root apt-get -o DPkg::Lock::Timeout=300 -qq update >&2 || pc_note "apt-get update failed: going on with what apt knows"
    pc_apt_updated=yes
}

# Services that a package brings are not started while apt-get runs for us, and not touched where they run; the policy
# is void as soon as this process has gone, whatever ends it.
PC_START_POLICY=/usr/sbin/policy-rc.d
pc_forbid_start() {
    printf '#!/bin/sh\n# of scripts/lib/common.sh, for the time of one apt-get\n[ ! -d /proc/%s ] || exit 101\n' $$ |
        pc_as_root tee "$PC_START_POLICY" >/dev/null && pc_as_root chmod 755 "$PC_START_POLICY"
}

# Nor does nginx start with the machine, on port 80, because of us.
pc_allow_start() {
    pc_as_root rm -f "$PC_START_POLICY"
    if [ -n "$1" ]; then
        pc_as_root deb-systemd-helper disable nginx.service >/dev/null 2>&1 || true
        pc_as_root update-rc.d nginx disable >/dev/null 2>&1 || true
    fi
}

# Installs what was noted. A server package must not make a cluster of its own that starts and takes port 5432.
pc_install_missing() {
    [ ${#PC_MISSING[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || pc_die "please install what these Debian packages hold: ${PC_MISSING[*]}"
    pc_note "installing ${PC_MISSING[*]}"
    pc_apt_update
    local no_cluster=/etc/postgresql-common/createcluster.d/people_counter.conf failed='' policy='' new_nginx=''
    if [[ " ${PC_MISSING[*]} " == *" postgresql-"* ]] && [ ! -e "$no_cluster" ]; then
        pc_as_root mkdir -p "${no_cluster%/*}"
        pc_as_root tee "$no_cluster" >/dev/null <<<'create_main_cluster = false'
    else
        no_cluster=
    fi
    if [[ " ${PC_MISSING[*]} " == *nginx* ]] && [ ! -e "$PC_START_POLICY" ]; then
        pc_forbid_start
        policy=yes
    fi
    if [[ " ${PC_MISSING[*]} " == *" nginx "* ]] && [ ! -e /etc/init.d/nginx ]; then new_nginx=yes; fi
    pc_as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq -y -o Dpkg::Use-Pty=0 --no-install-recommends \
        install "${PC_MISSING[@]}" </dev/null >&2 || failed=yes
    if [ -n "$no_cluster" ]; then pc_as_root rm -f "$no_cluster"; fi
    if [ -n "$policy" ]; then pc_allow_start "$new_nginx"; fi
    [ -z "$failed" ] || pc_die "apt-get could not install ${PC_MISSING[*]}"
    PC_MISSING=()
    hash -r
}

# Sets PC_PROMTOOL. Prometheus' package is a service, with what its pages need; one program of it is unpacked instead.
pc_find_promtool() {
    local scratch
    PC_PROMTOOL=$(command -v promtool || true)
    [ -z "$PC_PROMTOOL" ] || return 0
    PC_PROMTOOL=$PC_BUILD/tools/promtool
    [ ! -x "$PC_PROMTOOL" ] || return 0
    pc_apt_update
    scratch=$(mktemp -d)
    if ! (cd "$scratch" && apt-get -qq download prometheus && dpkg-deb --fsys-tarfile prometheus_*.deb | tar -xf - ./usr/bin/promtool) >&2; then
        rm -rf "$scratch"
        pc_die "apt-get could not download prometheus, of which promtool is needed"
    fi
    pc_as_builder mkdir -p "$PC_BUILD/tools"
    install -m 0755 "$scratch/usr/bin/promtool" "$PC_PROMTOOL"
    rm -rf "$scratch"
}

# ---- the PostgreSQL to use ------------------------------------------------------------------------------------------

pc_has_headers() { [ -x "$1" ] && [ -e "$("$1" --includedir-server 2>/dev/null)/postgres.h" ]; }
# Any flavour will do. The header is where the architecture's headers are.
pc_has_curl() { [ -n "$(ls /usr/include/curl/curl.h /usr/include/*/curl/curl.h 2>/dev/null)" ]; }
pc_major_of() { "$1" --version | sed -n 's/^PostgreSQL \([0-9]*\).*/\1/p'; }
pc_supported() { [ -n "$1" ] && [ "$1" -ge 15 ] && [ "$1" -le 18 ]; }

# The server headers that are there, the one in PATH first; otherwise the distribution's own major. PC_MAJOR, where it is set,
# is the one that is wanted of what the packages have.
pc_find_major() {
    local candidate major
    if [ -n "${PC_MAJOR:-}" ]; then
        PG_CONFIG=/usr/lib/postgresql/$PC_MAJOR/bin/pg_config
        return 0
    fi
    for candidate in "$(command -v pg_config || true)" $(ls -rv /usr/lib/postgresql/*/bin/pg_config 2>/dev/null); do
        if pc_has_headers "$candidate"; then
            major=$(pc_major_of "$candidate")
            if pc_supported "$major"; then
                PG_CONFIG=$candidate PC_MAJOR=$major
                return 0
            fi
        fi
    done
    command -v apt-cache >/dev/null || pc_die "no server headers of PostgreSQL 15 to 18 found; name them with PG_CONFIG="
    pc_apt_update
    major=$(apt-cache depends postgresql 2>/dev/null | sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p' | head -n 1)
    if ! pc_supported "$major"; then
        local default=${major:-none}
        for major in 18 17 16 15 ''; do
            [ -z "$major" ] || [ -z "$(apt-cache madison "postgresql-server-dev-$major" 2>/dev/null)" ] || break
        done
        [ -n "$major" ] || pc_die "PostgreSQL 15 to 18 is needed, and apt offers $default here." \
            "Add the packages of apt.postgresql.org, or name another one with PG_CONFIG="
    fi
    PC_MAJOR=$major PG_CONFIG=/usr/lib/postgresql/$major/bin/pg_config
}

# pc_prepare build|test: packages, then PG_CONFIG, PC_MAJOR, PC_BINDIR and PC_PGXS are set.
pc_prepare() {
    if [ -n "${PG_CONFIG:-}" ]; then
        pc_has_headers "$PG_CONFIG" || pc_die "PG_CONFIG=$PG_CONFIG has no server headers"
        PC_MAJOR=$(pc_major_of "$PG_CONFIG")
    else
        pc_find_major
        pc_want_file "/usr/lib/postgresql/$PC_MAJOR/bin/postgres" "postgresql-$PC_MAJOR"
        pc_has_headers "$PG_CONFIG" || PC_MISSING+=("postgresql-server-dev-$PC_MAJOR")
    fi
    pc_want c++ build-essential
    pc_want cmake cmake
    pc_want make build-essential
    pc_want setpriv util-linux
    pc_has_curl || PC_MISSING+=(libcurl4-openssl-dev)
    if [ "$1" = test ]; then
        pc_want clang++ clang
        pc_want shellcheck shellcheck
        pc_want prove perl
        pc_want pg_prove libtap-parser-sourcehandler-pgtap-perl
        pc_want_file /usr/include/gtest/gtest.h libgtest-dev
        perl -MIPC::Run -e 1 2>/dev/null || PC_MISSING+=(libipc-run-perl)
        pc_want openssl openssl
        pc_want pgbackrest pgbackrest
        pc_want python3 python3
        python3 -c 'import aiosmtpd' 2>/dev/null || PC_MISSING+=(python3-aiosmtpd)
    fi
    pc_install_missing
    if [ "$1" = test ]; then
        pc_want_pgtap
        pc_prepare_old_server   # first, for it may bring what is asked for below
        pc_find_clang_format
        [ -n "$PC_CLANG_FORMAT" ] || pc_install_if_offered clang-format-14
        [ -n "$PC_CLANG_FORMAT" ] || pc_find_clang_format
        # One of the old names of zones, which tests use; Debian 13 has them in a package of their own.
        [ -e /usr/share/zoneinfo/CET ] || pc_install_if_offered tzdata-legacy
    fi
    pc_has_headers "$PG_CONFIG" || pc_die "no server headers: $PG_CONFIG"
    PC_BINDIR=$("$PG_CONFIG" --bindir)
    PC_PGXS=$(dirname "$("$PG_CONFIG" --pgxs)")/../..
    [ -x "$PC_BINDIR/initdb" ] || pc_die "no server in $PC_BINDIR: install postgresql-$PC_MAJOR"
    export PG_CONFIG PATH="$PC_BINDIR:$PATH"
}

# A new major is there before its pgTAP, which is nothing but SQL: the newest that there is will do.
pc_want_pgtap() {
    local extensions newest place
    extensions=$("$PG_CONFIG" --sharedir)/extension
    [ ! -e "$extensions/pgtap.control" ] || return 0
    pc_apt_update
    pc_install_if_offered "postgresql-$PC_MAJOR-pgtap"
    [ ! -e "$extensions/pgtap.control" ] || return 0
    newest=$(apt-cache search --names-only '^postgresql-[0-9]+-pgtap$' | cut -d' ' -f1 | sort -V | tail -n 1)
    place=$(mktemp -d)
    if [ -n "$newest" ] && (cd "$place" && apt-get -qq -o APT::Sandbox::User=root download "$newest" && dpkg-deb -x -- *.deb .) >&2; then
        pc_note "pgTAP of $newest is taken for PostgreSQL $PC_MAJOR"
        pc_as_root cp "$place"/usr/share/postgresql/*/extension/pgtap* "$extensions/"
    fi
    rm -rf "$place"
    [ -e "$extensions/pgtap.control" ] || pc_die "no pgTAP: install its files into $extensions"
}

# Packages that some releases do not have, or do not need.
pc_install_if_offered() {
    [ -n "$(apt-cache madison "$1" 2>/dev/null)" ] || return 0
    PC_MISSING+=("$1")
    pc_install_missing
}

# Majors of clang-format differ in what they make of the same code: it is version 14 or, where there is none, empty.
pc_find_clang_format() {
    local command
    for command in clang-format-14 clang-format; do
        if [[ "$("$command" --version 2>/dev/null)" =~ version\ 14\. ]]; then
            PC_CLANG_FORMAT=$command
            return 0
        fi
    done
}

# ---- the build ------------------------------------------------------------------------------------------------------

# pc_configure_and_build DIRECTORY TARGET [cmake options...]
pc_configure_and_build() {
    local directory=$1 target=$2
    shift 2
    pc_as_builder cmake -S "$PC_ROOT" -B "$directory" -DPG_CONFIG="$PG_CONFIG" \
        -DPEOPLE_COUNTER_EXPERIMENTAL="${PC_EXPERIMENTAL:+ON}" "$@" &&
        pc_as_builder cmake --build "$directory" --target "$target" --parallel "$PC_JOBS"
}

# The old modules are unlinked, not overwritten: a running server has them mapped.
pc_install() {
    local modules
    modules=$("$PG_CONFIG" --pkglibdir)
    pc_as_root rm -f "$modules"/people_counter{,_delivery,_rest}.so && pc_as_root cmake --install "$PC_BUILD"
}

# pc_build_and_install LOG: without the tests.
pc_build_and_install() {
    {
        pc_configure_and_build "$PC_BUILD" modules -DPEOPLE_COUNTER_REQUIRE_ALL_TESTS=OFF &&
            pc_configure_and_build "$PC_BUILD" people_counter_sql && pc_install
    } >"$1" 2>&1 || {
        tail -n 40 "$1" >&2
        pc_die "the build failed: $1"
    }
}

# pc_install_modules FILE...: only the modules, in the place of those that are installed.
pc_install_modules() {
    local file module
    for file in "$@"; do
        module=$("$PG_CONFIG" --pkglibdir)/${file##*/}
        pc_as_root rm -f "$module" && pc_as_root install -m 0755 "$file" "$module" || return
    done
}

# shellcheck source=scripts/lib/cluster.sh
source "$PC_ROOT/scripts/lib/cluster.sh"
