"""Files of runs that were made to do harm, and parts of runs that no file could bring back."""

import io
import os
import struct
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from test_fault_checkpoint import half_a_run, net, numbers, run
from torch import nn

from helpers import Checkpoint
from helpers.training import archive
from helpers.training.checkpoint import BadCheckpoint
from helpers.training.plain import plain
from helpers.training.states import own_generators, random_states, set_random_states

# Pickles, spelled step by step: no library writes these.


def text(words):
    return b"X" + struct.pack("<I", len(words.encode())) + words.encode()


def ints(*values):
    return b"(" + b"".join(b"J" + struct.pack("<i", value) for value in values) + b"t"


def storage(key):
    return (b"(" + text("storage") + b"ctorch\nFloatStorage\n" + key + text("cpu")
            + b"K\x04tQ")


FOUR = storage(text("0"))


def tensor(size, stride, offset=b"K\x00"):
    return (b"ctorch._utils\n_rebuild_tensor_v2\n(" + FOUR + offset + size + stride
            + b"\x89ccollections\nOrderedDict\n)RtR")


# A tuple of the same tuple twice, of the same tuple twice…: 2^60 to look at, in 400 bytes
DOUBLED = b"()q\x00" + b"".join(b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86q" + bytes([i + 1])
                                for i in range(60))
DEEPEST = b"h\x3c"
HOSTILE = {  # and why it is refused
    "doubled tuples as a key": (DOUBLED + b"}" + DEEPEST + b"K\x01s.", "fit together"),
    "as the name of numbers": (DOUBLED + storage(DEEPEST) + b".", "no tensor's"),
    "in a counter": (DOUBLED + b"ccollections\nCounter\n(" + DEEPEST + b"tR.", "else than counts"),
    "as a value": (DOUBLED + b"}" + text("a") + DEEPEST + b"s.", "the same lists"),
    "a list that holds itself": (b"]q\x00h\x00a.", "the same lists"),
    "lists in lists": (b"]" * 30_000 + b"a" * 29_999 + b".", "fit together"),
    "bytes of 3 GB": (b"\x96" + struct.pack("<Q", 3 << 30) + b"x.", "expected 3221225472 bytes"),
    "a text 300 million times": (tensor(b"(" + text("abc") + ints(300_000_000)[1:], ints(1)) + b".",
                                 "larger than"),
    "a list as a size": (tensor(b"(]" + text("a") + b"a" + ints(300_000_000)[1:], ints(1)) + b".",
                         "larger than"),
    "a negative size": (tensor(ints(-2, -2), ints(1, 1)) + b".", "larger than"),
    "a negative step": (tensor(ints(4), ints(-1), b"K\x03") + b".", "larger than"),
    "beyond its numbers": (tensor(ints(2), ints(1 << 20)) + b".", "setStorage|out of bounds"),
    "a hundred sides": (tensor(ints(*[1] * 100), ints(*[1] * 100)) + b".", "larger than"),
    "one number in four places": (tensor(ints(4), ints(0)) + b".", "in two places"),
    "windows that overlap": (tensor(ints(2, 2), ints(1, 1)) + b".", "in two places"),
    "a state for a tensor": (tensor(ints(4), ints(1)) + b"(" + FOUR + b"K\x00" + ints(1 << 28)
                             + ints(1) + b"tb.", "fit together"),
    "an item of a tensor": (tensor(ints(4), ints(1)) + b"K\x00K\x05s.", "fit together"),
    "an attribute of a function": (b"ctorch._utils\n_rebuild_tensor_v2\n}" + text("__defaults__")
                                   + b")sb.", "fit together"),
    "a new object": (b"ctorch\nFloatStorage\n)\x81.", "a step NEWOBJ"),
    "an extension": (b"\x82\x01.", "a step EXT1"),
    "a complex number of a text": (b"c__builtin__\ncomplex\n(" + text("1j") + b"K\x00tR.",
                                   "than two numbers"),
}


def packed(content):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("a/data.pkl", b"\x80\x02" + content)
        file.writestr("a/byteorder", sys.byteorder)
        file.writestr("a/data/0", bytes(16))
    return out.getvalue()


@pytest.mark.parametrize("name", HOSTILE)
def test_fault_of_a_file_that_was_made_to_do_harm(tmp_path, name):
    """Hours, gigabytes, or a tensor that cannot be written to, of a file of a few hundred bytes."""
    content, words = HOSTILE[name]
    path = tmp_path / "run.pt"
    path.write_bytes(packed(content))
    tracemalloc.start()
    try:
        with pytest.raises((ValueError, RuntimeError), match=words):
            archive.read(path)
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()


def test_the_parts_of_hostile_files_are_well_made(tmp_path):
    path = tmp_path / "run.pt"
    for content in (DOUBLED + tensor(ints(2, 2), ints(1, 2)) + b".",
                    b"}" + text("a") + tensor(ints(1, 3), ints(9, 1), b"K\x01") + b"s."):
        path.write_bytes(packed(content))
        found = archive.read(path)
        assert (found["a"] if isinstance(found, dict) else found).eq(0).all()


@pytest.mark.skipif(sys.platform == "win32", reason="files with holes are made otherwise there")
def test_fault_a_file_with_a_hole_larger_than_memory(tmp_path):
    path = tmp_path / "run.pt"
    with path.open("wb") as file:
        file.truncate(1 << 43)
    with pytest.raises(BadCheckpoint, match="larger than this computer's memory"):
        run(path)


