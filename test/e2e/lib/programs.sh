# shellcheck shell=bash disable=SC2016  # small programs for sh in single quotes
# Runs the programs of test/e2e that are written in JavaScript and Python. See test/e2e/run.

PROGRAM=   # its process group

# Only what their programs need; node and npm of another origin will do.
want_languages() {
    if compgen -G "$PC_ROOT/test/e2e/*.test.mjs" >/dev/null; then pc_want node nodejs && pc_want curl curl; fi
    [ ! -e "$PC_ROOT/test/e2e/package.json" ] || pc_want npm npm
    if compgen -G "$PC_ROOT/test/e2e/dashboard*.test.mjs" >/dev/null; then
        pc_want chromium chromium
        pc_want_file /usr/lib/chromium/chrome-sandbox chromium-sandbox
        pc_want_file /usr/share/fonts/truetype/roboto fonts-roboto-unhinted   # what its pictures are written in
    fi
    if compgen -G "$PC_ROOT/test/e2e/test_*.py" >/dev/null; then
        pc_want python3 python3
        python3 -c 'import aiohttp' 2>/dev/null || PC_MISSING+=(python3-aiohttp)
    fi
}

# A copy, for npm writes beside what it is given.
copy_programs() {
    local status=0
    pc_as_user mkdir -p "$PC_RUN/tree"
    tar -C "$PC_ROOT" --exclude=node_modules --exclude=__pycache__ -cf - README.md dashboard docs test/e2e test/data scripts/demo.d \
        "$([ -d "$PC_ROOT/clients" ] && echo clients || echo LICENSE)" |
        pc_as_user tar -C "$PC_RUN/tree" --no-same-owner --no-same-permissions -xf -
    [ -e "$PC_ROOT/test/e2e/package.json" ] || return 0
    (cd "$PC_RUN/tree/test/e2e" && pc_as_user npm ci --no-audit --no-fund --ignore-scripts) >"$PC_BUILD/e2e-npm.log" 2>&1 </dev/null || status=1
    result "$status" "npm ci in test/e2e" "$PC_BUILD/e2e-npm.log"
}

# In a process group of its own, so that an interrupt ends all of it.
run_program() {
    local out=$PC_BUILD/e2e-program.out tap=$PC_BUILD/e2e-program.tap status=0 command
    case $1 in
    *.mjs) command='exec node --test-reporter=tap "$0"' ;;
    *.py) command='PYTHONPATH=$PWD:../../clients/python/src:../../clients/python exec python3 lib/unittest_tap.py "${0%.py}"' ;;
    esac
    set -m
    (cd "$PC_RUN/tree/test/e2e" && pc_as_user bash -c "$command" "$1") >"$out" 2>&1 </dev/null &
    PROGRAM=$!
    set +m
    wait "$PROGRAM" || status=$?
    PROGRAM=
    if [[ $1 == *.mjs ]]; then flatten "$out" >"$tap"; else cp "$out" "$tap"; fi
    relay "$1" "$tap" "$status"
}

end_program() {
    [ -n "$PROGRAM" ] || return 0
    kill -TERM -- "-$PROGRAM" 2>/dev/null || true
    PROGRAM=
}

# node nests its TAP. Here a test that has others in it is one line less, unless it failed by itself.
flatten() {
    perl -ne '
        if (/^(\s*)(not )?ok \d+ - (.*)/) {
            my ($depth, $bad, $name) = (length $1, $2, $3);
            my $parent = $depth < ($last // 0);
            $last = $depth;
            $told = !$parent || ($bad && !$inner);
            $inner = $parent && $depth > 0 && $inner || !$parent && $bad || ($depth > 0 && $inner);
            $bad //= "";
            print "${bad}ok 1 - $name\n" if $told;
            $explain = $bad && $told;
            $inner = 0 if $depth == 0;
        } elsif (/^\s*(1\.\.\d+|TAP version \d+|---|\.\.\.|duration_ms.*|type: .*|# Subtest:.*|# (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) .*)$/) {
        } elsif ($explain || /^\s*#/ || !/^\s/) {
            print "# $_";
        }
    ' "$1"
}
