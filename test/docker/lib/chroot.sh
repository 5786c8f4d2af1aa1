# shellcheck shell=bash disable=SC2016  # a small program for sh in single quotes
# A command in a root directory, as a container would have it: mounts of its own, which end with the process. Run by
# `unshare --mount --propagation unchanged --pid --fork` as root:
#
#   chroot.sh ROOT UID:GID COMMAND...
#
# In the environment, lists with a | between the parts: MOUNTS of SOURCE:TARGET[:ro], TMPFS of TARGET, NAMES of lines for
# /etc/hosts, VARIABLES of NAME=value; RESOLVE=yes for the machine's name servers; READ_ONLY=yes; DIRECTORY to be in;
# LIMITED=yes for a process without capabilities; WAIT=yes to begin when a line comes on standard input; INPUT, the number of
# what is open to be its standard input.
set -euo pipefail
root=$1 owner=$2
shift 2
# No mount goes to others, not even if this is done in a chroot, where / is no mount that could be told so.
mount --make-rprivate / 2>/dev/null || nsenter --mount=/proc/self/ns/mnt mount --make-rprivate /
[ "${WAIT:-}" != yes ] || read -r _

parts() { [ -z "$1" ] || tr '|' '\n' <<<"$1"; }
# place KIND TARGET: sets `place`, where something is mounted that is a directory, or not. A link in the root directory that
# has an absolute path must not lead to a file of this machine.
place() {
    place=$(chroot "$root" /bin/sh -c 'target=$(realpath -m "$1") &&
        if [ "$0" = directory ]; then mkdir -p "$target"; else mkdir -p "${target%/*}" && { [ -e "$target" ] || : >"$target"; }; fi &&
        printf %s "$target"' "$1" "$2")
    place=$root$place
}

mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755,size=1m dev "$root/dev"
for device in null zero full random urandom tty; do
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir -m 1777 "$root/dev/shm"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
if [ "${RESOLVE:-}" = yes ]; then
    place file /etc/resolv.conf
    mount --bind "$(realpath /etc/resolv.conf)" "$place"
fi
if [ -n "${NAMES:-}" ]; then
    parts "$NAMES" >"$root/dev/hosts"
    place file /etc/hosts
    mount --bind "$root/dev/hosts" "$place"
fi
while IFS= read -r target; do
    place directory "$target"
    mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$place"
done < <(parts "${TMPFS:-}")
while IFS=: read -r source target how; do
    place "$([ -d "$source" ] && echo directory || echo file)" "$target"
    mount --bind "$source" "$place"
    [ "$how" != ro ] || mount -o remount,bind,ro "$place"
done < <(parts "${MOUNTS:-}")
[ "${READ_ONLY:-}" != yes ] || mount -o remount,bind,ro "$root"

mapfile -t variables < <(parts "${VARIABLES:-}")
limits=(--reuid "${owner%:*}" --regid "${owner#*:}" --clear-groups)
[ "${LIMITED:-}" != yes ] || limits+=(--no-new-privs --bounding-set=-all --inh-caps=-all)
exec chroot "$root" /usr/bin/env -i "${variables[@]}" /bin/sh -c 'cd "$0" && exec setpriv "$@"' "${DIRECTORY:-/}" "${limits[@]}" "$@" <"${INPUT:+/dev/fd/}${INPUT:-/dev/null}"
