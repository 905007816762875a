#!/usr/bin/env bash
# Install Debian’s Chromium for the browser tests. If that fails, say so; `make test` then ends with NOT ALL RUN.
# Its package without a desktop is taken first: a simple page takes a quarter of the CPU. An older Debian has only the other.
set -u
if [ -n "${CHROMIUM:-}" ] || command -v chromium-headless-shell >/dev/null; then exit 0; fi
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    echo "Installing Debian's Chromium …"
    export DEBIAN_FRONTEND=noninteractive
    said=$(apt-get update -qq 2>&1)
    for package in chromium-headless-shell chromium; do
        if said=$(apt-get install -y -qq --no-install-recommends "$package" fonts-dejavu-core 2>&1); then exit 0; fi
        if command -v chromium >/dev/null; then exit 0; fi
    done
fi
for name in chromium chromium-browser google-chrome; do command -v "$name" >/dev/null && exit 0; done
tail -n 5 <<<"${said:-}" >&2
cat >&2 <<'EOT'
*****************************************************************************
* THE BROWSER COULD NOT BE INSTALLED, so the browser tests will not be run.  *
* Install Chromium (Debian: apt-get install chromium) and try again.         *
*****************************************************************************
EOT
exit 0
