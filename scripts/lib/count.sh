# shellcheck shell=bash
# What a suite of scripts/test found, from what its tests printed. Source it; SUITE is the suite that runs, LOGS a directory.

# A suite writes what it found here: "passed failed skipped". Several lines add up.
count() { printf '%s %s %s\n' "$1" "$2" "${3:-0}" >>"$LOGS/$SUITE.count"; }

# count_one STATUS NAME
count_one() {
    if [ "$1" -eq 0 ]; then
        echo "ok - $2"
        count 1 0
    else
        echo "not ok - $2"
        count 0 1
    fi
}

# count_lines FILE STATUS PASSED FAILED [SKIPPED]: lines that match these patterns. A run that failed in spite of its lines,
# or that has none, is one failure more.
count_lines() {
    local passed failed skipped=0
    if [ -n "${5:-}" ]; then skipped=$(grep -cE -- "$5" "$1" || true); fi
    passed=$(grep -E -- "$3" "$1" | grep -cvE -- "${5:-^$}" || true)
    failed=$(grep -cE -- "$4" "$1" || true)
    if [ "$2" -ne 0 ] && [ "$failed" -eq 0 ]; then
        echo "not ok - exited with status $2"
        failed=1
    elif [ $((passed + failed + skipped)) -eq 0 ]; then
        echo "not ok - ran no test"
        failed=1
    fi
    count "$passed" "$failed" "$skipped"
}

# count_tap FILE STATUS. A test that is known to fail (TODO) is not a failure.
count_tap() {
    sed -i -E 's/^not (ok .*# TODO)/\1/' "$1"
    count_lines "$1" "$2" '^ok [0-9-]' '^not ok\b' '^(ok\b.*# (SKIP|skip)|1\.\.0 # (SKIP|skip))'
}

# count_ctest LABEL
count_ctest() {
    local junit=$LOGS/$SUITE.xml status=0 total failed skipped
    rm -f "$junit"
    (cd "$PC_BUILD" && ctest -L "$1" --no-tests=error --output-on-failure --parallel "$PC_JOBS" --timeout 300 \
        --output-junit "$junit") || status=$?
    attribute() { sed -n "s/.*[^a-z]$1=\"\([0-9]*\)\".*/\1/p" "$junit" | head -n 1; }
    if [ ! -s "$junit" ] || [ -z "$(attribute tests)" ]; then
        echo "not ok - ctest ran nothing"
        count 0 1
        return 0
    fi
    total=$(attribute tests) failed=$(attribute failures)
    skipped=$(($(attribute skipped) + $(attribute disabled)))
    if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
    count $((total - failed - skipped)) "$failed" "$skipped"
}
