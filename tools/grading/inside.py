"""Run a command where it sees less: python -I inside.py HIDE SCRATCH MEMORY command …

`isolation` starts this in namespaces of its own (Linux). The folder HIDE is empty there, nothing
but SCRATCH and the shared memory can be written, there is no network but the computer's own, no
other process, and no right to undo this. Only the standard library: this runs before all else.
"""

import fcntl
import os
import resource
import socket
import struct
import subprocess
import sys
from pathlib import Path


def mount(*words: str, must: bool = True) -> None:
    """Call `mount`; what need not succeed fails in silence."""
    subprocess.run(["mount", *words], check=must, stdin=subprocess.DEVNULL,
                   stderr=None if must else subprocess.DEVNULL)


def mounted() -> list[str]:
    """Return where something is mounted."""
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return [line.split(" ")[4].replace("\\040", " ") for line in lines]


def read_only(hide: str, scratch: str) -> None:
    """Hide one folder, and let only `scratch` and the shared memory be written."""
    mount("--make-rprivate", "/")
    mount("--bind", scratch, scratch)
    if hide:
        mount("-t", "tmpfs", "-o", "size=1m", "none", hide)
    mount("-t", "tmpfs", "-o", "size=1g", "none", "/dev/shm", must=False)
    kept = {scratch, "/dev/shm", "/dev/pts", "/dev/mqueue"}
    for place in {*mounted()} - kept:
        if not place.startswith("/proc"):
            mount("-o", "remount,bind,ro", place, must=place == "/")
    mount("-t", "proc", "proc", "/proc", must=False)  # the processes from here on


def local_network() -> None:
    """Switch on the loopback: processes of one submission may talk to each other."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x40))  # up, running


def main() -> None:
    """Make it so, then become the command."""
    hide, scratch, memory, *command = sys.argv[1:]
    read_only(hide, scratch)
    local_network()
    limit = int(float(memory) * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    os.execvp("setpriv", ["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all",
                          "--", *command])


if __name__ == "__main__":
    main()
