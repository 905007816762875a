#!/usr/bin/env bash
# Make the virtual environment and install the given requirements into it: with uv where it can be had, else with pip.
set -euo pipefail
python=$1 venv=$2 requirements=$3
command -v "$python" >/dev/null || python=python3
if [ ! -x "$venv/bin/python" ]; then
    "$python" -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))' || {
        echo "The gateway needs Python 3.11 or newer; '$python' is $("$python" --version). Say PYTHON=/path/to/python3.11." >&2; exit 1; }
    echo "Making the virtual environment in $venv/ …"
    "$python" -m venv "$venv"
fi
echo "Installing $requirements …"
if [ ! -x "$venv/bin/uv" ]; then
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check uv 2>/dev/null || true
fi
if [ -x "$venv/bin/uv" ] && "$venv/bin/uv" pip install --quiet --no-python-downloads --python "$venv/bin/python" \
        -r "$requirements" -c constraints.txt 2>"$venv/uv.log"; then
    exit 0
fi
echo "uv could not do it, trying pip …"
exec "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements" -c constraints.txt
