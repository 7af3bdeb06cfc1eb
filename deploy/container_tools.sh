#!/usr/bin/env bash
# Sees that the container tests can run here: root, buildah, debootstrap. Installs the two on Debian.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "the container tests mount file systems: run them as root"; exit 1; }
for tool in buildah debootstrap; do
  command -v "$tool" >/dev/null && continue
  echo "== installing $tool"
  { apt-get update -qq && apt-get install -qq -y --no-install-recommends "$tool" >/dev/null; } \
    || { echo "the container tests need $tool, which could not be installed"; exit 1; }
done
