#!/bin/sh
# boot.sh NAME: pid 1 of a lab host, started in net, mount, pid and uts namespaces of its own. It makes the namespaces a
# machine of their own, prints its pid as the lab sees it, and then lasts as long as its standard input, a pipe from the lab.
set -e
cd /
read -r pid _ </proc/self/stat            # still the lab's /proc

mount -t proc proc /proc
mount -t sysfs sysfs /sys
echo "$1" >/proc/sys/kernel/hostname

# /etc and /var: the machine's, with a layer in memory above. An overlay keeps its layers when their mount point goes, so
# /run lends its place, and nobody inside can reach around the overlay.
mount -t tmpfs tmpfs /run
mkdir /run/etc /run/var /run/work.etc /run/work.var
for dir in etc var; do mount -t overlay overlay -o "lowerdir=/$dir,upperdir=/run/$dir,workdir=/run/work.$dir" "/$dir"; done
umount /run
mount -t tmpfs -o mode=755 tmpfs /run

echo "$1" >/etc/hostname
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >/etc/hosts
rm -f /etc/resolv.conf                    # it may be a link
echo '# a lab host knows no resolver' >/etc/resolv.conf
sed -i 's/^hosts:.*/hosts: files dns/' /etc/nsswitch.conf

# New namespaces take IPv4 settings over from the machine, and a machine with Docker forwards.
cd /proc/sys/net/ipv4
echo 0 >ip_forward; echo 0 >conf/all/rp_filter; echo 0 >conf/default/rp_filter
# Duplicate address detection would keep every new IPv6 address unusable for a second.
cd /proc/sys/net/ipv6/conf
for it in all default; do echo 0 >$it/disable_ipv6; echo 0 >$it/accept_dad; echo 0 >$it/dad_transmits; done
bridge=/proc/sys/net/bridge
if [ -d $bridge ]; then echo 0 >$bridge/bridge-nf-call-iptables; echo 0 >$bridge/bridge-nf-call-ip6tables; fi
ip link set dev lo up
cd /

trap '' CHLD                              # survives exec: the kernel reaps the orphans that end up with pid 1
echo "$pid"
exec cat >/dev/null
