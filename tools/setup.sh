#!/usr/bin/env bash
# Create the virtual environment and install a lock file into it, with uv if it can be installed, else with pip.
# setup.sh PYTHON VENV LOCK. If PYTHON is empty, take the newest supported interpreter on PATH.
set -euo pipefail
python=$1 venv=$2 lock=$3

stop() {
    echo "$*" >&2
    exit 1
}

version_of() { # fails if the interpreter cannot run: pyenv puts shims on PATH even without an interpreter behind them
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
}

choose_python() { # an interpreter without ensurepip cannot create virtual environments, so it is the last choice
    local name incomplete=""
    for name in python3.13 python3.12 python3.11 python3; do
        case $(version_of "$name") in
        3.11 | 3.12 | 3.13)
            if "$name" -c 'import ensurepip' 2>/dev/null; then
                python=$name
                return
            fi
            incomplete=${incomplete:-$name}
            ;;
        esac
    done
    python=$incomplete
    [ -n "$python" ] || stop "No Python 3.11, 3.12 or 3.13 runs on PATH: install one, or say PYTHON=/path/to/python."
}

check_python() {
    local found
    found=$(version_of "$python") || stop "PYTHON=$python cannot be run."
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        stop "The gateway needs Python 3.11 or newer; PYTHON=$python is $found."
}

make_venv() { # under a temporary name first, so that an interrupted or failed run leaves nothing that looks complete
    local new=$venv.new file
    echo "Making the virtual environment in $venv/ with Python $(version_of "$python"), $(command -v "$python") …"
    rm -rf "$new"
    if ! "$python" -c 'import ensurepip' 2>/dev/null || ! "$python" -m venv "$new"; then
        rm -rf "$new"
        stop "$python cannot make a virtual environment: install Debian's package python$(version_of "$python")-venv," \
            "then run make again."
    fi
    for file in "$new"/pyvenv.cfg "$new"/bin/activate* "$new"/bin/pip*; do
        sed "s|$new|$venv|g" "$file" >"$new/renamed"
        cat "$new/renamed" >"$file"
    done
    rm -rf "$new/renamed" "$venv"
    mv "$new" "$venv"
}

install_uv() { # in the version that the lock pins
    sed -n '/^uv==/,/[^\\]$/p' requirements-dev.lock >"$venv/uv.lock"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$venv/uv.lock" 2>"$venv/uv.log"
}

if [ -n "$python" ]; then check_python; fi
if ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
    [ -n "$python" ] || choose_python
    make_venv
elif [ -n "$python" ] && [ "$(version_of "$python")" != "$(version_of "$venv/bin/python")" ]; then
    make_venv
fi

echo "Installing $lock …"
if [ -x "$venv/bin/uv" ] || install_uv; then
    if tools/uv.sh "$venv" pip install --quiet --no-python-downloads --python "$venv/bin/python" \
        --require-hashes -r "$lock" 2>"$venv/uv.log"; then
        exit 0
    fi
fi
echo "uv could not do it ($venv/uv.log says why), trying pip …"
exec "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
