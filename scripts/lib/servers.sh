# shellcheck shell=bash
# scripts/test on several servers: where each of them is to be had, running two at a time, and the sum. Source it after
# common.sh and chroot.sh.

PC_SERVERS=$PC_BUILD/servers      # a directory each: the system or the sources, and the log
PC_SERVERS_AT_ONCE=${PC_SERVERS_AT_ONCE:-2}
PC_LANES=()                       # process groups
PC_LANE_SERVERS=()                # and what they run on
# All that these need is installed at the start, so in a system of our own they can do without the network.
OFFLINE=(lint build unit asan symbols regress pgtap docs isolation property server upgrade pg_upgrade)

# The Debian releases that have a major; of two, the second is on top of the first. What is here or on offer goes first.
pc_release_of() {
    case $1 in
    15) echo bookworm ;;
    17) echo trixie ;;
    18) echo sid ;;
    19) echo sid experimental ;;
    esac
}

pc_is_offered() {
    pc_has_headers "/usr/lib/postgresql/$1/bin/pg_config" || [ -n "$(apt-cache madison "postgresql-server-dev-$1" 2>/dev/null)" ]
}

# Where the suites run on a server: own (the one that a plain scripts/test would take), offered (by the packages of this
# system), chroot, headers (it can only be compiled for), none.
pc_place_of() {
    if [ "$1" = "$PC_OWN" ]; then
        echo own
    elif pc_is_offered "$1"; then
        echo offered
    elif [ -n "$(pc_release_of "$1")" ]; then
        echo chroot
    elif [ "$1" = 16 ] && [ -n "${PG_CONFIG16:-}" ]; then
        echo headers
    else
        echo none
    fi
}

# pc_run_servers SERVER[:OPTION...] ...: scripts/test with these options on each, and what that comes to. A server whose name ends
# in ? is a preview: what fails there is told, and counted as skipped.
pc_run_servers() {
    local entry server place log passed failed skipped all_passed=0 all_failed=0 all_skipped=0
    PC_OWN=$(pc_find_own)
    if pc_is_root || command -v sudo >/dev/null; then pc_apt_update; fi
    trap pc_stop_servers EXIT
    trap 'pc_note "interrupted"; exit 130' INT
    trap 'pc_note "asked to end"; exit 143' TERM HUP
    for entry in "$@"; do
        place=$(pc_place_of "$(pc_server_of "$entry")")
        [ "$place" != chroot ] || pc_chroot_prepare
    done
    for entry in "$@"; do
        while [ "$(pc_running_lanes)" -ge "$PC_SERVERS_AT_ONCE" ]; do wait -n || true; done
        pc_start_lane "$entry"
    done
    for entry in "${PC_LANES[@]}"; do wait "$entry" || true; done
    for entry in "$@"; do
        server=$(pc_server_of "$entry") log=$PC_SERVERS/$(pc_server_of "$entry")/run.log
        read -r passed failed skipped < <(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' "$log" | tail -n 1) || {
            passed=0 failed=1 skipped=0
            echo "$server  not ok - it ended early: $log"
            tail -n 20 "$log"
        }
        if [ "$failed" != 0 ] && [[ ${entry%%:*} == *\? ]]; then
            echo "$server  is a preview: $failed failed, which counts as skipped"
            skipped=$((skipped + failed)) failed=0
        fi
        printf '%s  %-10s %5d passed, %d failed, %d skipped\n' "$server" total "$passed" "$failed" "$skipped"
        all_passed=$((all_passed + passed)) all_failed=$((all_failed + failed)) all_skipped=$((all_skipped + skipped))
    done
    echo "$all_passed passed, $all_failed failed, $all_skipped skipped"
    [ "$all_failed" = 0 ]
}

pc_server_of() { echo "${1%%[?:]*}"; }
pc_find_own() { if [ -n "${PG_CONFIG:-}" ]; then pc_major_of "$PG_CONFIG"; else pc_find_major && echo "$PC_MAJOR"; fi }

pc_running_lanes() {
    local lane count=0
    for lane in "${PC_LANES[@]}"; do ! kill -0 "$lane" 2>/dev/null || count=$((count + 1)); done
    echo "$count"
}

