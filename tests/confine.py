# SPDX-License-Identifier: MIT
"""Ways out of a confinement: confine.py HOST, where HOST is a directory of the host. Prints what worked.

Each of the ways must be refused; what comes after them must work.
"""
import ctypes
import errno
import fcntl
import os
import platform
import socket
import struct
import sys
import termios

host = sys.argv[1]
libc = ctypes.CDLL(None, use_errno=True)
native = {"x86_64": 0, "aarch64": 1}[platform.machine()]
numbers = dict(add_key=(248, 217), keyctl=(250, 219), ptrace=(101, 117), setns=(308, 268), bpf=(321, 280), reboot=(169, 142),
               swapon=(167, 224), acct=(163, 89), settimeofday=(164, 170), open_by_handle_at=(304, 265), io_uring_setup=(425, 425),
               open_tree=(428, 428), pidfd_open=(434, 434), pidfd_getfd=(438, 438), mount_setattr=(442, 442), umount2=(166, 39),
               mount=(165, 40), syslog=(103, 116), x32_socket=(0x40000029, None))
refusals = (errno.EPERM, errno.EACCES, errno.EROFS, errno.EINVAL, errno.ENOSYS, errno.EAFNOSUPPORT, errno.ENETUNREACH,
            errno.ENOTTY)


def call(name, *args):
    result = libc.syscall(ctypes.c_long(numbers[name][native]), *args)
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result


def clear_flags(path, flags):
    return call("mount_setattr", -100, path.encode(), flags, struct.pack("QQQQ", 0, 1, 0, 0), 32)


def clone_writable(path):
    fd = call("open_tree", -100, path.encode(), 1 | 0x8000)
    return call("mount_setattr", fd, b"", 0x1000 | 0x8000, struct.pack("QQQQ", 0, 1, 0, 0), 32)


def connect(address):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(address)


def write(path, flags=os.O_WRONLY):
    fd = os.open(path, flags | os.O_NONBLOCK)
    os.write(fd, b"x")


def in_parent_of(path):
    os.chdir("/proc/1/root" + path)


ways = [
    ("connect to a socket by its name", lambda: connect(host + "/socket")),
    ("connect to an abstract socket", lambda: connect("\0" + host)),
    ("vsock", lambda: socket.socket(40, socket.SOCK_STREAM)),
    ("packet socket", lambda: socket.socket(17, socket.SOCK_RAW)),
    ("socket of the kernel's ciphers", lambda: socket.socket(38, socket.SOCK_SEQPACKET)),
    ("a network", lambda: socket.create_connection(("192.0.2.1", 80), 2)),
    ("keys of the session", lambda: call("keyctl", 0, -3, 1)),
    ("a new key", lambda: call("add_key", b"user", b"x", b"x", 1, -3)),
    ("io_uring", lambda: call("io_uring_setup", 1, 0)),
    ("write a file", lambda: write(host + "/file")),
    ("append to a file", lambda: write(host + "/file", os.O_WRONLY | os.O_APPEND)),
    ("truncate a file", lambda: os.truncate(host + "/file", 0)),
    ("change times", lambda: os.utime(host + "/file", (1, 1))),
    ("change times to now", lambda: os.utime(host + "/file")),
    ("set an attribute", lambda: os.setxattr(host + "/file", "user.x", b"1")),
    ("change the mode by a descriptor", lambda: os.fchmod(os.open(host + "/file", os.O_RDONLY), 0o777)),
    ("change the owner by a descriptor", lambda: os.fchown(os.open(host + "/file", os.O_RDONLY), 1000, 100)),
    ("reopen for writing", lambda: write("/proc/self/fd/%d" % os.open(host + "/file", os.O_RDONLY))),
    ("make flags go", lambda: clear_flags(host, 0)),
    ("make flags of / go", lambda: clear_flags("/", 0x8000)),
    ("make flags of a copy go", lambda: clone_writable(host)),
    ("make flags of a copy of / go", lambda: clone_writable("/")),
    ("remount", lambda: call("mount", b"none", b"/", b"", 32 | 4096, b"")),
    ("unmount", lambda: call("umount2", b"/tmp", 2)),
    ("a block device", lambda: os.open(host + "/disk", os.O_RDONLY)),
    ("make a device", lambda: os.mknod("/tmp/device", 0o20666, os.makedev(1, 5))),
    ("root of process 1", lambda: in_parent_of("/")),
    ("descriptors of process 1", lambda: os.readlink("/proc/1/fd/2")),
    ("memory of process 1", lambda: open("/proc/1/mem", "rb")),
    ("trace process 1", lambda: call("ptrace", 16, 1, 0, 0)),
    ("a descriptor of process 1", lambda: call("pidfd_getfd", call("pidfd_open", 1, 0), 0, 0)),
    ("namespaces of process 1", lambda: call("setns", call("pidfd_open", 1, 0), 0x10020000)),
    ("a file by its handle", lambda: call("open_by_handle_at", os.open("/", 0), struct.pack("Ii8s", 8, 1, bytes(8)), 0)),
    ("become user 0", lambda: os.setuid(0)),
    ("become another user", lambda: os.setresuid(65534, 65534, 65534)),
    ("groups", lambda: os.setgroups([0])),
    ("change the name of the host", lambda: socket.sethostname("x")),
    ("set the clock", lambda: call("settimeofday", struct.pack("QQ", 0, 0), 0)),
    ("programs in the kernel", lambda: call("bpf", 5, bytes(128), 128)),
    ("swap", lambda: call("swapon", b"/tmp/x", 0)),
    ("accounting", lambda: call("acct", b"/tmp/x")),
    ("messages of the kernel", lambda: call("syslog", 5, 0, 0)),
    ("reboot", lambda: call("reboot", 0xFEE1DEAD, 672274793, 0x89ABCDEF, 0)),
    ("input of the terminal", lambda: fcntl.ioctl(2, termios.TIOCSTI, b"x")),
    ("settings of the kernel", lambda: write("/proc/sys/kernel/core_pattern")),
]
if native == 0:  # the numbers that 32-bit programs with 64-bit registers have
    ways.append(("sockets by another way of calling", lambda: call("x32_socket", 1, 1, 0)))

ways.append(("change the root", lambda: os.chroot("/build")))  # the last one, as it leads away from the others

for name, way in ways:
    try:
        way()
        print("out:", name)
    except OSError as e:
        if e.errno not in refusals:
            print("not tried:", name, e)

for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK):
    try:
        socket.socket(family, socket.SOCK_DGRAM).close()
    except OSError as e:
        print("missing:", family, e)
a, b = socket.socketpair()
with socket.socket() as server:
    server.bind(("127.0.0.1", 0))
    server.listen()
    socket.create_connection(server.getsockname(), 5).close()
