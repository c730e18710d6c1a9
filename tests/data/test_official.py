"""CIFAR-10's files: both spellings of the pickle, and every way in which they can be wrong."""

import hashlib
import os
import pickle
import shutil

import numpy as np
import pytest
import torch
from made import batch, meta, python2_pickle

from helpers import load_cifar10
from helpers.data import UNOFFICIAL, find_files, official
from helpers.data.official import CLASSES, FOLDER, MD5, BadData


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """A complete folder; the first file as Python 2 wrote it, the others as Python 3 does."""
    folder = tmp_path_factory.mktemp("whole") / FOLDER
    folder.mkdir()
    for number, name in enumerate(list(MD5)[:6], start=1):
        written = python2_pickle if number == 1 else pickle.dumps
        (folder / name).write_bytes(written(batch(number)))
    (folder / "batches.meta").write_bytes(meta())
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    """A copy to damage; hard links, so that it costs nothing."""
    shutil.copytree(whole, tmp_path / FOLDER, copy_function=os.link)
    return tmp_path / FOLDER


def replace(path, content: bytes):
    path.unlink()  # never write through the hard link
    path.write_bytes(content)


def test_the_python_2_form_is_what_it_says(whole):
    text = (whole / "data_batch_1").read_bytes()[:400]
    assert text.startswith(b"\x80\x02}") and b"U\x04data" in text
    assert b"numpy.core.multiarray\n_reconstruct" in text
    assert b"numpy._core" in (whole / "data_batch_2").read_bytes()[:400] or np.__version__ < "2"


def test_both_spellings_give_the_same_layout(whole):
    train, labels, test, test_labels, is_official = official.read(whole)
    assert train.shape == (50_000, 3, 32, 32) and train.dtype == torch.uint8 and not is_official
    assert train[::10_000, 0, 0, 0].tolist() == [1, 2, 3, 4, 5]  # the first pixel of the red plane
    assert train[:10, 1, 0, 0].tolist() == labels[:10].tolist() == list(range(10))
    assert train[0, 2, 31, 31] == 255
    assert test.shape == (10_000, 3, 32, 32) and len(test_labels) == 10_000
    assert test[0, 0, 0, 0] == 6


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("key", [str, str.encode])
def test_every_protocol_loads(whole, protocol, key):
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    content = pickle.dumps({key("data"): pixels, key("labels"): [1, 2]}, protocol=protocol)
    found = official._read_dict(whole / "x", content)
    assert (found["data"] == pixels).all() and found["labels"] == [1, 2]


def test_load_splits_45_5_10(folder, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DATA", str(folder.parent))
    data = load_cifar10()
    assert (len(data.train), len(data.val), len(data.test)) == (45_000, 5_000, 10_000)
    assert data.source == UNOFFICIAL and UNOFFICIAL in capsys.readouterr().out
    assert data.classes == CLASSES
    assert data.val.images[0, 0, 0, 0] == 5, "validation comes from the end of the training files"
    monkeypatch.setenv("COURSE_DATA", str(folder))
    assert find_files() == folder, "the inner folder may be named as well"


def test_official_md5_is_recognised(folder, monkeypatch):
    sums = {name: hashlib.md5((folder / name).read_bytes()).hexdigest() for name in MD5}
    monkeypatch.setattr(official, "MD5", sums)
    assert official.read(folder)[-1] is True
    sums["test_batch"] = "0" * 32
    assert official.read(folder)[-1] is False


def assert_refused(folder, words: str):
    with pytest.raises(BadData, match=words):
        official.read(folder)


class Malicious:
    def __reduce__(self):
        return os.system, ("touch hacked",)


@pytest.mark.parametrize("evil", [
    pickle.dumps({"data": Malicious()}),
    b"cbuiltins\neval\n(S'1'\ntR.",
    b"cnumpy\nsave\n.",
    b"c_codecs\nencode\n(S'x'\nS'rot13'\ntR.",
])
def test_no_code_from_a_pickle_runs(folder, evil, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    replace(folder / "data_batch_3", evil)
    assert_refused(folder, "data_batch_3 cannot be read: .*Delete")
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize("name", list(MD5))
def test_missing_file(folder, name):
    (folder / name).unlink()
    assert_refused(folder, rf"is not complete: {name} is missing\. Delete .* to download it")


@pytest.mark.parametrize("size", [0, 1, 100, 1_000_000])
def test_truncated_file(folder, size):
    replace(folder / "data_batch_2", (folder / "data_batch_2").read_bytes()[:size])
    assert_refused(folder, "data_batch_2 cannot be read")


@pytest.mark.parametrize("change, words", [
    ({"data": np.zeros((9_999, 3072), np.uint8)},
     r"pixels as uint8 \(10000, 3072\), but has uint8 \(9999, 3072\)"),
    ({"data": np.zeros((10, 3072), np.float32)}, r"but has float32 \(10, 3072\)"),
    ({"data": "pixels"}, "but has str"),
    *(({"labels": labels}, "10,000 labels from 0 to 9")
      for labels in ([0] * 9_999, [10] * 10_000, ["cat"] * 10_000, None)),
])
def test_wrong_contents(folder, change, words):
    replace(folder / "test_batch", pickle.dumps({**batch(6), **change}))
    assert_refused(folder, words)


@pytest.mark.parametrize("content, words", [
    ({"label_names": ["apple"] * 10}, "which are not CIFAR-10's"),
    ([1, 2], "holds a list where CIFAR-10 has a dictionary")])
def test_wrong_classes(folder, content, words):
    replace(folder / "batches.meta", pickle.dumps(content))
    assert_refused(folder, words)


@pytest.mark.parametrize("named, words", [
    (".", "data_batch_4 is missing"), ("file", "is a file, not a folder")])
def test_bad_data_are_never_silently_replaced(folder, monkeypatch, named, words):
    (folder / "data_batch_4").unlink()
    (folder.parent / "file").write_text("x")
    monkeypatch.setenv("COURSE_DATA", str(folder.parent / named))
    with pytest.raises(BadData, match=words):
        load_cifar10()


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read every file")
def test_unreadable_file(folder):
    replace(folder / "test_batch", b"x")
    (folder / "test_batch").chmod(0)
    assert_refused(folder, "cannot be opened: Permission denied")
