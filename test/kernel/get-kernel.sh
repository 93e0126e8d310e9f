#!/bin/bash
# get-kernel.sh: put a User Mode Linux kernel with WireGuard in the cache and print its path on stdout; talk on stderr.
# Source: Debian's linux-source-6.1, through the machine's own apt sources. 3 to 5 minutes on 2 cores the first time.
# Exit status 2: this machine cannot build it.
set -e
here=$(cd "$(dirname "$0")" && pwd)
source=linux-source-6.1
cache=${XDG_CACHE_HOME:-$HOME/.cache}/wh-lab
key=$(cat "$here/net.config" "$here/uml.config" "$here/build-uml.sh" | sha256sum | cut -c1-10)
out=$cache/linux-uml-6.1-$key
cannot() { echo "get-kernel: $*" >&2; exit 2; }

[ -x "$out" ] && { echo "$out"; exit; }
mkdir -p "$cache"
exec 8>"$cache/.kernel.lock"; flock 8                       # two runs at once build it once
[ -x "$out" ] && { echo "$out"; exit; }
command -v apt-get >/dev/null || cannot "no apt-get here to fetch $source with"

missing=$(for need in gcc:gcc make:make flex:flex bison:bison bc:bc xz:xz-utils perl:perl strip:binutils; do
  command -v "${need%%:*}" >/dev/null || echo "${need#*:}"; done; [ -e /usr/include/stdio.h ] || echo libc6-dev)
if [ -n "$missing" ]; then
  [ "$(id -u)" = 0 ] || cannot "needs" $missing "(as root: apt-get install" $missing")"
  echo "get-kernel: installing" $missing >&2
  { apt-get -q update && apt-get -q -y --no-install-recommends install $missing; } >&2 || cannot "cannot install" $missing
fi

work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; chmod 755 "$work"
echo "get-kernel: building $out, once; this takes minutes" >&2
fetch() { (cd "$work" && apt-get -q -o APT::Sandbox::User= download "$source" >&2); }
fetch || { apt-get -q update >&2 && fetch; } || cannot "cannot fetch $source"
dpkg-deb --fsys-tarfile "$work/${source}"_*.deb | tar -xO "./usr/src/$source.tar.xz" | tar -xJ -C "$work"
"$here/build-uml.sh" "$work/$source" "$work/build" "$work/linux" >"$work/log" 2>&1 8>&- || { tail -30 "$work/log" >&2; exit 1; }
mv "$work/linux" "$out.new"; mv "$out.new" "$out"
echo "$out"
