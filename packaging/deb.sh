#!/usr/bin/env bash
# Builds the Debian package target/debian/blocktar_VERSION-1_ARCHITECTURE.deb; its path is the only line on standard output.
# The program makes its own man pages and completions, so they are those of the program in the package. Needs cargo-deb.
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in cargo cargo-deb strip dpkg-shlibdeps; do
  command -v "$tool" > /dev/null ||
    { echo "deb.sh: $tool is missing (cargo install cargo-deb --locked; Debian: binutils, dpkg-dev)" >&2; exit 1; }
done
cargo build --release --locked --bin blocktar >&2
# What is packaged on another day from the same commit is the same. The compiler is not told: zstd would be built anew after each commit.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2> /dev/null || date +%s)}
blocktar=${CARGO_TARGET_DIR:-target}/release/blocktar
parts=target/deb-parts # named in Cargo.toml as well
rm -rf "$parts"
mkdir -p "$parts"
"$blocktar" man --folder "$parts/man"
for shell in bash zsh fish; do
  "$blocktar" completions "$shell" > "$parts/$shell"
done
version=$("$blocktar" --version)
maintainer=$(sed -n 's/^maintainer = "\(.*\)"$/\1/p' Cargo.toml)
cat > "$parts/changelog" << END
blocktar (${version#blocktar }-1) unstable; urgency=medium

  * Package what changelog.gz describes.

 -- $maintainer  $(date -R -u -d "@$SOURCE_DATE_EPOCH")
END
cargo deb --no-build --strip --locked --quiet