def within(*path, value):
    def change(content):
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = value
    return change


@pytest.mark.parametrize("change", [
    within("now", "numpy", 2, value=10**8), within("now", "numpy", 2, value=-1),
    within("start", "numpy", 2, value=700), within("meter", "losses", value=5),
    within("meter", "losses", value={}), within("mixture", value={})])
def test_fault_of_places_and_counts(tmp_path, change):
    """NumPy looked where it was told to, outside of its memory: the interpreter crashed."""
    path = half_a_run(tmp_path / "run.pt")
    content = archive.read(path)
    change(content)
    torch.save(content, path)
    with pytest.raises(BadCheckpoint, match=r"random generators cannot be|or of another version"):
        run(path)


@pytest.mark.parametrize("kind, where, place", [
    (np.random.MT19937, ("state", "pos"), 625), (np.random.MT19937, ("state", "pos"), -1),
    (np.random.Philox, ("buffer_pos",), -1000)])
def test_fault_of_places_of_a_generator_of_ones_own(kind, where, place):
    (own,) = own_generators([np.random.Generator(kind(1))])
    states = random_states([own])
    inner = states["own"][0]
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = place
    with pytest.raises(ValueError, match=f"place {place} of"):
        set_random_states(states, [own])


class Holds(nn.Sequential):
    """A network with one thing more."""

    def __init__(self, what):
        super().__init__(*net())
        if isinstance(what, torch.Tensor):
            self.register_buffer("what", what)
        else:
            self.what = what

    def get_extra_state(self):
        return None if isinstance(self.what, torch.Tensor) else self.what

    def set_extra_state(self, state):
        self.what = self.what if state is None else state


def endless():
    found = []
    found.append(found)
    return found


COMPLEX = torch.complex(torch.arange(4.0), torch.ones(4))
NEVER = {  # what a run may not hold, and how that is told before the training
    "one number in many places": (torch.tensor([0.5]).expand(3), r"\['what'\] has the same number "
                                  r"in several places.*\.clone\(\)"),
    "windows": (torch.arange(6.0).unfold(0, 3, 1), "in several places"),
    "unsigned": (torch.zeros(3, dtype=torch.uint16), r"cannot hold \(torch.uint16, torch.strided"),
    "sparse": (torch.eye(3).to_sparse(), r"\(torch.float32, torch.sparse_coo\). Keep it dense"),
    "a list that holds itself": (endless(), "lists in lists without end"),
    "a key that is no word": ({((1, 2), 3): 1}, "a key that is a tuple"),
}


@pytest.mark.parametrize("name", NEVER)
def test_fault_what_cannot_be_brought_back_is_told_at_first(tmp_path, name):
    """It was written, and then called damaged; or said to be "a Tensor"; or raised as it was."""
    what, words = NEVER[name]
    with pytest.raises(BadCheckpoint, match=f"cannot hold this run: .*{words}"):
        run(tmp_path / "run.pt", model=Holds(what))


def test_fault_a_layer_without_a_size(tmp_path):
    model = nn.Sequential(nn.LazyLinear(3))
    with pytest.raises(BadCheckpoint, match="no size before it has seen a batch. Call the model"):
        run(tmp_path / "run.pt", model=model)


KEPT = {
    "a conjugate": COMPLEX.conj(), "its imaginary part": COMPLEX.conj().imag, "complex": COMPLEX,
    "turned": torch.arange(6.0).view(2, 3).T, "every second": torch.arange(6.0)[::2],
    "nothing": torch.empty(0, 3), "one": torch.tensor(3), "a side of one": torch.ones(1, 3).T,
    "a complex number": 1 + 2j, "a number of 5,000 digits": 7**6000, "half a letter": "\udc80",
}


@pytest.mark.parametrize("name", KEPT)
def test_fault_what_is_kept_comes_back(tmp_path, name):
    """Conjugates lost their sign, and a complex number made the whole file "damaged"."""
    run(tmp_path / "run.pt", model=Holds(KEPT[name]), epochs=1)
    model = Holds(KEPT[name])
    run(tmp_path / "run.pt", model=model, epochs=2)
    found = archive.read(tmp_path / "run.pt")["model"]
    if isinstance(KEPT[name], torch.Tensor):
        assert found["what"].equal(KEPT[name]) and model.what.equal(KEPT[name])
    else:
        assert model.what == KEPT[name]


def test_fault_a_part_of_something_large_is_written_alone(tmp_path):
    """With ten numbers of two million, all were written, each time."""
    run(tmp_path / "run.pt", model=Holds(torch.zeros(2_000_000)[:10]), epochs=1)
    assert (tmp_path / "run.pt").stat().st_size < 100_000
    large = torch.zeros(9)
    assert plain(large, "") is large, "without a copy of what is whole"


def test_fault_a_path_in_the_home(tmp_path, monkeypatch):
    """It made a folder called ~."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME" if os.name != "nt" else "USERPROFILE", str(tmp_path / "home"))
    assert numbers(run("~/run.pt")) == numbers(run(None))
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert Checkpoint(Path("~nosuchuser/run.pt")).path == Path("~nosuchuser/run.pt")
