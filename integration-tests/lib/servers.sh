# A private PostgreSQL and Redis for one run: free ports, data in a temporary folder, stopped at the end.
# Nothing here is durable: fsync is off. Tests of durability start their own servers.

SERVERS=''      # the temporary folder
REDIS_PID=''
POSTGRES_DATA=''

start_servers() {
    wants "$1" postgres || return 0
    SERVERS=$(mktemp -d "${TMPDIR:-/tmp}/dinhdanh-test.XXXXXX")
    if [[ -n ${DINHDANH_TEST_POSTGRES:-} ]]; then say "PostgreSQL: as given"; else start_postgres; fi
    if [[ -n ${DINHDANH_TEST_REDIS:-} ]]; then say "Redis: as given"; else start_redis; fi
    export DINHDANH_TEST_POSTGRES DINHDANH_TEST_REDIS
}

# PostgreSQL refuses to run as root.
as_postgres() {
    if ((EUID == 0)); then runuser -u postgres -- "$@"; else "$@"; fi
}

start_postgres() {
    local bin port try
    bin=$(postgres_bin)
    mkdir "$SERVERS/postgres"
    if ((EUID == 0)); then
        id postgres >/dev/null 2>&1 || give_up "The user postgres is missing: it comes with Debian's package postgresql."
        chmod 711 "$SERVERS"
        chown postgres "$SERVERS/postgres"
    fi
    # From the root folder: the postgres user may not enter this one.
    (cd / && as_postgres "$bin/initdb" --pgdata="$SERVERS/postgres/data" --username=dinhdanh --auth=trust \
        --encoding=UTF8 --locale=C --no-sync) >"$logs/postgres-initdb.log" 2>&1 || {
        cat "$logs/postgres-initdb.log" >&2
        give_up "initdb failed"
    }
    for try in 1 2 3; do
        port=$("$here/lib/free-port")
        if (cd / && as_postgres "$bin/pg_ctl" start --silent --wait --timeout=60 --pgdata="$SERVERS/postgres/data" \
            --log="$SERVERS/postgres/log" --options="-p $port -k $SERVERS/postgres -c listen_addresses=127.0.0.1 \
            -c max_connections=300 -c fsync=off -c full_page_writes=off -c synchronous_commit=off") >/dev/null 2>&1; then
            POSTGRES_DATA=$SERVERS/postgres/data
            DINHDANH_TEST_POSTGRES=postgres://dinhdanh@127.0.0.1:$port/postgres
            say "PostgreSQL: $("$bin/postgres" --version), port $port"
            return 0
        fi
    done
    tail -n 20 "$SERVERS/postgres/log" >&2 || true
    give_up "PostgreSQL did not start (tried $try times)"
}

start_redis() {
    local port waited
    for _ in 1 2 3; do
        port=$("$here/lib/free-port")
        mkdir -p "$SERVERS/redis"
        redis-server --port "$port" --bind 127.0.0.1 --dir "$SERVERS/redis" --save '' --appendonly no \
            --logfile "$logs/redis.log" </dev/null >/dev/null 2>&1 &
        REDIS_PID=$!
        for ((waited = 0; waited < 100; waited++)); do
            if [[ $(redis-cli -h 127.0.0.1 -p "$port" ping 2>/dev/null) == PONG ]]; then
                DINHDANH_TEST_REDIS=redis://127.0.0.1:$port
                say "Redis: $(redis-server --version | sed -n 's/.* v=\([^ ]*\).*/\1/p'), port $port"
                return 0
            fi
            kill -0 "$REDIS_PID" 2>/dev/null || break
            sleep 0.1
        done
        kill "$REDIS_PID" 2>/dev/null || true
        wait "$REDIS_PID" 2>/dev/null || true
        REDIS_PID=''
    done
    give_up "Redis did not start (log: $logs/redis.log)"
}

# Called from the trap: must not fail.
stop_servers() {
    if [[ -n $REDIS_PID ]]; then
        kill "$REDIS_PID" 2>/dev/null || true
        wait "$REDIS_PID" 2>/dev/null || true
        REDIS_PID=''
    fi
    if [[ -n $POSTGRES_DATA ]]; then
        (cd / && as_postgres "$(postgres_bin)/pg_ctl" stop --silent --mode=immediate --pgdata="$POSTGRES_DATA") \
            >/dev/null 2>&1 || true
        cp "$SERVERS/postgres/log" "$logs/postgres.log" 2>/dev/null || true
        POSTGRES_DATA=''
    fi
    if [[ -n $SERVERS ]]; then
        rm -rf "$SERVERS"
        SERVERS=''
    fi
}
