#!/usr/bin/env bash
# Passes all tests. Installs the Debian packages that they need when run as root, and names them otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin # where a root shell without login does not look

mapfile -t packages < <(grep -v '^#' tests/packages)
missing=()
for package in "${packages[@]}"; do
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null) == installed ]] || missing+=("$package")
done
if ((${#missing[@]})); then
  if ((EUID == 0)); then
    echo "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update
    apt-get -qq install -y --no-install-recommends "${missing[@]}" > /dev/null
  else
    echo "run.sh: the tests need packages that are missing; as root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
fi
command -v cargo > /dev/null || { echo "run.sh: cargo is missing: install Rust 1.89 or later" >&2; exit 1; }

if ((EUID != 0)); then
  echo "run.sh: not root: what needs loop devices and mounts says NOT TESTED below" >&2
fi
cargo test --locked "$@"
cargo run --locked --quiet --example custom_source
echo "all tests passed"
