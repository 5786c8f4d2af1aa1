# shellcheck shell=bash disable=SC2016  # small programs for sh in single quotes
# The server that pg_upgrade begins with: PostgreSQL 15, beside the one that the tests are for. Sourced by common.sh.

PC_OLD_MAJOR=15
PC_OLD_RELEASE=bookworm   # the Debian release that has it
PC_OLD_HOME=/usr/lib/postgresql/$PC_OLD_MAJOR

pc_has_old_server() {
    [ "$PC_MAJOR" -gt "$PC_OLD_MAJOR" ] && [ -x "$PC_OLD_HOME/bin/postgres" ] && pc_has_headers "$PC_OLD_HOME/bin/pg_config"
}

# Installs it, where apt offers it or this is a system of our own (scripts/lib/chroot.sh), which may be told of another release.
pc_prepare_old_server() {
    if [ "$PC_MAJOR" -le "$PC_OLD_MAJOR" ] || pc_has_old_server; then return 0; fi
    if [ -e /etc/apt/apt.conf.d/90people_counter ]; then
        pc_note "installing postgresql-$PC_OLD_MAJOR of $PC_OLD_RELEASE"
        PC_MAJOR=$PC_OLD_MAJOR RELEASE=$PC_OLD_RELEASE sh -c "$PC_OLD_SETTINGS" >&2 </dev/null ||
            pc_die "PostgreSQL $PC_OLD_MAJOR of $PC_OLD_RELEASE could not be installed"
    elif [ -n "$(apt-cache madison "postgresql-server-dev-$PC_OLD_MAJOR" 2>/dev/null)" ]; then
        PC_MISSING+=("postgresql-$PC_OLD_MAJOR" "postgresql-server-dev-$PC_OLD_MAJOR")
        pc_install_missing
    fi
}

# What this system has itself goes before what the old release has. Of the package of headers only the files are wanted: it would
# bring a compiler.
PC_OLD_SETTINGS='
    set -e
    sed -n "s/^\(deb [^ ]*\) [^ ]* /\1 $RELEASE /p" /etc/apt/sources.list >"/etc/apt/sources.list.d/$RELEASE.list"
    printf "Package: *\nPin: release n=%s\nPin-Priority: 100\n" "$RELEASE" >"/etc/apt/preferences.d/$RELEASE"
    apt-get -qq update
    apt-get -qq -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 --no-install-recommends install "postgresql-$PC_MAJOR"
    work=$(mktemp -d)
    chmod 755 "$work"
    cd "$work"
    apt-get -qq download "postgresql-server-dev-$PC_MAJOR"
    dpkg -x ./*.deb /
    cd /
    rm -rf "$work"
'
