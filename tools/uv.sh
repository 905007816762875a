#!/usr/bin/env bash
# Run the virtual environment's uv with pip's own settings: uv.sh VENV ARGUMENTS…
# uv ignores PIP_… variables and pip's files. A variable of uv that is already set wins, even if it is empty.
set -euo pipefail
venv=$1
shift
listed=$("$venv/bin/python" -m pip config list 2>/dev/null || true)

setting() { # print the value that `pip install` would use: environment, then pip's own section, then the global one
    local section value
    for section in :env: install global; do
        value=$(sed -n "s/^$section\.$1=['\"]\(.*\)['\"]\$/\1/p" <<<"$listed")
        if [ -n "$value" ]; then
            echo "${value//\\n/ }"
            return
        fi
    done
}

give() {
    if [ -n "$2" ] && [ -z "${!1+set}" ]; then export "$1=$2"; fi
}

# pip's certificate setting is specific to the registry, so it takes precedence over a general SSL_CERT_FILE.
cert=$(setting cert)
cert=${cert:-${SSL_CERT_FILE:-${REQUESTS_CA_BUNDLE:-}}}
if [ -n "$cert" ]; then export SSL_CERT_FILE=$cert; fi
give UV_SYSTEM_CERTS true
if [ -z "${UV_INDEX_URL+set}" ]; then give UV_DEFAULT_INDEX "$(setting index-url)"; fi
if [ -z "${UV_EXTRA_INDEX_URL+set}" ]; then give UV_INDEX "$(setting extra-index-url)"; fi
# As pip does: use the best version of all indexes. The hashes of the lock reject a package of the same name.
give UV_INDEX_STRATEGY unsafe-best-match
links=$(setting find-links)
give UV_FIND_LINKS "${links// /,}"
give UV_INSECURE_HOST "$(setting trusted-host)"
give UV_HTTP_TIMEOUT "$(setting default-timeout)"
give ALL_PROXY "$(setting proxy)"
offline=()
case $(setting no-index) in 1 | true | True | yes | on) offline=(--no-index) ;; esac
exec "$venv/bin/uv" "$@" ${offline[@]+"${offline[@]}"}
