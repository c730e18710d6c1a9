"""The mutants, and that a reader that does harm is found out."""

import io
import json
import os
import pickle
import zipfile

import fuzz
import pytest


def pack(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("data.pkl", content)
    return out.getvalue()


ORIGINALS = [json.dumps({"labels": [1, 2, 3]}).encode() * 9, pack(pickle.dumps([1, 2, 3]))]


def careless():
    return fuzz.Case(lambda content: eval("1") if content > b"\x01" else None, [b"\x00ab"],
                     ValueError)


def crashing():
    return fuzz.Case(lambda content: os.abort() if content > b"\x01" else None, [b"\x00ab"],
                     ValueError)


def greedy():
    return fuzz.Case(lambda content: bytes(1 << 31) if content > b"\x01" else None, [b"\x00ab"],
                     ValueError)


def test_mutants_are_the_same_each_time_and_nearly_all_of_them_others():
    for original in ORIGINALS:
        found = [fuzz.mutant(original, number) for number in range(300)]
        assert found == [fuzz.mutant(original, number) for number in range(300)]
        assert len({*found} - {original}) > 200


def test_members_of_an_archive_are_changed_under_right_sums():
    changed = 0
    for number in range(200):
        try:
            with zipfile.ZipFile(io.BytesIO(fuzz.mutant(ORIGINALS[1], number))) as archive:
                changed += archive.read("data.pkl") != pickle.dumps([1, 2, 3])
        except Exception:  # the archive itself is damaged
            continue
    assert changed > 50


def test_errors_are_counted_by_kind():
    case = fuzz.Case(json.loads, ORIGINALS[:1], json.JSONDecodeError)
    ends = fuzz.feed(case, range(300))
    assert ends["refused"] > 100 and ends.total() == 300
    assert any("UnicodeDecodeError" in end for end in ends)


@pytest.mark.slow
@pytest.mark.parametrize("case, words", [("careless", "_CodeRan: compile"),
                                         ("crashing", "exit -6"), ("greedy", "MemoryError")])
def test_harm_is_found_out(case, words):
    (problem,) = {*fuzz.feed_long(f"{__name__}:{case}", count=60)} - {"taken", "refused"}
    assert words in problem
