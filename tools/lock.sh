#!/usr/bin/env bash
# Pin every package for each supported Python and platform, with the hashes of its files: lock.sh VENV.
# A pin that the lock has already stays, unless requirements.txt or requirements-dev.txt want another.
set -euo pipefail
venv=$1
# The main index alone: another one may hold a package's file for this machine only, and would hide the other hashes.
export UV_INDEX="" UV_EXTRA_INDEX_URL="" UV_FIND_LINKS=""

lock() { # NAME: NAME.txt becomes NAME.lock
    local name=$1
    shift
    local new=$name.lock.new
    trap 'rm -f "$new"' RETURN
    { cat "$name.lock" 2>/dev/null || true; } >"$new"
    tools/uv.sh "$venv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
        "$name.txt" -o "$new" "$@"
    { echo "# Every package that $name.txt brings, for Python 3.11 and newer. Made by: make lock"; cat "$new"; } >"$name.lock"
}

lock requirements
# Tests run on the versions that the gateway runs on.
lock requirements-dev -c requirements.lock
