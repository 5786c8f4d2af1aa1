# shellcheck shell=bash disable=SC2016  # small programs for sh in single quotes
# PostgREST and the gateway on a private cluster of scripts/lib/common.sh, which is sourced before. They run as PC_USER,
# in PC_API, and take the API_ variables of docker/README.md from the environment. PG* point at the cluster, PGDATABASE at
# the database (pc_cluster_start, pc_cluster_use). The order of a start: pc_api_directory, pc_api_database,
# pc_postgrest_start, pc_gateway_start, pc_api_wait; each may be stopped and started by itself.

PATH=$PATH:/usr/sbin:/sbin   # nginx

# ---- what must be there ---------------------------------------------------------------------------------------------

# pc_has_module FILE PATTERN: nginx has a module, to load or built in.
pc_has_module() {
    nginx -V 2>&1 | grep -Eq -- "--add-module=[^ ]*($2)" ||
        compgen -G "/usr/lib*/nginx/modules/$1" >/dev/null || [ -e "/etc/nginx/modules/$1" ]
}

# Notes what is missing, for pc_prepare to install.
pc_api_want() {
    pc_want nginx nginx
    pc_has_module ngx_http_js_module.so 'njs|http-js' || PC_MISSING+=(libnginx-mod-http-js)
    pc_has_module ngx_nchan_module.so nchan || PC_MISSING+=(libnginx-mod-nchan)
    pc_want envsubst gettext-base
    pc_want curl curl
    pc_want prove perl   # tokens
}

pc_has_postgrest() { command -v postgrest >/dev/null; }

pc_postgrest_advice() {
    cat <<'HINT'
There is no postgrest on PATH, and no Debian package of it. It is one file, version 14 or later:

  https://github.com/PostgREST/postgrest/releases   postgrest-v…-linux-static-x86-64.tar.xz (or -ubuntu-aarch64)
  tar -xJf postgrest-v*.tar.xz && sudo install postgrest /usr/local/bin/
HINT
}

# nchan has nginx make the directory that was compiled in for bodies, whatever the configuration says, and only root can.
pc_nginx_directory() {
    local path
    path=$(nginx -V 2>&1 | sed -n 's/.*--http-client-body-temp-path=\([^ ]*\).*/\1/p')
    [ -z "$path" ] || [ -d "$path" ] || pc_as_root mkdir -p "$path"
}

# ---- where it is ----------------------------------------------------------------------------------------------------

# pc_api_directory NAME: sets PC_API, PC_API_PORT and PC_API_URL; the secret that signs tokens is made once.
pc_api_directory() {
    local wanted=${API_PORT:-}
    PC_API=$PC_RUN/$1
    pc_as_user mkdir -p -m 0700 "$PC_API"
    pc_as_user sh -c 'umask 077; [ -s "$0" ] || od -An -N32 -tx1 /dev/urandom | tr -d " \n" >"$0"' "$PC_API/jwt-secret"
    PC_API_PORT=${wanted:-$(pc_as_user cat "$PC_API/port" 2>/dev/null || true)}
    pc_api_url
    ! command -v nginx >/dev/null || pc_nginx_directory
}