# In a process group of its own, so that an interrupt can end all of it. What it says goes to its log, and here with the name of
# the server in front; its sum is told at the end.
pc_start_lane() {
    local entry=$1 server options=
    server=$(pc_server_of "$entry")
    [[ $entry != *:* ]] || options=${entry#*:}
    pc_as_builder mkdir -p "$PC_SERVERS/$server"
    : >"$PC_SERVERS/$server/run.log"
    set -m
    (
        trap - EXIT INT TERM HUP
        set +m
        # shellcheck disable=SC2086  # the options are words
        { pc_run_on "$server" ${options//:/ } 2>&1 || true; } | tee "$PC_SERVERS/$server/run.log" |
            sed -uE "/^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/d; s,$PC_INSIDE/build/,$PC_SERVERS/$server/root$PC_INSIDE/build/,g; s/^/$server  /"
    ) </dev/null &
    PC_LANES+=($!)
    PC_LANE_SERVERS+=("$server")
    set +m
}

# pc_run_on SERVER OPTION...
pc_run_on() {
    local server=$1 home=$PC_SERVERS/$1
    shift
    exec 8>"$home/lock"
    flock -n 8 || pc_die "another scripts/test is running on $server in this clone"
    case $(pc_place_of "$server") in
    own) "$PC_ROOT/scripts/test" "$@" ;;
    offered)
        pc_copy_sources "$home/source"
        env -u PG_CONFIG PC_MAJOR="$server" "$home/source/scripts/test" "$@"
        ;;
    chroot) pc_run_in_chroot "$server" "$@" ;;
    headers) pc_compile_for "$server" "$PG_CONFIG16" ;;
    none)
        echo "it can only be compiled for, and there are no headers: name them with PG_CONFIG16= (see CONTRIBUTING.md)"
        echo "0 passed, 0 failed, 1 skipped"
        ;;
    esac
}

PC_INSIDE=/srv/people_counter   # the sources, as seen from inside of a system

pc_run_in_chroot() {
    local server=$1 root=$PC_SERVERS/$1/root variables offline=yes experimental='' word
    shift
    # shellcheck disable=SC2046  # two releases are two words
    pc_chroot_make "$root" $(pc_release_of "$server")
    pc_copy_sources "$root$PC_INSIDE"
    pc_supported "$server" || experimental=yes
    variables="PC_MAJOR=$server|PC_EXPERIMENTAL=$experimental|PC_LONG=${PC_LONG:-}|PC_TEST_JOBS=${PC_TEST_JOBS:-}|PROPERTY_CASES=${PC_CASES_ELSEWHERE:-}"
    pc_note "installing packages"
    PC_CHROOT_VARIABLES=$variables pc_chroot_run "$root" "$PC_INSIDE/scripts/test" --prepare >"$root.log" 2>&1 || {
        tail -n 20 "$root.log"
        pc_die "the packages could not be installed: $root.log"
    }
    pc_hand_in_postgrest "$root"
    for word in "$@"; do [[ $word == --* || " ${OFFLINE[*]} " == *" $word "* ]] || offline=; done
    [[ " $* " == *" --suite "* || " $* " == *" --quick "* ]] || offline=
    PC_CHROOT_SIGNAL=TERM PC_CHROOT_OFFLINE=$offline PC_CHROOT_VARIABLES=$variables pc_chroot_run "$root" "$PC_INSIDE/scripts/test" "$@"
}

# No package brings it: the one of this machine, if it can run there.
pc_hand_in_postgrest() {
    local program
    program=$(readlink -f "$(command -v postgrest)") || return 0
    pc_as_root install -m 755 "$program" "$1/usr/local/bin/postgrest"
    pc_chroot_run "$1" postgrest --version >/dev/null 2>&1 || pc_as_root rm -f "$1/usr/local/bin/postgrest"
}

# pc_compile_for SERVER PG_CONFIG: with both compilers, where no other tests are to be had.
pc_compile_for() {
    local compiler passed=0 failed=0 log
    [ "$(pc_major_of "$2")" = "$1" ] || pc_die "$2 is of $(pc_major_of "$2"), not of $1"
    for compiler in c++ clang++; do
        log=$PC_SERVERS/$1/build-$compiler.log
        if PG_CONFIG=$2 pc_configure_and_build "$PC_SERVERS/$1/$compiler" modules -DCMAKE_CXX_COMPILER="$compiler" -DBUILD_TESTING=OFF \
            -DPEOPLE_COUNTER_WERROR=ON >"$log" 2>&1; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "not ok - builds with $compiler without a warning: $log"
            tail -n 40 "$log"
        fi
    done
    printf '%-10s %5d passed, %d failed, 0 skipped\n' compile "$passed" "$failed"
    echo "$passed passed, $failed failed, 0 skipped"
}

pc_stop_servers() {
    local status=$? lane server
    trap '' INT TERM HUP
    trap - EXIT
    for lane in "${PC_LANES[@]}"; do kill -TERM -- "-$lane" 2>/dev/null || true; done
    for server in "${PC_LANE_SERVERS[@]}"; do pc_chroot_stop "$PC_SERVERS/$server/root"; done
    for lane in "${PC_LANES[@]}"; do
        for _ in $(seq 200); do
            kill -0 -- "-$lane" 2>/dev/null || break
            sleep 0.3
        done
        pc_as_root kill -KILL -- "-$lane" 2>/dev/null || true
    done
    pc_give_back
    exit "$status"
}
