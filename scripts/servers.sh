#!/usr/bin/env bash
# The servers that tests want and pip does not have: Debian 13's TimescaleDB and Mosquitto in a folder of their own
# (debootstrap, no Docker), Chromium for the pages, and the programs that check our configuration files.
# Needs root on Debian. Elsewhere it says what is missing; those tests then skip with the reason.
set -euo pipefail

cache="${XDG_CACHE_HOME:-$HOME/.cache}/cranewatch"
folder="${CRANEWATCH_TEST_CHROOT:-$cache/trixie}"
packages=(debootstrap chromium fonts-noto-cjk mosquitto-clients prometheus docker-compose)

have() { command -v "$1" >/dev/null 2>&1; }
say() { printf 'servers: %s\n' "$*" >&2; }

if [ "$(id -u)" != 0 ] || ! have apt-get; then
  [ -x "$folder/usr/sbin/mosquitto" ] || say "not root on Debian: TimescaleDB, Mosquitto and browser tests may skip"
  exit 0
fi

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -q '^installed$' || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
  say "installing ${missing[*]} (a few minutes, once)"
  log=$(mktemp)
  # Servers must not start by themselves: a test starts its own, on ports of its own.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
  fi
  if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
    </dev/null >"$log" 2>&1; then
    say "apt-get failed: $(tail -n 3 "$log" | tr '\n' ' ')"
  fi
fi

if [ ! -x "$folder/usr/lib/postgresql/17/bin/postgres" ]; then
  if have debootstrap; then
    say "making $folder with TimescaleDB and Mosquitto (about a minute, once)"
    mkdir -p "$(dirname "$folder")"
    building=$(mktemp -d "$(dirname "$folder")/building.XXXXXX")
    chmod 755 "$building"
    if debootstrap --variant=minbase --include=postgresql-17-timescaledb,mosquitto trixie "$building" \
      </dev/null >"$building.log" 2>&1; then
      rm -rf "$folder"
      mv "$building" "$folder"
      rm -f "$building.log"
    else
      say "debootstrap failed: $(tail -n 3 "$building.log" | tr '\n' ' ')"
      rm -rf "$building"
    fi
  else
    say "no debootstrap: TimescaleDB tests will skip"
  fi
fi
exit 0
