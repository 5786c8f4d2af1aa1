# shellcheck shell=bash
# The gateway by itself: its configuration, and what it says while there is no PostgREST. See test/e2e/run.

# render NAME VARIABLE=VALUE...
render() {
    local home=$PC_RUN/render-$1
    shift
    pc_as_user mkdir -p "$home"
    pc_as_user env POSTGREST_ADDRESS=127.0.0.1:3000 GATEWAY_CONF="$home/conf" GATEWAY_STATE="$home/state" \
        GATEWAY_NJS="$PC_SOURCE/docker/gateway/njs" GATEWAY_DASHBOARD="$PC_SOURCE/dashboard" GATEWAY_ACCESS_LOG="$home/access.log" GATEWAY_ERROR_LOG="$home/error.log" \
        "$@" "$PC_SOURCE/docker/gateway/render" >"$PC_BUILD/e2e-render.log" 2>&1
}

# clean NAME VARIABLE=VALUE...: nginx takes the configuration, and has nothing to say about it.
clean() {
    local status=0 log=$PC_BUILD/e2e-render.log
    render "$@" || status=1
    if [ "$status" = 0 ]; then
        pc_as_user nginx -t -e "$PC_RUN/render-$1/error.log" -p "$PC_RUN/render-$1" -c "$PC_RUN/render-$1/conf/nginx.conf" \
            >>"$log" 2>&1 </dev/null || status=1
        ! grep -E '\[(warn|error|crit|alert|emerg)\]' "$log" >/dev/null || status=1
    fi
    result "$status" "nginx -t is clean: $1" "$log"
}

# refused NAME VARIABLE=VALUE: it says so, and names the value.
refused() {
    local status=0
    ! render "refused" "$2" || status=1
    grep -qF "error: " "$PC_BUILD/e2e-render.log" || status=1
    result "$status" "no configuration is made with $1" "$PC_BUILD/e2e-render.log"
}

gateway_configurations() {
    pc_nginx_directory
    clean defaults
    clean open-to-all API_LISTEN=0.0.0.0 API_PORT=8080 API_CORS_ORIGINS='*'
    clean version-6 API_LISTEN='[::1]'
    clean https API_TLS_CERTIFICATE="$PC_RUN/tls/certificate.pem" API_TLS_KEY="$PC_RUN/tls/key.pem"
    clean origins API_CORS_ORIGINS='https://a.example, http://localhost:5173,capacitor://localhost'
    clean limits API_RATE_LIMIT=30r/m API_TIMEOUT=5s API_MAX_BODY=64k
    clean streams API_STREAM_CONNECTIONS=3 API_STREAM_MEMORY=32m
    clean redis API_REDIS_URL=redis://:secret@127.0.0.1:6379/1
    clean published-at-a-port GATEWAY_PUBLISH_LISTEN=8001
    clean published-at-an-address GATEWAY_PUBLISH_LISTEN='[::1]:8001'
    clean socket POSTGREST_ADDRESS="unix:$PC_RUN/postgrest.sock"
    refused "a port that is none" API_PORT='80; include /etc/passwd'
    refused "a port with a second line" API_PORT='80
81'
    refused "an address that is none" API_LISTEN='127.0.0.1 ssl'
    refused "an origin with a quote" API_CORS_ORIGINS='https://a.example" 1;'
    refused "an origin that is a pattern" API_CORS_ORIGINS='https://.*'
    refused "a rate that is none" API_RATE_LIMIT=fast
    refused "a time that is none" API_TIMEOUT=0s
    refused "a size that is none" API_MAX_BODY='8m; #'
    refused "a number of subscriptions that is none" API_STREAM_CONNECTIONS=many
    refused "an amount of memory that is none" API_STREAM_MEMORY=lots
    refused "a redis that is none" API_REDIS_URL='redis://127.0.0.1:6379; }'
    refused "an address to publish at that is none" GATEWAY_PUBLISH_LISTEN='8001 ssl'
    refused "an address to publish at that has no port" GATEWAY_PUBLISH_LISTEN='127.0.0.1'
    refused "a certificate without its key" API_TLS_CERTIFICATE="$PC_RUN/tls/certificate.pem"
    refused "a path that is more" GATEWAY_ACCESS_LOG='/tmp/log; error_log /tmp/x'
}

# tls CURL-OPTION...: the status of GET /health by https; 000 if there is no connection.
tls() { curl -s -o /dev/null -w '%{http_code}' --max-time 20 "$@" "https://127.0.0.1:$(cat "$PC_RUN/alone-https/port")/health" || true; }

gateway_alone() {
    local status=0 out=$PC_BUILD/e2e-alone.out
    gateway_configurations
    API_CORS_ORIGINS=https://dashboard.example at alone pc_gateway_start
    perl "$PC_ROOT/test/e2e/lib/gateway_alone.pl" "$(url_of alone)" >"$out" 2>&1 || status=$?
    relay "without PostgREST" "$out" "$status"
    at alone pc_gateway_stop

    API_TLS_CERTIFICATE=$PC_RUN/tls/certificate.pem API_TLS_KEY=$PC_RUN/tls/key.pem at alone-https pc_gateway_start
    printf 'trusted %s, not trusted %s, old %s\n' "$(tls --cacert "$PC_RUN/tls/certificate.pem")" "$(tls)" \
        "$(tls -k --tls-max 1.1)" >"$out"
    status=0
    [ "$(cat "$out")" = "trusted 503, not trusted 000, old 000" ] || status=1
    result "$status" "https with its certificate, TLS 1.2 and later" "$out"
    at alone-https pc_gateway_stop
}
