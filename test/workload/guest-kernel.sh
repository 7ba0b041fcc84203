#!/bin/bash
# guest-kernel.sh FOLDER: puts a guest for qemu's microvm into FOLDER, once: vmlinux, out of Debian's kernel package, which is
# downloaded and unpacked but never installed, and initrd.gz with busybox and the modules of a virtio network card. The guest
# takes its address and what to ping from the kernel's command line (workload.*), says how that went on its console, and then
# answers pings until it is stopped.
# Needs apt, dpkg-deb, xz, kmod and busybox-static. Debian's kernel is GPL-2: it is used here, not shipped.
set -eu
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
mkdir -p "$1"
cd "$1"
[ ! -s complete ] || exit 0
rm -rf packages root tree
mkdir -p packages root tree/bin tree/modules tree/proc tree/dev

newest() { apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1; }
package=$(newest)
# A machine on which everything else is installed may have no lists of packages.
[ -n "$package" ] || { apt-get update -qq; package=$(newest); }
version=${package#linux-image-}
(cd packages && apt-get download -q -o Acquire::Retries=3 "$package" > download.log 2>&1) || { cat packages/download.log >&2; exit 1; }
modules=./lib/modules/$version
dpkg-deb --fsys-tarfile packages/"$package"_*.deb | tar -x -C root ./boot/vmlinuz-"$version" \
  "$modules"/modules.builtin "$modules"/modules.builtin.modinfo "$modules"/modules.order "$modules"/kernel/drivers/virtio "$modules"/kernel/drivers/net "$modules"/kernel/net/core
depmod -b root "$version"

# The kernel without its decompressor (Documentation/x86/boot.rst: setup_sects, payload_offset, payload_length): microvm
# has no firmware to run one, and under emulation it would take longer than the rest of the start.
image=root/boot/vmlinuz-$version
word() { od -An -tu4 -j"$1" -N4 "$image" | tr -d ' '; }
sectors=$(od -An -tu1 -j497 -N1 "$image" | tr -d ' ')
offset=$(((sectors + 1) * 512 + $(word 584)))
tail -c +$((offset + 1)) "$image" | head -c "$(word 588)" | xz -dc --single-stream > vmlinux

cp "$(command -v busybox)" tree/bin/busybox
number=100
for module in virtio_mmio virtio_net; do
  modprobe -d root -S "$version" --show-depends "$module"
done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
  cp "$file" tree/modules/$number.ko
  number=$((number + 1))
done
cat > tree/init <<'INIT'
#!/bin/busybox sh
/bin/busybox mkdir -p /sbin /usr/bin /usr/sbin
/bin/busybox --install -s
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
for file in /modules/*; do insmod "$file"; done
value() { sed -n "s/.*workload\.$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
ip link set lo up
ip link set eth0 up
ip address add "$(value ipv4)/32" dev eth0
ip address add "$(value ipv6)/128" dev eth0
ip route add 169.254.1.1 dev eth0
ip route add default via 169.254.1.1
ip -6 route add default via fe80::1 dev eth0
for target in $(value targets | tr , ' '); do
  for try in 1 2 3 4 5 6 7 8 9 10; do
    if ping -c 1 -W 2 "$target" > /dev/null; then echo "guest: reached $target"; continue 2; fi
  done
  echo "guest: no answer from $target"
done
echo "guest: ready"
while :; do sleep 60; done
INIT
chmod +x tree/init
(cd tree && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1 > ../initrd.gz)
rm -rf packages root tree
echo "$version" > complete
