# shellcheck shell=bash disable=SC2034  # FAILED is for who sources this
# Lines of TAP without numbers, which test/packages/run adds. FAILED tells whether a test has failed.
FAILED=0

# ok STATUS NAME [WHY]
ok() {
    if [ "$1" -eq 0 ]; then
        printf 'ok - %s\n' "$2"
    else
        FAILED=1
        printf 'not ok - %s\n' "$2"
        [ -z "${3:-}" ] || printf '# %s\n' "${3//$'\n'/$'\n'# }"
    fi
}

# is GOT EXPECTED NAME
is() { ok "$([ "$1" = "$2" ] && echo 0 || echo 1)" "$3" "got:"$'\n'"$1"$'\n'"expected:"$'\n'"$2"; }

# has TEXT PART NAME
has() { ok "$([[ $1 == *"$2"* ]] && echo 0 || echo 1)" "$3" "not in it: $2"$'\n'"$1"; }

# does NAME COMMAND...: ends with status 0; what it printed is shown if not.
does() {
    local test=$1 printed status=0
    shift
    printed=$("$@" 2>&1) || status=$?
    ok "$status" "$test" "$(tail -n 40 <<<"$printed")"
    return "$status"
}
