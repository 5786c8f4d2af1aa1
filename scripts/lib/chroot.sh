# shellcheck shell=bash disable=SC2016  # small programs for sh in single quotes
# Debian systems of another release, for the servers that this one has no packages of. Source it after common.sh; nothing
# happens before a function is called. What runs in such a system has mounts, processes and shared memory of its own, which end
# with it: nothing stays mounted or running, whatever ends it.
#
#   pc_chroot_prepare                         installs what this takes, and says what is not permitted here
#   pc_chroot_make ROOT RELEASE [RELEASE]     a small system in ROOT; with packages of another release on top, if asked for
#   pc_chroot_run ROOT COMMAND...             runs it there as root, with the network of this machine
#   pc_chroot_stop ROOT                       ends that, from another process
#   pc_copy_sources DIRECTORY                 what git knows of this clone, with what is not committed yet
#
# For pc_chroot_run, with a | between several: PC_CHROOT_MOUNTS of SOURCE:TARGET[:ro], PC_CHROOT_VARIABLES of NAME=value. And
# PC_CHROOT_OFFLINE=yes for a network of its own, with nothing but a loopback: no port is taken by others. PC_CHROOT_SIGNAL=TERM
# if the command tidies up when it is asked to end; by default pc_chroot_stop kills it.

PC_CHROOT_DAYS=30   # then a system is made anew: an unstable release goes on meanwhile

# The way to Debian's packages that this machine uses itself; nothing: the one that debootstrap knows.
pc_debian_mirror() {
    ! command -v apt-get >/dev/null ||
        apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -E '^https?://.*/debian/?$' | head -n 1 || true
}

# What apt goes through to get there, if anything.
pc_apt_proxy() {
    local proxy=
    ! command -v apt-config >/dev/null || eval "$(apt-config shell proxy Acquire::http::Proxy)"
    printf '%s\n' "${proxy:-${http_proxy:-}}"
}

pc_chroot_prepare() {
    pc_is_root || command -v sudo >/dev/null || pc_die "another Debian release takes root: run this as root, or install sudo"
    pc_want_file /usr/sbin/debootstrap debootstrap
    pc_want_file /usr/share/keyrings/debian-archive-keyring.gpg debian-archive-keyring
    pc_want unshare util-linux
    [ -x /sbin/ip ] || pc_want ip iproute2
    pc_install_missing
    local why
    why=$(pc_chroot_isolated sh -c 'd=$(mktemp -d) && mount -t tmpfs tmpfs "$d" && mknod "$d/null" c 1 3 && umount "$d" && rmdir "$d"' 2>&1 </dev/null) ||
        pc_die "another Debian release takes mounts, devices and namespaces, which are not permitted here ($why):" \
            "run this on a machine, or in a container that is privileged"
}

# A command with mounts, processes and shared memory of its own. They end when it ends, or when `unshare` is killed. With
# PID_FILE, this is told who to end: the process as this machine sees it (/proc is still that), and when it was started.
pc_chroot_isolated() {
    local network=()
    [ "${PC_CHROOT_OFFLINE:-}" != yes ] || network=(--net)
    pc_as_root env PC_CHROOT_SIGNAL="${PC_CHROOT_SIGNAL:-KILL}" \
        unshare --mount --propagation unchanged --pid --ipc "${network[@]}" --fork --kill-child bash -c '
        set -e
        mount --make-rprivate / 2>/dev/null || nsenter --mount=/proc/self/ns/mnt mount --make-rprivate /
        if [ -n "$1" ]; then PATH=$PATH:/usr/sbin:/sbin ip link set lo up; fi
        if [ -n "$0" ]; then
            read -r -a stat </proc/self/stat
            echo "${stat[0]} ${stat[21]} ${PC_CHROOT_SIGNAL:-KILL}" >"$0"
        fi
        shift
        exec "$@"' "${PID_FILE:-}" "${network[*]}" "$@"
}

pc_chroot_run() {
    local root=$1 variables proxy name
    shift
    proxy=$(pc_apt_proxy)
    variables="PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin|HOME=/root|DEBIAN_FRONTEND=noninteractive"
    variables+="${proxy:+|http_proxy=$proxy}${PC_CHROOT_VARIABLES:+|$PC_CHROOT_VARIABLES}"
    for name in https_proxy no_proxy; do variables+=${!name:+"|$name=${!name}"}; done
    PID_FILE=$root.pid pc_chroot_isolated env MOUNTS="${PC_CHROOT_MOUNTS:-}" TMPFS=/run VARIABLES="$variables" RESOLVE=yes \
        NAMES="$(tr '\n' '|' </etc/hosts)" bash "$PC_ROOT/test/docker/lib/chroot.sh" "$root" 0:0 "$@"
}

