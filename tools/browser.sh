#!/usr/bin/env bash
# The browser tests drive Debian’s Chromium. Where it cannot be installed, say so loudly: those tests are then reported as skipped.
set -u
for name in chromium chromium-browser google-chrome; do command -v "$name" >/dev/null && exit 0; done
echo "No Chromium found; installing Debian's package …"
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; } >/tmp/chromium-install.log 2>&1 && exit 0
    tail -n 5 /tmp/chromium-install.log >&2
fi
cat >&2 <<'EOT'
*****************************************************************************
* THE BROWSER COULD NOT BE INSTALLED. The browser tests will be reported as  *
* not run. Install Chromium (Debian: apt-get install chromium) and try again.*
*****************************************************************************
EOT
exit 0