# Where scripts/stack has all logs: sets PC_LOGS, from LOG_DIR or below PC_RUN. Where it is not called, each part logs in PC_API.
PC_LOGS=
pc_log_directory() {
    PC_LOGS=${LOG_DIR:-$PC_RUN/logs}
    [[ $PC_LOGS = /* ]] || PC_LOGS=$PWD/$PC_LOGS
    pc_as_user mkdir -p "$PC_LOGS" 2>/dev/null || true
    pc_as_user test -w "$PC_LOGS" || pc_die "user ${PC_USER:-$(id -un)} cannot write to LOG_DIR=$PC_LOGS"
}

# pc_api_log NAME: the file of gateway, access or postgrest. PostgREST never reopens its own, so each line does.
pc_api_log() { if [ -n "$PC_LOGS" ]; then echo "$PC_LOGS/api.log"; else echo "$PC_API/$1.log"; fi; }

# Settings for pc_cluster_start, a line each: one file, which only pc_reopen_logs ends, with a fixed prefix.
pc_log_settings() {
    printf '%s\n' 'logging_collector = on' "log_directory = '$PC_LOGS'" "log_filename = 'database.log'" 'log_rotation_age = 0' \
        'log_rotation_size = 0' "log_line_prefix = '%m [%p] session=%c,xid=%x,user=%u,db=%d,app=%a '"
}

# pc_reopen_logs CLUSTER: after the files were renamed. Until then who writes goes on in the old ones, so nothing is lost.
pc_reopen_logs() {
    local pid
    if pid=$(pc_api_process "$PC_API/gateway/nginx.pid"); then pc_as_user kill -USR1 "$pid"; fi
    if pc_cluster_running "$1"; then (cd / && pc_as_user pg_ctl -D "$PC_RUN/$1/data" -s logrotate); fi
}

pc_api_url() {
    local host=${API_LISTEN:-127.0.0.1} scheme=http
    [[ $host != 0.0.0.0 && $host != '*' ]] || host=127.0.0.1
    [ "$host" != '[::]' ] || host='[::1]'
    [ -z "${API_TLS_CERTIFICATE:-}" ] || scheme=https
    PC_API_URL=$scheme://$host:$PC_API_PORT
}

# API_PORT or nothing, if it is given; otherwise the port of the last time, 8000, or any.
pc_api_choose_port() {
    local port
    for port in "${API_PORT:-$PC_API_PORT}" ${API_PORT:-8000 "$(pc_free_port)"}; do
        [ -n "$port" ] || continue
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            PC_API_PORT=$port
            pc_api_url
            pc_as_user sh -c 'echo "$1" >"$0"' "$PC_API/port" "$port"
            return 0
        fi
    done
    pc_die "port $API_PORT is in use"
}

# The process that a file names, if it is the one that was started with a path below PC_API.
pc_api_process() {
    local pid
    pid=$(pc_as_user cat "$1" 2>/dev/null) && [ -n "$pid" ] && pc_as_user grep -qaF "$PC_API/" "/proc/$pid/cmdline" 2>/dev/null &&
        printf '%s\n' "$pid"
}

# pc_api_end FILE SIGNAL: and by force if it has not gone after 15 s.
pc_api_end() {
    local pid try
    pid=$(pc_api_process "$1") || return 0
    pc_as_user kill "-$2" "$pid" 2>/dev/null || true
    for try in $(seq 150); do
        pc_api_process "$1" >/dev/null || break
        [ "$try" != 100 ] || pc_as_user kill -KILL "$pid" 2>/dev/null || true
        sleep 0.1
    done
    pc_as_user rm -f "$1"
}

# ---- the database ---------------------------------------------------------------------------------------------------

# Both extensions, at the version that is installed, and PostgREST's role. It has no password: only PC_USER gets at the
# socket, which trusts, and TCP asks for one.
pc_api_database() {
    local before
    before=$(pc_extension_versions)
    pc_psql -d "$PGDATABASE" <"$PC_ROOT/docker/postgres/database.sql"
    [ -n "$PC_LOGS" ] && [ "$before" != "$(pc_extension_versions)" ] || return 0
    printf '%s %s: %s, before %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$PGDATABASE" "$(pc_extension_versions)" "${before:-nothing}" |
        pc_as_user sh -c 'cat >>"$0"' "$PC_LOGS/migrations.log"
}
pc_extension_versions() {
    pc_psql -d "$PGDATABASE" -At -c "SELECT string_agg(extname || ' ' || extversion, ', ' ORDER BY extname) FROM pg_extension
                                      WHERE extname LIKE 'people\\_counter%'"
}

# ---- PostgREST ------------------------------------------------------------------------------------------------------

pc_postgrest_running() { pc_api_process "$PC_API/postgrest.pid" >/dev/null; }

# A PGRST_ variable that is set already is left alone.
pc_postgrest_start() {
    local socket=$PC_API/postgrest.sock role=people_counter_anonymous
    ! pc_postgrest_running || return 0
    [ -n "$PC_API_PORT" ] || pc_api_choose_port
    [ "${API_OPEN:-0}" != 1 ] || role=people_counter_operator
    pc_as_user sh -c 'cat >"$0"' "$PC_API/postgrest.conf" <"$PC_ROOT/docker/postgrest/postgrest.conf"
    pc_as_user env \
        PGRST_DB_URI="${PGRST_DB_URI:-host='$PGHOST' port=$PGPORT dbname='$PGDATABASE' user=people_counter_authenticator options='-c statement_timeout=${API_TIMEOUT:-30s}'}" \
        PGRST_SERVER_UNIX_SOCKET="$socket" PGRST_DB_ANON_ROLE="${PGRST_DB_ANON_ROLE:-$role}" \
        PGRST_JWT_SECRET="${PGRST_JWT_SECRET:-@$PC_API/jwt-secret}" \
        PGRST_OPENAPI_SERVER_PROXY_URI="${PGRST_OPENAPI_SERVER_PROXY_URI:-$PC_API_URL/rest}" \
        ${PGRST_DB_POOL:+"PGRST_APP_SETTINGS_db_pool=$PGRST_DB_POOL"} \
        setsid bash -c 'cd / && echo $$ >"$0/postgrest.pid" && exec postgrest "$0/postgrest.conf" > >(
            while IFS= read -r line; do printf "%s\n" "$line" >>"$1"; done) 2>&1 </dev/null' \
        "$PC_API" "$(pc_api_log postgrest)" >/dev/null 2>&1 </dev/null &
    disown
    for _ in $(seq 300); do
        # Not one that was there before, either.
        if pc_postgrest_running && pc_as_user curl -s -o /dev/null --max-time 5 --unix-socket "$socket" http://localhost/rpc/health; then
            return 0
        fi
        sleep 0.1
    done
    pc_as_user tail -n 20 "$(pc_api_log postgrest)" >&2 || true
    pc_die "PostgREST does not start"
}

pc_postgrest_stop() { pc_api_end "$PC_API/postgrest.pid" TERM; }

# ---- the gateway ----------------------------------------------------------------------------------------------------

pc_gateway_running() { pc_api_process "$PC_API/gateway/nginx.pid" >/dev/null; }

pc_gateway_nginx() {
    (cd / && pc_as_user nginx -e "$(pc_api_log gateway)" -p "$PC_API" -c "$PC_API/conf/nginx.conf" "$@" </dev/null)
}

# Rendered anew at each start.
pc_gateway_start() {
    local try
    ! pc_gateway_running || return 0
    for try in 1 2 3; do
        pc_api_choose_port
        pc_as_user mkdir -p "$PC_API/gateway"
        pc_as_user env API_PORT="$PC_API_PORT" POSTGREST_ADDRESS="unix:$PC_API/postgrest.sock" \
            GATEWAY_CONF="$PC_API/conf" GATEWAY_STATE="$PC_API/gateway" GATEWAY_NJS="$PC_SOURCE/docker/gateway/njs" \
            GATEWAY_DASHBOARD="$PC_SOURCE/dashboard" \
            GATEWAY_ACCESS_LOG="$(pc_api_log access)" GATEWAY_ERROR_LOG="$(pc_api_log gateway)" \
            "$PC_SOURCE/docker/gateway/render" || pc_die "the gateway has no configuration"
        if pc_gateway_nginx -q -t >"$PC_BUILD/gateway-start.log" 2>&1 && pc_gateway_nginx >>"$PC_BUILD/gateway-start.log" 2>&1; then
            return 0
        fi
        pc_note "the gateway did not start (try $try)"
    done
    cat "$PC_BUILD/gateway-start.log" >&2
    pc_die "the gateway does not start"
}

pc_gateway_stop() { pc_api_end "$PC_API/gateway/nginx.pid" TERM; }

# The extension publishes to the gateway. The settings are the cluster's: of several stacks on it, one has the stream.
pc_stream_publish() {
    [ "$(pc_psql -d "$PGDATABASE" -At -c "SELECT count(*) FROM pg_settings
                                           WHERE name IN ('people_counter.stream_url', 'people_counter.stream_socket')")" = 2 ] || return 0
    pc_psql -d "$PGDATABASE" -v socket="$PC_API/gateway/publish.sock" >/dev/null <<'SQL'
ALTER SYSTEM SET people_counter.stream_socket = :'socket';
ALTER SYSTEM SET people_counter.stream_url = 'http://localhost/publish';
SELECT pg_reload_conf();
SQL
}

# ---- together -------------------------------------------------------------------------------------------------------

# pc_api_wait SECONDS: until GET /health answers 200.
pc_api_wait() {
    local end=$((SECONDS + $1)) status=
    while [ "$SECONDS" -lt "$end" ]; do
        status=$(curl -ks -o /dev/null -w '%{http_code}' --max-time 5 "$PC_API_URL/health" || true)
        [ "$status" != 200 ] || return 0
        sleep 0.1
    done
    pc_note "GET $PC_API_URL/health: ${status:-nothing}"
    return 1
}

pc_api_start() {
    pc_api_choose_port
    pc_api_database
    pc_postgrest_start
    pc_gateway_start
    pc_stream_publish
    pc_api_wait 60 || pc_die "the API is not healthy: see $PC_API"
}

pc_api_stop() {
    pc_gateway_stop
    pc_postgrest_stop
}

# pc_api_token ROLE [DEVICE [SECONDS]]: a token of role people_counter_ROLE, signed with the secret of the stack.
pc_api_token() {
    pc_as_user perl -MDigest::SHA=hmac_sha256 -MMIME::Base64=encode_base64url -MJSON::PP=encode_json -e '
        my ($file, $role, $device, $seconds) = @ARGV;
        open(my $secret, "<", $file) or die "$file: $!\n";
        my %claims = (role => "people_counter_$role", iat => time + 0, exp => time + $seconds);
        $claims{sub} = $device if length $device;
        my $text = join ".", map { encode_base64url(encode_json($_)) } {alg => "HS256", typ => "JWT"}, \%claims;
        print "$text.", encode_base64url(hmac_sha256($text, scalar <$secret>)), "\n";
    ' "$PC_API/jwt-secret" "$1" "${2:-}" "${3:-3600}"
}
