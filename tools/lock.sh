#!/usr/bin/env bash
# Pin every package for each supported Python and platform, with the hashes of its files: lock.sh VENV.
# Keep an existing pin, unless requirements.txt or requirements-dev.txt require another.
set -euo pipefail
venv=$1
# Use only the main index: another one may hold a package's file for this machine alone, which hides the other hashes.
export UV_INDEX="" UV_EXTRA_INDEX_URL="" UV_FIND_LINKS=""

lock() { # NAME: compile NAME.txt to NAME.lock
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
# Tests run on the same versions as the gateway.
lock requirements-dev -c requirements.lock
