"""Downloads that are killed at any moment: the next call works, and nothing of them is left."""

import hashlib
import importlib
import shutil
import sys
from collections import Counter
from functools import partial

import made
import pytest
from kills import kill_often
from misbehaving import serve, well

from helpers.data import cifar10
from helpers.data.download import download
from helpers.data.official import FOLDER, MD5
from helpers.data.shared import LOCK, PARTIAL

module = importlib.import_module("helpers.data.download")
FILES = 1_000_000  # bytes in each; so unpacking takes about as long as the download


def fetch_and_unpack(begin, folder, url, sha, size):
    module.SHA256, module.SIZE = sha, size
    begin()
    download(folder, (url,))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows kills in another way")
@pytest.mark.parametrize("count", [pytest.param(12, marks=pytest.mark.slow),
                                   pytest.param(200, marks=pytest.mark.long)])
def test_fault_e17_killed_while_fetching_and_unpacking(tmp_path, monkeypatch, count):
    content = made.archive(files=FILES)
    sha, folder, moments = hashlib.sha256(content).hexdigest(), tmp_path / "data", Counter()
    monkeypatch.setattr(module, "SHA256", sha)
    monkeypatch.setattr(module, "SIZE", len(content))
    monkeypatch.setenv("COURSE_DATA", str(folder))
    monkeypatch.setenv("COURSE_OFFLINE", "0")
    with serve(content, partial(well, delay=0.0001)) as server:
        monkeypatch.setattr(download, "__defaults__", ((server.url,),))
        for _ in kill_often(fetch_and_unpack, folder, server.url, sha, len(content), count=count,
                            within=1.2):
            moments["done" if (folder / FOLDER).exists() else
                    "unpacking" if list(folder.glob(".unpacking-*/*/*")) else
                    "fetching" if (folder / PARTIAL).exists() else "at the beginning"] += 1
            assert cifar10._files_or_reason() == (folder / FOLDER, "")
            found = {path.name: path.stat().st_size for path in (folder / FOLDER).iterdir()}
            assert found == dict.fromkeys(MD5, FILES)
            assert {path.name for path in folder.iterdir()} == {FOLDER, LOCK}
            shutil.rmtree(folder)
    print("killed", dict(moments))
    assert len(moments) > 1, moments