# What runs there is asked to end, and killed, with all that it started, after a minute.
pc_chroot_stop() {
    local pid since signal try stat
    { read -r pid since signal <"$1.pid"; } 2>/dev/null || return 0
    for ((try = 0; try < 400; try++)); do
        stat=()
        { read -r -a stat <"/proc/$pid/stat"; } 2>/dev/null || true
        if [ "${stat[21]:-}" != "$since" ] || [ "${stat[2]}" = Z ]; then break; fi
        case $try in
        0) pc_as_root kill "-$signal" "$pid" 2>/dev/null || true ;;
        300) pc_as_root kill -KILL "$pid" 2>/dev/null || true ;;
        esac
        sleep 0.2
    done
    pc_as_root rm -f "$1.pid"
}

# A system is complete if it was made to the end, lately, of these releases, and no package is half installed since.
pc_chroot_complete() {
    local stamp=$1.made
    [ "$(cat "$stamp" 2>/dev/null)" = "${*:2}" ] && [ -z "$(find "$stamp" -mtime "+$PC_CHROOT_DAYS")" ] &&
        pc_chroot_run "$1" sh -c '[ -z "$(dpkg --audit)" ] && apt-get -qq check' >/dev/null 2>&1
}

pc_chroot_make() {
    local root=$1 release=$2 log=$1.log proxy mirror
    pc_as_builder mkdir -p "${root%/*}"
    if pc_chroot_complete "$@"; then return 0; fi
    pc_note "making a Debian system ($(printf '%s' "${*:2}" | sed 's/ /, with /')) in $root"
    pc_as_root rm -rf --one-file-system "$root" "$root.made"
    mirror=$(pc_debian_mirror) proxy=$(pc_apt_proxy)
    if ! {
        PID_FILE=$root.pid pc_chroot_isolated env ${proxy:+"http_proxy=$proxy"} PATH="/usr/local/sbin:/usr/sbin:/sbin:$PATH" \
            debootstrap --variant=minbase "$release" "$root" ${mirror:+"$mirror"} &&
            pc_as_root sh -c "$PC_CHROOT_SETTINGS" sh "$root" "$proxy" "${3:-}" &&
            pc_chroot_run "$root" sh -c 'apt-get -qq update && apt-get -qq -y -o Dpkg::Use-Pty=0 dist-upgrade && apt-get clean'
    } >"$log" 2>&1 </dev/null; then
        tail -n 20 "$log" >&2
        pc_die "the Debian system could not be made: $log"
    fi
    printf '%s\n' "${*:2}" >"$root.made"
}

# Settings of a new system: no service starts in it, no server package makes a cluster, and a mirror that is behind will do.
PC_CHROOT_SETTINGS='
    set -e
    root=$1 proxy=$2 extra=$3
    {
        echo "Acquire::Check-Valid-Until \"false\";"
        echo "APT::Install-Recommends \"false\";"
        [ -z "$proxy" ] || echo "Acquire::http::Proxy \"$proxy\";"
    } >"$root/etc/apt/apt.conf.d/90people_counter"
    mkdir -p "$root/etc/postgresql-common/createcluster.d"
    echo "create_main_cluster = false" >"$root/etc/postgresql-common/createcluster.d/no_cluster.conf"
    printf "#!/bin/sh\nexit 101\n" >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    if [ -n "$extra" ]; then
        sed -n "s/^\(deb [^ ]*\) [^ ]* /\1 $extra /p" "$root/etc/apt/sources.list" >"$root/etc/apt/sources.list.d/$extra.list"
        printf "Package: postgresql-* libpq*\nPin: release a=%s\nPin-Priority: 500\n" "$extra" >"$root/etc/apt/preferences.d/$extra"
    fi
'

# The files that git has or would take; without git, all but what is built. What was built there earlier is kept.
pc_copy_sources() {
    local place=$1 list
    list=$(mktemp)
    if command -v git >/dev/null && git -c safe.directory='*' -C "$PC_ROOT" rev-parse --git-dir >/dev/null 2>&1; then
        git -c safe.directory='*' -C "$PC_ROOT" ls-files -z --cached --others --exclude-standard
    else
        (cd "$PC_ROOT" && find . -name node_modules -prune -o -path ./build -prune -o -path ./.git -prune -o ! -type d -print0)
    fi | (cd "$PC_ROOT" && while IFS= read -r -d '' file; do
        if [ -e "$file" ] || [ -L "$file" ]; then printf '%s\0' "$file"; fi
    done) >"$list"
    pc_as_root mkdir -p "$place"
    pc_as_root find "$place" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
    tar -C "$PC_ROOT" --null --verbatim-files-from -T "$list" -cf - | pc_as_root tar -C "$place" --no-same-owner -xf -
    rm -f "$list"
}
