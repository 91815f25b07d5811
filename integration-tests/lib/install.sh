# Installs what the steps need, or says exactly what to install.

# Oldest Node that the relying-party libraries run on.
NODE_MAJOR=20
# Oldest Java that Spring Boot 4 runs on.
JAVA_MAJOR=17

has() { command -v "$1" >/dev/null 2>&1; }

wants() { [[ $1 == *" $2 "* ]]; }

# The folder of the newest PostgreSQL server that is 15 or newer; Debian keeps it out of PATH.
postgres_bin() {
    local folder version best='' best_version=14
    for folder in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin "$(dirname "$(command -v postgres || echo /none/postgres)")"; do
        [[ -x $folder/initdb && -x $folder/postgres ]] || continue
        version=$("$folder/postgres" --version | sed -n 's/^[^0-9]*\([0-9]*\).*/\1/p')
        if ((version > best_version)); then best=$folder best_version=$version; fi
    done
    [[ -n $best ]] && echo "$best"
}

node_is_new_enough() {
    has node && (($(node -p 'process.versions.node.split(".")[0]') >= NODE_MAJOR))
}

java_is_new_enough() {
    local version
    version=$(javac -version 2>&1 | sed -n 's/^javac \([0-9]*\).*/\1/p')
    ((${version:-0} >= JAVA_MAJOR))
}

# install_needs " rust node … "
install_needs() {
    local packages=()
    if wants "$1" rust; then
        has cargo || give_up "Rust is missing. Install it from https://rustup.rs (1.94 or newer), then run this again."
        cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 ||
            give_up "rustfmt or clippy is missing. Run: rustup component add rustfmt clippy"
        has cc || packages+=(build-essential)
    fi
    if wants "$1" postgres && [[ -z ${DINHDANH_TEST_POSTGRES:-} ]]; then
        postgres_bin >/dev/null || packages+=(postgresql)
    fi
    if wants "$1" redis && [[ -z ${DINHDANH_TEST_REDIS:-} ]]; then
        has redis-server || packages+=(redis-server)
    fi
    if wants "$1" faketime; then
        compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null || packages+=(faketime)
    fi
    if wants "$1" node; then
        has node || packages+=(nodejs)
        has npm || packages+=(npm)
    fi
    if wants "$1" chromium; then
        has chromium || packages+=(chromium)
    fi
    if wants "$1" python; then
        python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3 python3-venv)
    fi
    if wants "$1" java; then
        has javac || packages+=(default-jdk-headless)
        has mvn || packages+=(maven)
    fi
    if wants "$1" openssl; then
        has openssl || packages+=(openssl)
    fi
    if wants "$1" apache; then
        # The server alone: Debian's package apache2 would start a system service on port 80.
        [[ -x /usr/sbin/apache2 ]] || packages+=(apache2-bin)
        [[ -e /usr/lib/apache2/modules/mod_auth_openidc.so ]] || packages+=(libapache2-mod-auth-openidc)
    fi
    if ((${#packages[@]} > 0)); then apt_install "${packages[@]}"; fi

    if wants "$1" node && ! node_is_new_enough; then newer_node; fi
    if wants "$1" postgres && [[ -z ${DINHDANH_TEST_POSTGRES:-} ]]; then
        postgres_bin >/dev/null || give_up "PostgreSQL 15 or newer is needed; this system offers an older one."
    fi
    if wants "$1" java && ! java_is_new_enough; then
        give_up "Java $JAVA_MAJOR or newer is needed; this system has $(javac -version 2>&1)."
    fi
    if wants "$1" chromium; then
        DINHDANH_CHROMIUM=$(command -v chromium) || give_up "chromium is still missing after its installation."
        export DINHDANH_CHROMIUM
    fi
}

apt_install() {
    local as_root=()
    if ((EUID != 0)); then
        if has sudo && sudo -n true 2>/dev/null; then
            as_root=(sudo -n)
        else
            give_up "These packages are missing. Run, then start again:  sudo apt-get install --no-install-recommends $*"
        fi
    fi
    has apt-get || give_up "These Debian packages, or what matches them on this system, are missing: $*"
    say "installing: $*"
    local quiet=(-qq -o DPkg::Lock::Timeout=300)
    if ! {
        "${as_root[@]}" apt-get "${quiet[@]}" update &&
            "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get "${quiet[@]}" install -y --no-install-recommends "$@"
    } >"$logs/apt.log" 2>&1; then
        tail -n 20 "$logs/apt.log" >&2
        give_up "apt-get could not install: $*  (log: $logs/apt.log)"
    fi
}

# Debian's Node may be older than the libraries under test want: npm brings a newer one, into the work folder.
newer_node() {
    local folder=$work/node
    if [[ ! -x $folder/node_modules/.bin/node ]]; then
        say "installing: a Node newer than $(node --version), through npm, into integration-tests/.work/node"
        mkdir -p "$folder"
        npm install --prefix "$folder" --no-audit --no-fund node@22 >"$logs/npm-node.log" 2>&1 ||
            give_up "npm could not install node@22 (log: $logs/npm-node.log). Install Node $NODE_MAJOR or newer yourself."
    fi
    PATH=$folder/node_modules/.bin:$PATH
    export PATH
    hash -r
    node_is_new_enough || give_up "Node $NODE_MAJOR or newer is needed."
}

# `npm ci` in a folder of the suite, when its lock file changed since the last time.
install_npm_folder() {
    local folder=$here/$1 stamp
    [[ -f $folder/package-lock.json ]] || return 0
    stamp=$(sha256sum <"$folder/package-lock.json")
    if [[ -f $folder/node_modules/.lock-sha256 && $(<"$folder/node_modules/.lock-sha256") == "$stamp" ]]; then return 0; fi
    say "npm ci in integration-tests/$1"
    (cd "$folder" && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund --ignore-scripts) \
        >"$logs/npm-$1.log" 2>&1 || {
        tail -n 20 "$logs/npm-$1.log" >&2
        give_up "npm ci failed in integration-tests/$1 (log: $logs/npm-$1.log)"
    }
    echo "$stamp" >"$folder/node_modules/.lock-sha256"
}
