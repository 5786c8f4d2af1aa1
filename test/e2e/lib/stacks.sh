# shellcheck shell=bash disable=SC2016  # small programs for sh in single quotes
# The stacks that the tests run against, each in a directory below PC_RUN. See test/e2e/run.

# at NAME COMMAND...: in a subshell, with the directory of that name as PC_API. Settings go before it: API_OPEN=1 at open ...
at() {
    local name=$1
    shift
    (
        export API_PORT=${API_PORT:-$(cat "$PC_RUN/$name/port" 2>/dev/null || pc_free_port)}
        pc_api_directory "$name"
        "$@"
    )
}

url_of() { at "$1" eval 'printf "%s\n" "$PC_API_URL"'; }

# A certificate for tests of https, that nobody trusts.
make_certificate() {
    pc_as_user mkdir -p "$PC_RUN/tls"
    pc_as_user openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
        -keyout "$PC_RUN/tls/key.pem" -out "$PC_RUN/tls/certificate.pem" >"$PC_BUILD/e2e-openssl.log" 2>&1 ||
        pc_die "openssl makes no certificate: $PC_BUILD/e2e-openssl.log"
}

# A key for RS256, and a JWKS with its public half.
make_signing_key() {
    pc_as_user sh -c 'umask 077; mkdir -p "$0" && cd "$0" && openssl genrsa -out key.pem 2048 2>/dev/null &&
        openssl rsa -in key.pem -noout -modulus 2>/dev/null | sed s/Modulus=// >modulus' "$PC_RUN/jwks"
    pc_as_user perl -MMIME::Base64=encode_base64url -e '
        chomp(my $modulus = <STDIN>);
        printf qq({"keys":[{"kty":"RSA","alg":"RS256","use":"sig","kid":"e2e","n":"%s","e":"AQAB"}]}\n),
            encode_base64url(pack "H*", $modulus);
    ' <"$PC_RUN/jwks/modulus" | pc_as_user sh -c 'cat >"$0"' "$PC_RUN/jwks/jwks.json"
}

# The PostgREST of stack FROM serves gateway NAME, too.
share_postgrest() {
    pc_as_user mkdir -p -m 0700 "$PC_RUN/$1"
    pc_as_user ln -sfn "../$2/postgrest.sock" "$PC_RUN/$1/postgrest.sock"
}

# The rate is what the tests of everything else do not reach.
start_stacks() {
    local name
    export API_RATE_LIMIT=100000r/s
    PC_PAGE_ORIGIN=http://127.0.0.1:$(pc_free_port)
    PC_ORIGINS="https://dashboard.example, http://other.example:8443, $PC_PAGE_ORIGIN"
    make_signing_key
    pc_cluster_start cluster "cluster_name = 'people_counter e2e'" "shared_preload_libraries = 'people_counter'" \
        fsync=off full_page_writes=off max_connections=100
    cd /   # where the user of the cluster may be, too
    for name in open closed; do
        pc_psql -d postgres -c "CREATE DATABASE $name"
        PGDATABASE=$name pc_api_database
    done
    PGDATABASE=open API_OPEN=1 API_CORS_ORIGINS=$PC_ORIGINS at open pc_api_start
    PGDATABASE=closed at closed pc_api_start
    PGDATABASE=open API_OPEN=1 API_TIMEOUT=1s at hasty pc_postgrest_start
    at hasty pc_gateway_start
    PGDATABASE=closed PGRST_JWT_SECRET="@$PC_RUN/jwks/jwks.json" at rs256 pc_api_start
    for name in https limited impatient; do share_postgrest "$name" open; done
    API_TLS_CERTIFICATE=$PC_RUN/tls/certificate.pem API_TLS_KEY=$PC_RUN/tls/key.pem API_CORS_ORIGINS='*' at https pc_gateway_start
    API_RATE_LIMIT=3r/m API_MAX_BODY=2000 at limited pc_gateway_start
    API_TIMEOUT=1s at impatient pc_gateway_start
    start_stream_gateways
    PGDATABASE=open at open pc_stream_publish
    write_control
    say_where
}

