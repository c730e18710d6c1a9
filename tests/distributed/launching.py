"""Programs that launch, in surroundings of their own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT

_SCRIPT = """
import json
from helpers import LaunchError, keep_warm, launch, workers
from tests.distributed import odd_workers

try:
    said = {"found": %s}
except LaunchError as problem:
    said = {"error": str(problem), "rank": problem.rank}
print(json.dumps(said))
"""


def start_program(code: str, folder: Path, prefix=(), **settings) -> subprocess.Popen:
    """Start a program that knows `helpers` and keeps its temporary files in `folder`."""
    folder.mkdir(exist_ok=True)
    settings = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
                "TMPDIR": str(folder), **settings}
    return subprocess.Popen([*prefix, sys.executable, "-c", code], env={**os.environ, **settings},
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder)


def asked(call: str, folder: Path, prefix=(), **settings) -> dict:
    """What a call in a program of its own gives: "found" or "error", and what it "printed"."""
    program = start_program(_SCRIPT % call, folder, prefix, **settings)
    out, err = (text.decode("utf-8", "surrogateescape")
                for text in program.communicate(timeout=500))
    assert program.returncode == 0, out + err
    *printed, last = out.splitlines()
    return json.loads(last) | {"printed": printed, "err": err}


def in_namespace(*commands: str, flags: str = "-m") -> list[str]:
    """The start of a command line: in a namespace of mounts (and networks), changed like this."""
    prefix = ["unshare", flags, "sh", "-c", " && ".join([*commands, 'exec "$@"']), "sh"]
    if not shutil.which("unshare") or subprocess.run(["unshare", flags, "true"], timeout=60,
                                                     capture_output=True).returncode:
        pytest.skip("namespaces cannot be made here: that takes Linux and root")
    return prefix


def instead_of(path: str, text: str) -> str:
    """A command that puts another file in the place of a system's file."""
    name = "$TMPDIR/" + path.replace("/", "-")
    return f"printf '{text}' > {name} && mount --bind {name} {path}"
