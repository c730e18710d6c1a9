"""Archives and batch files that are damaged or hostile: the announced error, and nothing else."""

import gzip
import os
import pickle
import struct
import subprocess
import sys
import tarfile
import tracemalloc
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from fuzz import Case, feed, feed_long
from made import archive, batch, meta, python2_pickle

from helpers.data import BadData, arrays, official
from helpers.data.official import CLASSES, FOLDER, MD5
from helpers.data.unpack import unpack

FILE = f"{FOLDER}/data_batch_1"


def entry(name, kind=tarfile.REGTYPE, **settings):
    made = tarfile.TarInfo(name)
    made.type = kind
    for field, value in settings.items():
        setattr(made, field, value)
    return made


def header(name=FILE, **changes):
    """A header with fields that tarfile would not write, under the right sum."""
    block = bytearray(tarfile.TarInfo(name).tobuf())
    for at, content in changes.values():
        block[at:at + len(content)] = content
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def before(block):
    """An archive whose first block is this one."""
    return gzip.compress(block + gzip.decompress(archive()), 1)


HARMLESS = {  # what an archive may hold besides its seven files
    "T01 an absolute name": archive(("/tmp/course-evil", b"x")),
    "T02 up and out": archive(("../../evil", b"x"), (f"{FOLDER}/../../evil", b"x")),
    "T03 through a link": archive((entry(f"{FOLDER}/l", tarfile.SYMTYPE, linkname="/tmp"), b""),
                                  (f"{FOLDER}/l/course-evil", b"x")),
    "T04 a link out": archive((entry(f"{FOLDER}/l", tarfile.SYMTYPE, linkname="../.."), b"")),
    "T05 a hard link": archive((entry(FILE, tarfile.LNKTYPE, linkname="/etc/passwd"), b"")),
    "T06 a device": archive((entry(f"{FOLDER}/d", tarfile.CHRTYPE, devmajor=1, devminor=3), b"")),
    "T07 a pipe": archive((entry(FILE, tarfile.FIFOTYPE), b"")),
    "T08 setuid": archive((entry(f"{FOLDER}/s", mode=0o6777), b"x")),
    "T10 the folder is a link": archive((entry(FOLDER, tarfile.SYMTYPE, linkname="/tmp"), b"")),
    "a file is a link": archive((entry(FILE, tarfile.SYMTYPE, linkname="/etc/passwd"), b"")),
    "a file is a folder": archive((entry(FILE, tarfile.DIRTYPE), b"")),
    "a name of 3000 letters": archive(("x" * 3000, b"x")),
    "a name that is no text": archive((os.fsdecode(b"\xff\xfe"), b"x")),
    "extended headers": archive((entry("x", pax_headers={"size": "99999999999"}), b"x")),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_fault_of_an_archive_that_holds_more(tmp_path, name):
    (tmp_path / "a.tar.gz").write_bytes(HARMLESS[name])
    (tmp_path / "in").mkdir()
    unpack(tmp_path / "a.tar.gz", tmp_path / "in")
    found = [path for path in tmp_path.rglob("*") if path.name != "a.tar.gz"]
    assert {p.name for p in found} == {"in", FOLDER, *MD5} and not Path("/tmp/course-evil").exists()
    for path in (tmp_path / "in" / FOLDER).iterdir():
        assert path.is_file() and not path.is_symlink() and not path.stat().st_mode & 0o7111
        assert path.stat().st_size == 20_000


DAMAGED = {
    "T12 other files": gzip.compress(b""), "T13 no gzip": b"not a tar", "empty": b"",
    "T14 cut": archive()[:50_000], "cut in its header": archive()[:5],
    "a tar without gzip": gzip.decompress(archive()), "a web page": b"<html>" * 999,
    "damaged in the middle": archive()[:9000] + bytes(999) + archive()[9999:],
    "no tar inside": gzip.compress(b"x" * 9999),
    "a file of 8 GB": before(header(size=(124, b"77777777777\0"))),
    "a file of 2^90 bytes": before(header(size=(124, b"\x80" + b"\x7f" * 11))),
    "a file of less than no bytes": before(header(size=(124, b"\xff" * 12))),
    "a size of letters": before(header(size=(124, b"all of them "))),
    "a wrong sum": before(bytes(tarfile.TarInfo(FILE).tobuf()[:-1]) + b"x"),
    "a name header of 8 GB": before(header(kind=(156, b"L"), size=(124, b"77777777777\0"))),
    "five hundred files before": archive(*[(f"{i}", b"") for i in range(500)]),
    "nothing but zeros": gzip.compress(bytes(99_999)),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_fault_of_an_archive_that_is_damaged(tmp_path, name):
    (tmp_path / "a.tar.gz").write_bytes(DAMAGED[name])
    with pytest.raises(BadData, match=r"a.tar.gz cannot be unpacked: .+\. Delete it and run this "):
        unpack(tmp_path / "a.tar.gz", tmp_path)


class Calls:
    """Asks a pickle's reader to call a function."""

    def __init__(self, function, *values):
        self.function, self.values = function, values

    def __reduce__(self):
        return self.function, self.values


TOUCH = "touch hacked"
inner = np.empty(1, object)
inner[0] = np.array([Calls(os.system, TOUCH)], object)


def plain(value):
    """The steps that make a value, without beginning and end."""
    return pickle.dumps(value, 2)[2:-1]


def ndarray(*values):
    """A call of numpy.ndarray itself, which no pickle of an array has."""
    return b"cnumpy\nndarray\n" + plain(values) + b"R"


def data_of(pixels, labels=b"]"):
    return b"\x80\x02}(U\x04data" + pixels + b"U\x06labels" + labels + b"u."


def array_of(dtype, shape, raw):
    """An array as protocol 2 spells it, of parts that need not fit together."""
    return (b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR(K\x01"
            + plain(shape) + b"cnumpy\ndtype\n" + plain((dtype, 0, 1)) + b"R\x89"
            + pickle.dumps(raw, 3)[2:-1] + b"tb")


PIXELS = plain(np.zeros((3, 3072), np.uint8))
# A list of two lists, which are one, of two lists, which are one: 2^60 to look at, in 500 bytes.
NESTED = b"(]q\x00" + b"".join(b"](h" + bytes([i]) + b"h" + bytes([i]) + b"eq" + bytes([i + 1])
                               for i in range(60)) + b"t"
DOUBLED = b"()q\x00" + b"".join(b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86q" + bytes([i + 1])
                               for i in range(60)) + b"t"  # the same with tuples
DEEPEST = b"h\x3c"
TEXT = b"X" + struct.pack("<I", 100_000) + b"x" * 100_000 + b"q\x01"
HOSTILE = {
    "S01 GLOBAL": b"cposix\nsystem\n(S'" + TOUCH.encode() + b"'\ntR.",
    "S02 STACK_GLOBAL": pickle.dumps(Calls(eval, "open('hacked', 'w')"), 4),
    "S03 in a list": pickle.dumps({"labels": [Calls(subprocess.Popen, ["touch", "hacked"])]}, 4),
    "S04 in an array in an array": pickle.dumps({"data": inner}),
    "S05 INST": b"(S'" + TOUCH.encode() + b"'\niposix\nsystem\n.",
    "S05b OBJ": b"(cposix\nsystem\nS'touch hacked'\no.",
    "S05c NEWOBJ": b"cposix\nsystem\n(S'touch hacked'\nt\x81.",
    "S06 a dotted name": b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.",
    "S07 scalar": b"cnumpy.core.multiarray\nscalar\n(tR.",
    "S08 another codec": b"c_codecs\nencode\n(Vabc\nVzip\ntR.",
    "S09 a persistent id": b"Pabc\n.", "S09b a binary one": b"K\x01Q.",
    "S10 an extension": b"\x80\x02\x82\x01.",
    "S11 attributes of functions": b"\x80\x02c_codecs\nencode\n}U\x03pwnK\x01sb.",
    "S11b attributes set": b"\x80\x02c_codecs\nencode\n(N}U\x08__code__K\x05stb.",
    "E13-S12 forged objects": data_of(ndarray((4,), "O", b"A" * 32)),
    "E13-S12b as labels": data_of(PIXELS, ndarray((3,), "O", b"A" * 24)),
    "E13-S13 before the buffer": data_of(ndarray((3, 3072), "u1", b"x" * 9216,
                                                -4096)),
    "E13-S13b far before it": data_of(ndarray((3, 3072), "u1", b"x", -10**12)),
    "E13 forged objects, filled in": data_of(array_of("O", (4,), b"A" * 32)),
    "E13 records of objects": data_of(array_of("O8,u1", (1,), b"A" * 9)),
    "E13 bytes of nobody": data_of(array_of("u1", (3, 3072), b"x")),
    "E13 dates": data_of(array_of("M8", (1,), bytes(8))),
    "E13 text": data_of(array_of("S5", (1,), b"x" * 5)),
    "E13 no type": data_of(array_of("", (1,), b"x")),
    "E13 a type of no bytes": data_of(array_of("V0", (9,), b"")),
    "an array of 10^13": data_of(array_of("u1", (10**13,), b"x")),
    "an array of -1": data_of(array_of("u1", (-1, -1), b"x")),
    "an array of 2^64 by 0": data_of(array_of("u1", (2**64, 0), b"")),
    "an array of 33 sides": data_of(array_of("u1", (1,) * 33, b"x")),
    "an array never filled": data_of(b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n"
                                     b"K\x00\x85U\x01btR"),
    "S14 a foreign byte order": b"cnumpy\ndtype\nU\x02u1\x85R(K\x03U\x01?NNNK\x00K\x00K\x3ftb.",
    "S14b a type's fields": b"cnumpy\ndtype\nU\x02u1\x85R(K\x03U\x01<N)}K\x00K\x00K\x3ftb.",
    "S18 of another kind": (b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\ndtype\nK\x00\x85"
                            b"U\x01b\x87R."),
    "E14-S15 memo of 5 GB": b"\x80\x02}r" + struct.pack("<I", 330_000_000) + b".",
    "E14-S15b memo of 34 GB": b"\x80\x02}r" + struct.pack("<I", 0x7FFFFFFF) + b".",
    "E14 bytes of 2^40": b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"x.",
    "E14 text of 4 GB": b"X\xff\xff\xff\xffx.", "E14 a number of 2 GB": b"\x8b\xff\xff\xff\x7fx.",
    "a million empty lists": b"\x80\x02(" + b"]" * 1_000_000 + b"l.",
    "E14 one text, encoded 10,000 times": b"\x80\x02(" + TEXT + (
        b"c_codecs\nencode\n(h\x01X\x06\x00\x00\x00latin1tR" * 10_000) + b"l.",
    "S17 lists in lists": b"\x80\x02" + b"]" * 40_000 + b"a" * 39_999 + b".",
    "S17b tuples in tuples, as a key": b"\x80\x02})" + b"\x85" * 90_000 + b"K\x01s.",
    "S17c doubled tuples, as a key": DOUBLED + b"}" + DEEPEST + b"K\x01s.",
    "S17d doubled lists as a name": NESTED + b"U\x05numpy" + DEEPEST + b"\x93.",
    "S17e as labels": NESTED + data_of(PIXELS, DEEPEST),
    "S17f as a type": NESTED + data_of(b"cnumpy\ndtype\n" + DEEPEST + b"\x85R"),
    "S17g as a codec": NESTED + b"c_codecs\nencode\nU\x01x" + DEEPEST + b"\x86R.",
    "S17h as names of classes": NESTED + b"}U\x0blabel_names" + DEEPEST + b"s.",
    "S17i as pixels": NESTED + data_of(DEEPEST),
    "labels that are true": pickle.dumps({**batch(1, 3), "labels": [True] * 3}),
    "labels of 2^900": pickle.dumps({**batch(1, 3), "labels": [2**900, 1, 2]}),
    "labels that are not whole": pickle.dumps({**batch(1, 3), "labels": np.full(3, 0.5)}),
    "empty": b"", "only an end": b".", "no end": b"}", "a web page": b"<!DOCTYPE html>" * 99,
    "F-LFS a pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "a mark too few": b"e.", "a value too few": b"K\x01\x86.", "unknown memo": b"h\x07.",
    "an odd dictionary": b"(U\x01ad.", "a key without text": b"}K\x01K\x02s.",
    "4301 digits": b"I" + b"9" * 4301 + b"\n.",
}


def read(content):
    """Read one file, as which it may be meant."""
    with patch.object(official, "IMAGES_PER_FILE", 3):
        if b"label_names" in content:
            names = official._class_names(Path("data/batches.meta"), content)
            assert names == CLASSES
        else:
            official._read_batch(Path("data/data_batch_1"), content)


@pytest.mark.parametrize("name", HOSTILE)
def test_fault_of_a_batch_file(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    if name.startswith("E14"):  # where memory is at stake; it takes time
        tracemalloc.start()
    try:
        with pytest.raises(BadData, match="Delete data and run this again") as told:
            read(HOSTILE[name])
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()
    assert len(str(told.value)) < 500 and not list(tmp_path.iterdir())


@pytest.mark.parametrize("name, words", [
    ("S17b tuples in tuples, as a key", "parts do not fit together"),
    ("S17c doubled tuples, as a key", "parts do not fit together"),
    ("a million empty lists", "far more parts"), ("E13 dates", "something else than numbers"),
    ("E13 forged objects, filled in", "something else than numbers"),
    ("E13 records of objects", "something else than numbers"),
    ("E13 bytes of nobody", "size is not that of its values"),
    ("an array of -1", "size is not that of its values")])
def test_fault_of_a_batch_file_is_seen_by_the_reader_itself(name, words):
    """Not later, by what it gave being no images: these would have taken time, memory or worse."""
    with pytest.raises(ValueError, match=words):
        arrays.read(HOSTILE[name])


def test_the_parts_of_hostile_files_are_well_made():
    """Or they would be refused for another reason than the one in their names."""
    three = b"](K\x01K\x02K\x03e"
    read(data_of(PIXELS, three))
    read(NESTED + data_of(array_of("u1", (3, 3072), b"x" * 9216), three))
    read(data_of(PIXELS, array_of("i8", (3,), bytes(24))))
    once = arrays.read(TEXT + b"c_codecs\nencode\n(h\x01X\x06\x00\x00\x00latin1tR.")
    assert once == b"x" * 100_000


def test_fault_files_far_too_large_are_not_read(tmp_path):
    for name in MD5:
        (tmp_path / name).touch()
    with (tmp_path / "data_batch_2").open("wb") as file:
        file.truncate(1 << 36)  # takes no place on the disk
    with pytest.raises(BadData, match="data_batch_2 has 68,719,476,736 bytes"):
        official.read(tmp_path)


def batch_case():
    """Batch files of three images, in all spellings."""
    small = batch(1, 3)
    return Case(read, [meta(), python2_pickle(small), *(pickle.dumps(small, p) for p in range(6))],
                BadData)


def archive_case():
    """An archive with files of 3 kB, unpacked to memory where there is such a folder."""
    import tempfile

    place = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    packed, goal = place / "a.tar.gz", place / FOLDER

    def read(content):
        packed.write_bytes(content)
        try:
            unpack(packed, place)
            assert {path.name for path in goal.iterdir()} == set(MD5)
        finally:
            for path in goal.iterdir():
                path.unlink()
            goal.rmdir()
            packed.unlink()
            assert not list(place.iterdir()), "something was written elsewhere"

    return Case(read, [archive(files=3000)], BadData)


READERS = {"batch files": batch_case, "archives": archive_case}


@pytest.mark.parametrize("reader", READERS)
def test_fault_mutants(reader):
    ends = feed(READERS[reader](), range(300))
    assert set(ends) == {"taken", "refused"} and ends["refused"] > 50, ends


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="no limit of memory for processes there")
@pytest.mark.parametrize("reader", READERS)
def test_fault_a_million_mutants(reader):
    ends = feed_long(f"test_fault_files:{READERS[reader].__name__}")
    print(ends)
    assert set(ends) == {"taken", "refused"} and ends["refused"] > 10_000, ends
