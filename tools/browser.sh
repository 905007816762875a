#!/usr/bin/env bash
# Install Debian’s Chromium for the browser tests. If that fails, say so; `make test` then ends with NOT ALL RUN.
set -u
if [ -n "${CHROMIUM:-}" ]; then exit 0; fi
for name in chromium chromium-browser google-chrome; do command -v "$name" >/dev/null && exit 0; done
echo "No Chromium found; installing Debian's package …"
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    export DEBIAN_FRONTEND=noninteractive
    if said=$({ apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; } 2>&1); then exit 0; fi
    tail -n 5 <<<"$said" >&2
fi
cat >&2 <<'EOT'
*****************************************************************************
* THE BROWSER COULD NOT BE INSTALLED, so the browser tests will not be run.  *
* Install Chromium (Debian: apt-get install chromium) and try again.         *
*****************************************************************************
EOT
exit 0
