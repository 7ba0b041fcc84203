#!/bin/bash
# with-ipip-kernel.sh CMD [ARG...]: runs CMD as root, in the current folder, inside a Linux kernel that has IP-in-IP (Debian's
# user-mode-linux). Output and exit status are CMD's; 125 is trouble with the kernel itself. The guest sees the machine's files
# under an overlay in memory, so what it writes is gone afterwards, and has no network but what CMD makes.
# Needs user-mode-linux and kmod. That kernel has no nftables for IP.
set -u
SECONDS_AT_MOST=${IPIP_KERNEL_SECONDS:-330}
[ -x /usr/bin/linux.uml ] && command -v insmod >/dev/null || {
  echo "with-ipip-kernel: no linux.uml or no insmod: apt-get install user-mode-linux kmod" >&2
  exit 125
}
[ $# -gt 0 ] || { sed -n 2,5p "$0" >&2; exit 125; }
control=$(mktemp -d)
trap 'rm -rf "$control"' EXIT

export -p | grep -vE '^declare -x (PWD|OLDPWD|SHLVL)' > "$control/environment"
printf '%q ' exec "$@" > "$control/command"
printf 'FOLDER=%q\n' "$PWD" > "$control/folder"

# The first program of the guest: the machine's files below, memory above, then the second one inside of that.
cat > "$control/boot" <<BOOT
#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t tmpfs tmpfs /mnt
mkdir -p /mnt/{upper,work,root}
insmod /usr/lib/uml/modules/\$(uname -r)/kernel/fs/overlayfs/overlay.ko
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
mount -t tmpfs tmpfs /mnt/root/run
mkdir -p /mnt/root/lib/modules /mnt/root/run/{control,netns,lock}
mount -t hostfs -o $control none /mnt/root/run/control
mount -t devtmpfs dev /mnt/root/dev
mount -t sysfs sysfs /mnt/root/sys
umount /proc
mount -t proc proc /mnt/root/proc
cd /mnt/root
exec /usr/sbin/chroot /mnt/root /bin/bash /run/control/guest
BOOT
chmod +x "$control/boot"

cat > "$control/guest" <<'GUEST'
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
. /run/control/folder
mkdir -p /dev/pts /dev/shm /dev/net
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
ln -sfn /proc/self/fd /dev/fd
mount --bind /usr/lib/uml/modules /lib/modules
ip link set lo up
modprobe -a ipip ipv6
(
  . /run/control/environment
  cd "$FOLDER"
  setsid -w /bin/bash /run/control/command
) < /dev/null >> /run/control/output 2>> /run/control/errors
echo $? > /run/control/status
sync
echo 1 > /proc/sys/kernel/sysrq
echo o > /proc/sysrq-trigger
sleep 10
GUEST

: > "$control/output"
: > "$control/errors"
timeout -k 5 "$SECONDS_AT_MOST" linux.uml mem=1536M uml_dir="$control" umid=kernel root=/dev/root rootfstype=hostfs rootflags=/ ro \
  init="$control/boot" quiet con=null < /dev/null > "$control/log" 2>&1 &
kernel=$!
trap 'kill $kernel' TERM INT
tail -q -s 0.05 -c +1 -f --pid=$kernel "$control/output" &
tail -q -s 0.05 -c +1 -f --pid=$kernel "$control/errors" >&2 &
wait $kernel
outcome=$?
wait
[ -s "$control/status" ] && exit "$(cat "$control/status")"
echo "with-ipip-kernel: the kernel ended ($outcome) without a word of the command" >&2
tail -20 "$control/log" >&2
exit 125
