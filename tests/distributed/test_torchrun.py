"""The same workers by torchrun, on one host and on two."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from support import ROOT

from helpers.distributed.__main__ import parsed
from tools.notebooks import cell

pytestmark = pytest.mark.slow


def torchrun(*arguments, prefix=(), cwd=None, **env) -> subprocess.Popen:
    command = [*prefix, sys.executable, "-m", "torch.distributed.run", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            cwd=cwd, env={**os.environ, "PYTHONPATH": str(ROOT),
                                          "OMP_NUM_THREADS": "1", **env})


def test_the_command_of_the_chapter_runs_the_file_of_the_chapter(tmp_path):
    chapter = (ROOT / "book" / "10_many_devices.ipynb").read_text(encoding="utf-8")
    (command,) = re.findall(r"torchrun (.+ hello:hello)", chapter)
    (tmp_path / "hello.py").write_text(cell("10", "hello").partition("\n")[2])
    process = torchrun("--standalone", "--local-addr", "127.0.0.1", *command.split(), cwd=tmp_path,
                       GLOO_SOCKET_IFNAME="lo" if sys.platform == "linux" else "lo0")
    out = process.communicate(timeout=120)[0]
    assert process.returncode == 0, out
    assert "'all_reduce': [30.0]" in out


def test_the_command_runs_the_program_of_the_chapter(tmp_path):
    """It imports nothing of the course."""
    names = ("my-ddp-data", "my-ddp-train", "my-ddp-main")
    text = "\n".join(cell("10", name).partition("\n")[2] for name in names)
    assert "helpers" not in text and sum(map(bool, map(str.strip, text.splitlines()))) < 50
    (tmp_path / "my_ddp.py").write_text(text)
    chapter = (ROOT / "book" / "10_many_devices.ipynb").read_text(encoding="utf-8")
    command = re.findall(r"torchrun (--nproc-per-node 2 my_ddp.py)", chapter)[0]
    process = torchrun("--standalone", "--local-addr", "127.0.0.1", *command.split(), cwd=tmp_path,
                       GLOO_SOCKET_IFNAME="lo" if sys.platform == "linux" else "lo0", PYTHONPATH="")
    out = process.communicate(timeout=120)[0]
    assert process.returncode == 0 and re.search(r"^error: best 0\.4\d, last 0\.", out, re.M), out


def test_arguments_on_the_command_line():
    assert parsed(["epochs=3", "name=fast", "sizes=[1, 2]"]) == {"epochs": 3, "name": "fast",
                                                                 "sizes": [1, 2]}
    with pytest.raises(SystemExit, match="name=value"):
        parsed(["epochs"])


@pytest.fixture
def two_hosts():
    """Two network namespaces, joined by a cable: 10.99.0.1 and 10.99.0.2."""
    ip = shutil.which("ip") or shutil.which("ip", path="/sbin:/usr/sbin")
    if not ip:
        pytest.skip("two hosts need the command ip (Debian's iproute2)")
    names = [f"ctr{os.getpid()}a", f"ctr{os.getpid()}b"]
    commands = [["netns", "add", names[0]], ["netns", "add", names[1]],
                ["-n", names[0], "link", "add", "cable", "type", "veth", "peer", "name", "cable",
                 "netns", names[1]]]
    for number, name in enumerate(names):
        commands += [["-n", name, "addr", "add", f"10.99.0.{number + 1}/24", "dev", "cable"],
                     ["-n", name, "link", "set", "cable", "up"],
                     ["-n", name, "link", "set", "lo", "up"]]
    try:
        for command in commands:
            done = subprocess.run([ip, *command], capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"network namespaces cannot be made here: {done.stderr.strip()}")
        yield [(ip, "netns", "exec", name) for name in names]
    finally:
        for name in names:
            subprocess.run([ip, "netns", "del", name], capture_output=True)


def test_two_hosts(two_hosts):
    """One rank on each of two hosts, which know of each other only an address and a port."""
    runs = [torchrun("--nnodes", "2", "--node-rank", str(host), "--nproc-per-node", "1",
                     "--master-addr", "10.99.0.1", "--master-port", "29400", "-m",
                     "helpers.distributed", "helpers.distributed.workers:hello", prefix=prefix,
                     GLOO_SOCKET_IFNAME="cable")
            for host, prefix in enumerate(two_hosts)]
    texts = []
    for run in runs:
        try:
            texts.append(run.communicate(timeout=120)[0])
        except subprocess.TimeoutExpired:
            run.kill()
            texts.append(run.communicate()[0])
    assert [run.returncode for run in runs] == [0, 0], "\n".join(texts)
    assert "'all_reduce': [30.0]" in "".join(texts)
