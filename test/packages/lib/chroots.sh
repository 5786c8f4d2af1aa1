# shellcheck shell=bash disable=SC2016,SC2154  # formats of apt in single quotes; PC_* are of scripts/lib/common.sh
# Clean installations of the release of Debian that this machine is. build/servers/clean is kept as it is, build/servers/compiler-NN
# with what it takes to build with make; tests use copies. Source it after scripts/lib/chroot.sh.
CLEAN=$PC_BUILD/servers/clean/root
COMPILER=$PC_BUILD/servers/compiler-$PC_MAJOR/root

# The release whose packages apt takes here for the most part.
release_here() {
    local found=''
    found=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 'Component: main' |
        sed -nE 's,^https?://[^ ]*/debian/? ([a-z]+)$,\1,p' | head -n 1) || true
    printf '%s\n' "${found:-$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)}"
}

# Where else apt gets packages from here, such as servers that Debian does not have: sources, their keys and what is preferred.
add_sources() {
    local root=$1 key
    find /etc/apt -type f \( -path '*/sources.list*' -o -path '*/trusted.gpg*' -o -path '*/keyrings/*' -o -path '*/preferences*' \) \
        -exec cp -p --parents -t "$root" {} +
    while read -r key; do
        [ ! -f "$key" ] || install -D -m 0644 "$key" "$root$key"
    done < <(grep -rhioE '(signed-by[=:] *)/[^] ]+' /etc/apt/sources.list* 2>/dev/null | sed 's/^[^/]*//')
}

copy_chroot() {
    pc_as_root rm -rf --one-file-system "$2"
    pc_as_root cp -a --reflink=auto "$1" "$2"
}

make_chroots() {
    local release made=$COMPILER.made packages
    release=$(release_here)
    pc_chroot_make "$CLEAN" "$release"
    pc_as_root bash -c "$(declare -f add_sources); add_sources \"\$0\"" "$CLEAN"
    pc_chroot_run "$CLEAN" apt-get -qq update
    packages="postgresql-$PC_MAJOR postgresql-server-dev-$PC_MAJOR g++ make libcurl4-openssl-dev unzip"
    # Old names of zones, which a test of the regress suite uses; since Debian 13 they are in a package of their own.
    if pc_chroot_run "$CLEAN" apt-cache madison tzdata-legacy | grep -q .; then packages+=' tzdata-legacy'; fi
    if [ "$(cat "$made" 2>/dev/null)" != "$release $packages" ] || [ "$CLEAN.made" -nt "$made" ]; then
        pc_as_root rm -f "$made"
        pc_as_builder mkdir -p "${COMPILER%/*}"
        copy_chroot "$CLEAN" "$COMPILER"
        # shellcheck disable=SC2086  # several packages
        pc_chroot_run "$COMPILER" apt-get -qq -y -o Dpkg::Use-Pty=0 install $packages
        pc_chroot_run "$COMPILER" apt-get clean
        printf '%s\n' "$release $packages" >"$made"
    fi
}
