# shellcheck shell=bash disable=SC2016  # small programs for sh in single quotes
# Where the unprivileged user works, and private clusters of that user. A part of common.sh.

# ---- where the unprivileged user works --------------------------------------------------------------------------------

# pc_work_directory NAME: sets PC_RUN, a directory of PC_USER: build/NAME, or one under /tmp where that user cannot get at
# the clone or the path is too long for a socket (107 bytes). And PC_SOURCE: the sources as that user can read them.
pc_work_directory() {
    local link=$PC_BUILD/$1.elsewhere file
    pc_choose_user
    pc_as_builder mkdir -p "$PC_BUILD"
    for file in "$PC_BUILD" "$PC_BUILD"/{CMakeCache.txt,test-logs,demo.log}; do
        [ ! -e "$file" ] || [ -w "$file" ] || pc_die "$file belongs to another user: remove $PC_BUILD"
    done
    PC_RUN=$PC_BUILD/$1 PC_SOURCE=$PC_ROOT
    if [ ${#PC_RUN} -le 60 ] && mkdir -p "$PC_RUN" && { [ -z "$PC_USER" ] || chown "$PC_USER" "$PC_RUN"; } &&
        pc_as_user test -w "$PC_RUN" && pc_as_user test -r "$PC_ROOT/CMakeLists.txt"; then
        return 0
    fi
    rmdir "$PC_RUN" 2>/dev/null || true
    if [ -e "$link" ] && PC_RUN=$(cat "$link") && [ -d "$PC_RUN" ] && pc_as_user test -w "$PC_RUN" &&
        { [ -n "$PC_USER" ] || [ -O "$PC_RUN" ]; }; then
        : # made by an earlier run
    else
        PC_RUN=$(mktemp -d "/tmp/people_counter.XXXXXX")
        [ -z "$PC_USER" ] || chown "$PC_USER" "$PC_RUN"
        printf '%s\n' "$PC_RUN" >"$link"
    fi
    PC_SCRATCH+=("$PC_RUN" "$link")
    pc_note "the clone is out of reach of user ${PC_USER:-$(id -un)}, or its path too long for a socket: using $PC_RUN"
    if ! pc_as_user test -r "$PC_ROOT/CMakeLists.txt"; then
        PC_SOURCE=$PC_RUN/source
        rm -rf "$PC_SOURCE"
        mkdir -p "$PC_SOURCE"
        tar -C "$PC_ROOT" --exclude=./build --exclude=./.git -cf - . | tar -C "$PC_SOURCE" -xf -
        chown -R "${PC_USER:-$(id -un)}" "$PC_SOURCE"
    fi
}

pc_remove_scratch() {
    [ ${#PC_SCRATCH[@]} -eq 0 ] || rm -rf "${PC_SCRATCH[@]}"
    PC_SCRATCH=()
}

# pc_end_work NAME: ends what runs in a work directory, and removes it. Sets PC_RUN.
pc_end_work() {
    [ -e "$PC_BUILD/$1" ] || [ -e "$PC_BUILD/$1.elsewhere" ] || return 0
    pc_work_directory "$1"
    pc_stop_servers_below "$PC_RUN"
    rm -rf "$PC_RUN"
    pc_remove_scratch
}

# ---- private clusters -------------------------------------------------------------------------------------------------

# A cluster NAME lives in $PC_RUN/NAME: data, socket and log. Others cannot enter that directory, so its socket is
# trusted; TCP is on the loopback only and asks for the password of superuser postgres in the file `password`.

pc_free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    printf '%s\n' "$port"
}

pc_cluster_running() { pc_as_user pg_ctl -D "$PC_RUN/$1/data" status >/dev/null 2>&1; }

# Points PGHOST, PGPORT, PGUSER at a running cluster; PGDATABASE is left alone.
pc_cluster_use() {
    PGHOST=$PC_RUN/$1
    PGPORT=$(sed -n 4p "$PC_RUN/$1/data/postmaster.pid")
    PGUSER=postgres
    export PGHOST PGPORT PGUSER
    unset PGSERVICE PGHOSTADDR PGPASSWORD PGOPTIONS
}

# pc_cluster_start NAME [setting=value...]: makes it if need be, starts it if need be, and points PG* at it.
pc_cluster_start() {
    local home=$PC_RUN/$1 data=$PC_RUN/$1/data name=$1 try port
    shift
    if pc_cluster_running "$name"; then
        pc_cluster_use "$name"
        return 0
    fi
    if [ -e "$data/PG_VERSION" ] && [ "$(pc_as_user cat "$data/PG_VERSION")" != "$PC_MAJOR" ]; then
        pc_die "$data belongs to PostgreSQL $(pc_as_user cat "$data/PG_VERSION"), not $PC_MAJOR: remove $home to begin anew"
    fi
    if [ ! -e "$data/PG_VERSION" ]; then
        pc_as_user rm -rf "$home"
        pc_as_user mkdir -m 0700 "$home"
        pc_as_user sh -c 'umask 077; od -An -N18 -tx1 /dev/urandom | tr -d " \n" >"$0/password"' "$home"
        if ! pc_as_user initdb -D "$data" -U postgres --pwfile="$home/password" --auth-local=trust \
            --auth-host=scram-sha-256 --no-locale --encoding=UTF8 >"$PC_BUILD/initdb.log" 2>&1; then
            cat "$PC_BUILD/initdb.log" >&2
            pc_die "initdb failed"
        fi
        pc_as_user sh -c 'echo "include = '\''people_counter.conf'\''" >>"$0/postgresql.conf"' "$data"
    fi
    # The port of the last time first: it is in the name of the socket, which others may know.
    port=$(pc_as_user sed -n 's/^port = //p' "$data/people_counter.conf" 2>/dev/null || true)
    for try in 1 2 3 4 5; do
        {
            printf "listen_addresses = '127.0.0.1'\nport = %s\n" "${port:-$(pc_free_port)}"
            printf "unix_socket_directories = '%s'\n" "$home"
            [ $# -eq 0 ] || printf '%s\n' "$@"
        } | pc_as_user sh -c 'cat >"$0"' "$data/people_counter.conf"
        if (cd / && pc_as_user pg_ctl -D "$data" -l "$home/log" -w -t 60 -s start </dev/null >/dev/null 2>&1); then
            pc_cluster_use "$name"
            return 0
        fi
        port=
        pc_note "cluster $name did not start (try $try)"
    done
    pc_as_user tail -n 20 "$home/log" >&2 || true
    pc_die "cluster $name does not start"
}

pc_cluster_stop() {
    if pc_cluster_running "$1"; then
        (cd / && pc_as_user pg_ctl -D "$PC_RUN/$1/data" -m fast -w -t 60 -s stop) ||
            (cd / && pc_as_user pg_ctl -D "$PC_RUN/$1/data" -m immediate -w -t 30 -s stop)
    fi
}

# Stops whatever server still runs in a directory below DIRECTORY, such as one that a killed test left.
pc_stop_servers_below() {
    local pid_file
    [ -d "$1" ] || return 0
    while read -r pid_file; do
        (cd / && pc_as_user pg_ctl -D "${pid_file%/*}" -m immediate -w -t 30 -s stop) || true
    done < <(pc_as_user find "$1" -name postmaster.pid 2>/dev/null)
}

pc_psql() { pc_as_user psql -X -q -v ON_ERROR_STOP=1 "$@"; }
