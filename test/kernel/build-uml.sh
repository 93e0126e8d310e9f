#!/bin/bash
# build-uml.sh SOURCE BUILD OUT: a User Mode Linux with WireGuard built in, from a kernel source tree
set -e
here=$(cd "$(dirname "$0")" && pwd); source=$1; build=$2; out=$3
export ARCH=um KBUILD_BUILD_USER=wh KBUILD_BUILD_HOST=wh KBUILD_BUILD_TIMESTAMP='1970-01-01 00:00:00 UTC'
mkdir -p "$build"
# 6.1 keeps 2696 bytes for a program's vector registers; where the CPU has more (11008 with AMX) its first exec panics.
# They are kept on kernel stacks: uml.config makes these larger.
sed -i 's/DEFINE_LONGS(HOST_FP_SIZE, 2696)/DEFINE_LONGS(HOST_FP_SIZE, 12288)/' "$source/arch/x86/um/user-offsets.c"
make -s -C "$source" O="$build" allnoconfig >/dev/null
"$source/scripts/kconfig/merge_config.sh" -m -O "$build" "$build/.config" "$here/net.config" "$here/uml.config" >/dev/null
make -s -C "$source" O="$build" olddefconfig
for option in WIREGUARD VETH TUN BRIDGE DUMMY NF_TABLES NF_TABLES_NETDEV NFT_MASQ NET_SCH_NETEM HOSTFS OVERLAY_FS PID_NS UTS_NS IPV6 PACKET; do
  grep -q "^CONFIG_$option=y" "$build/.config" || { echo "build-uml: CONFIG_$option did not stay" >&2; exit 1; }
done
make -s -C "$source" O="$build" -j"$(nproc)" linux
strip -o "$out" "$build/linux"
