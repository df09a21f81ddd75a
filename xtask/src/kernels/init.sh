#!/bin/busybox sh
# The first process of the virtual machine: runs the tests and turns the machine off. What xtask reads begins with `guest: `,
# or is a line of the test program.
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin HOME=/ TMPDIR=/tmp RUST_BACKTRACE=0
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
ifconfig lo 127.0.0.1 up
echo "guest: release $(uname -r)"
mctop doctor --json >/tmp/doctor.json 2>/tmp/doctor.err
echo "guest: doctor $(tr -d '\n' </tmp/doctor.json)"
if grep -q '"attach_cookies": true' /tmp/doctor.json; then
    /bin/live --include-ignored --test-threads=1 --show-output $(cat /tests)
else
    memcached -u nobody -d
    mctop dump -d 1s >/dev/null 2>/tmp/refusal
    echo "guest: refusal $? $(tr '\n' ' ' </tmp/refusal)"
fi
echo "guest: end"
poweroff -f