# A redis of ours. redis-tools of Debian has the server, under the name of another program and without a service.
start_redis() {
    pc_as_user mkdir -p -m 0700 "$PC_RUN/redis"
    PC_REDIS_PORT=${PC_REDIS_PORT:-$(pc_free_port)}
    pc_as_user bash -c 'cd "$0" && exec -a redis-server redis-check-rdb --port "$1" --bind 127.0.0.1 --daemonize yes --set-proc-title no --save "" \
        --pidfile "$0/redis.pid" --logfile "$0/log"' "$PC_RUN/redis" "$PC_REDIS_PORT"
    for _ in $(seq 100); do
        [ "$(redis-cli -p "$PC_REDIS_PORT" ping 2>/dev/null)" != PONG ] || return 0
        sleep 0.1
    done
    pc_die "redis does not start: $PC_RUN/redis/log"
}

start_redis_gateway() { API_STREAM_MEMORY=64m API_REDIS_URL=redis://127.0.0.1:$PC_REDIS_PORT/0 at "$1" pc_gateway_start; }

# What falls over, the whole process group of a gateway at once.
kill_redis() { pc_as_user kill -KILL "$(cat "$PC_RUN/redis/redis.pid")"; }
kill_gateway() {
    local pid
    pid=$(cat "$PC_RUN/$1/gateway/nginx.pid")
    pc_as_user kill -KILL -- "-$pid"
    while pc_as_user kill -0 -- "-$pid" 2>/dev/null; do sleep 0.1; done
}

# More gateways of the open stack: one for few subscribers, one with little memory, and two that share a redis.
start_stream_gateways() {
    local name
    export API_STREAM_MEMORY=64m
    for name in crowded full redis-a redis-b; do share_postgrest "$name" open; done
    API_STREAM_CONNECTIONS=3 at crowded pc_gateway_start
    API_STREAM_MEMORY=8m at full pc_gateway_start
    unset API_STREAM_MEMORY
    start_redis
    for name in redis-a redis-b; do start_redis_gateway "$name"; done
}

# A program that stops and starts parts of the open stack and what shares redis, for tests that run as PC_USER.
write_control() {
    {
        printf '#!/bin/bash\n'
        at open eval 'declare -p PC_SOURCE PC_RUN PC_REDIS_PORT PC_API PC_API_PORT PC_API_URL PGHOST PGPORT PGUSER PATH' |
            sed -E 's/^declare -[a-z-]+ /export /'
        printf 'export API_OPEN=1 API_RATE_LIMIT=%s API_PORT=$PC_API_PORT PGDATABASE=open\n' "$API_RATE_LIMIT"
        printf 'export API_CORS_ORIGINS=%q\n' "$PC_ORIGINS"
        printf 'source "$PC_SOURCE/scripts/lib/common.sh"\nsource "$PC_SOURCE/scripts/lib/stack.sh"\n'
        printf 'source "$PC_SOURCE/test/e2e/lib/stacks.sh"\n'
        printf 'PC_BUILD=$PC_RUN PC_USER=\n'
        printf '%s\n' 'case $1 in' \
            'postgres_stop) pg_ctl -D "$PC_RUN/cluster/data" -m immediate -w -t 60 -s stop ;;' \
            'postgres_start) pg_ctl -D "$PC_RUN/cluster/data" -l "$PC_RUN/cluster/log" -w -t 60 -s start </dev/null >/dev/null 2>&1 ;;' \
            'kill_*) "$@" ;;' \
            'start_*) unset API_PORT API_CORS_ORIGINS && "$@" ;;' \
            '*) "pc_$1" ;;' 'esac'
    } | pc_as_user sh -c 'cat >"$0" && chmod 0700 "$0"' "$PC_RUN/control"
}

say_where() {
    local part quoted name
    PEOPLE_COUNTER_LOGS=$PC_RUN/open PEOPLE_COUNTER_SCREENSHOTS=$PC_RUN/screenshots PEOPLE_COUNTER_PAGE_ORIGIN=$PC_PAGE_ORIGIN
    PEOPLE_COUNTER_URL=$(url_of open)
    PEOPLE_COUNTER_HTTPS_URL=https://127.0.0.1:$(cat "$PC_RUN/https/port")
    for name in closed rs256 hasty limited impatient crowded redis-a redis-b; do
        part=${name//-/_}
        export "PEOPLE_COUNTER_${part^^}_URL=$(url_of "$name")"
    done
    export PEOPLE_COUNTER_PUBLISH_SOCKET=$PC_RUN/open/gateway/publish.sock
    for name in closed full redis-a redis-b; do
        part=${name//-/_}
        export "PEOPLE_COUNTER_${part^^}_PUBLISH_SOCKET=$PC_RUN/$name/gateway/publish.sock"
    done
    quoted=$(printf %q "$PC_RUN/control")
    for part in gateway postgrest postgres; do
        export "PEOPLE_COUNTER_${part^^}_STOP=$quoted ${part}_stop" "PEOPLE_COUNTER_${part^^}_START=$quoted ${part}_start"
    done
    export PEOPLE_COUNTER_REDIS_KILL="$quoted kill_redis" PEOPLE_COUNTER_REDIS_START="$quoted start_redis"
    for part in a b; do
        export "PEOPLE_COUNTER_REDIS_${part^^}_KILL=$quoted kill_gateway redis-$part" \
            "PEOPLE_COUNTER_REDIS_${part^^}_START=$quoted start_redis_gateway redis-$part"
    done
    quoted="$(printf %q "$PC_BINDIR/psql") -X -q -At -v ON_ERROR_STOP=1 -h $(printf %q "$PGHOST") -p $PGPORT -U $PGUSER"
    PEOPLE_COUNTER_PGBENCH="env PGDATABASE=open $(printf %q "$PC_BINDIR/pgbench") -h $(printf %q "$PGHOST") -p $PGPORT -U $PGUSER"
    PEOPLE_COUNTER_PSQL="$quoted -d open" PEOPLE_COUNTER_CLOSED_PSQL="$quoted -d closed"
    PEOPLE_COUNTER_JWT_SECRET=$(pc_as_user cat "$PC_RUN/closed/jwt-secret")
    PEOPLE_COUNTER_RS256_KEY=$PC_RUN/jwks/key.pem
    PEOPLE_COUNTER_ADMIN_KEY=$(pc_psql -d closed -At -c "SELECT people_counter_api.create_api_key('e2e', 'admin')->>'api_key'")
    export PEOPLE_COUNTER_LOGS PEOPLE_COUNTER_SCREENSHOTS PEOPLE_COUNTER_PAGE_ORIGIN PEOPLE_COUNTER_URL PEOPLE_COUNTER_HTTPS_URL \
        PEOPLE_COUNTER_PSQL PEOPLE_COUNTER_PGBENCH PEOPLE_COUNTER_CLOSED_PSQL \
        PEOPLE_COUNTER_JWT_SECRET PEOPLE_COUNTER_RS256_KEY PEOPLE_COUNTER_ADMIN_KEY
}

# All that runs below PC_RUN, of this run or of one before it.
stop_everything() {
    local file
    [ -d "${PC_RUN:-}" ] || return 0
    for file in "$PC_RUN"/*/gateway/nginx.pid "$PC_RUN"/*/postgrest.pid; do
        [ -e "$file" ] || continue
        PC_API=${file%/gateway/nginx.pid} PC_API=${PC_API%/postgrest.pid}
        pc_api_end "$file" TERM
    done
    PC_API=$PC_RUN/redis pc_api_end "$PC_RUN/redis/redis.pid" TERM
    pc_stop_servers_below "$PC_RUN"
}
