#!/usr/bin/env bash
# Builds the Debian package, installs it on this machine, uses it as its users do, and removes it again. Needs root.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin

die() { echo "check.sh: $1" >&2; exit 1; }
((EUID == 0)) || die "installing a package needs root"
for tool in lintian man python3 dpkg; do
  command -v "$tool" > /dev/null || die "$tool is missing: tests/packages names the Debian packages that this needs"
done
# Somebody's own installation is not replaced, and above all not purged.
[[ -z $(dpkg-query -W -f '${db:Status-Status}' blocktar 2> /dev/null) ]] || die "blocktar is installed already; purge it first: dpkg -P blocktar"
[[ ! -e /usr/bin/blocktar ]] || die "/usr/bin/blocktar is there already, and no package knows it"

folder=$(mktemp -d "${TMPDIR:-/tmp}/blocktar-package.XXXXXX")
installed=
trap '[[ -z $installed ]] || dpkg -P blocktar > /dev/null; rm -rf -- "$folder"' EXIT

echo "--- build"
package=$(packaging/deb.sh)
# The one thing that lintian may not ask of us: only an upload to Debian closes a bug by its first version.
lintian --allow-root --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs "$package"

echo "--- install $package"
installed=yes
# Small machines leave out manuals and documents; the ones of this package are wanted here.
dpkg --path-include='/usr/share/*' -i "$package" > /dev/null
dpkg -L blocktar | sort > "$folder/paths"
for path in /usr/bin/blocktar /usr/share/man/man1/blocktar-backup.1.gz /usr/share/doc/blocktar/{copyright,changelog.gz,README.md,format-spec.md}; do
  grep -qxF "$path" "$folder/paths" || die "$path is not in the package"
  [[ -s $path ]] || die "$path is not on the machine"
done

echo "--- man pages"
[[ $(/usr/bin/blocktar --version) == "blocktar $(dpkg-query -W -f '${Version}' blocktar | sed 's/-1$//')" ]] || die "the version differs"
pages=$(/usr/bin/blocktar --help | awk '/^Commands:/ {on = 1; next} !NF {on = 0} on && $1 != "help" {print "blocktar-" $1}')
for page in blocktar $pages; do
  [[ $(man -w "$page") == "/usr/share/man/man1/$page.1.gz" ]] || die "man does not find $page"
  MANWIDTH=80 man "$page" > "$folder/page"
  for section in NAME SYNOPSIS DESCRIPTION OPTIONS EXAMPLES "EXIT STATUS" "SEE ALSO"; do
    grep -qx "$section" "$folder/page" || die "$page has no section $section"
  done
done

echo "--- round trip"
head -c 3M /dev/urandom > "$folder/disk.img"
truncate -s 64M "$folder/disk.img"
(
  cd "$folder"
  /usr/bin/blocktar backup disk.img -q | cat > backup.tar
  /usr/bin/blocktar verify backup.tar -q
  /usr/bin/blocktar restore -i backup.tar new.img -q
  cmp disk.img new.img
  python3 -B /usr/share/doc/blocktar/examples/second_reader.py backup.tar > /dev/null # -B: else it leaves its bytecode there
)

echo "--- completions"
for shell in bash zsh fish; do
  python3 packaging/type_at_prompt.py "$shell" "$folder"
done

echo "--- purge"
dpkg -P blocktar > /dev/null
installed=
[[ -z $(dpkg-query -W -f '${db:Status-Status}' blocktar 2> /dev/null) ]] || die "dpkg still knows blocktar"
while read -r path; do
  # Folders that others use as well stay.
  [[ ! -e $path || -d $path && $path != *blocktar* ]] || die "$path is left behind"
done < "$folder/paths"
! compgen -G '/usr/share/*/blocktar*' > /dev/null || die "something of blocktar is left in /usr/share"
echo "the package installs, works and leaves nothing behind"
