#!/bin/sh
# Find or install a browser for the browser tests: an installed Chromium or Chrome, else Debian's
# package, else Playwright's own build. Usage: get_chromium.sh PYTHON
set -eu

for name in chromium chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done

as_root=""
[ "$(id -u)" = 0 ] || as_root="sudo -n"
if [ -f /etc/debian_version ] && command -v apt-get >/dev/null 2>&1 && $as_root true 2>/dev/null; then
    if $as_root apt-get update -qq && $as_root apt-get install -y -qq chromium >/dev/null; then
        command -v chromium >/dev/null 2>&1 && exit 0
    fi
fi
exec "$1" -m playwright install chromium
