"""`benchmarks/gpu.py` on the CPU: every part of it runs, and nothing is asserted about seconds."""

import json
import os
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path

import nbformat
import pretended
import pytest
import torch
from support import ROOT

from helpers.data import STAND_IN

pytestmark = pytest.mark.slow
ASKED = Namespace(device="cpu", tiny=True, seeds=2, run="now", source=STAND_IN)


@pytest.fixture(scope="module")
def gpu():
    """The script as a module; it looks into its own folder for others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        import gpu
        yield gpu


def command(*words, **environment):
    return subprocess.run([sys.executable, "benchmarks/gpu.py", *words], cwd=ROOT, check=False,
                          capture_output=True, text=True, env=os.environ | environment)


class Clock:
    """What airbench clocks with, for a computer without CUDA."""

    def __init__(self, **_):
        self.at = 0.0

    def record(self):
        self.at = time.perf_counter()

    def elapsed_time(self, other):
        return 1e3 * (other.at - self.at)


def test_the_opponents_own_code_trains_on_our_images(gpu, monkeypatch):
    """On the CPU, with what it asks of CUDA replaced; where the package is installed."""
    pytest.importorskip("airbench", reason="airbench is not installed")
    load = torch.load
    monkeypatch.setattr(torch, "load", lambda path, **_: load(path, map_location="cpu"))
    monkeypatch.setattr(torch.nn.Module, "cuda", lambda self: self)
    monkeypatch.setattr(torch.cuda, "Event", Clock)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda *_: None)
    *_, found = gpu.opponent(ASKED)
    assert found["package"] == "airbench 0.1.8" and found["seeds"] == 2
    assert 0 <= found["accuracy"] <= 1 and 0 < found["seconds"] < found["wall seconds"]


def test_without_the_opponents_package_the_rest_goes_on(gpu, monkeypatch, capsys):
    monkeypatch.setattr(gpu.util, "find_spec", lambda name: None)
    assert list(gpu.opponent(ASKED)) == []
    assert "pip install airbench==0.1.8" in capsys.readouterr().out


def test_the_opponent_gets_the_images_of_the_course(gpu, standin, tmp_path):
    gpu.as_airbench(standin, tmp_path / "cifar10")
    train, test = (torch.load(tmp_path / "cifar10" / f"{name}.pt") for name in ("train", "test"))
    assert train["images"].shape == (6_000, 32, 32, 3) and train["images"].dtype == torch.uint8
    assert train["images"][0].permute(2, 0, 1).equal(standin.train.images[0])
    assert train["images"][-1].permute(2, 0, 1).equal(standin.val.images[-1])
    assert train["labels"][-1_000:].equal(standin.val.labels)
    assert test["labels"].equal(standin.test.labels) and test["classes"] == list(standin.classes)


def test_the_last_row_of_the_opponents_table(gpu):
    names = "|  run     |  epoch  |  tta_val_acc  |  total_time_seconds  |"
    rows = ["|       3  |      8  |               |              2.1000  |",
            "|          |   eval  |       0.9071  |              2.2034  |"]
    head = [names, "-" * 50]
    assert gpu.last_row("\n".join(head + rows)) == {"accuracy": 0.9071, "seconds": 2.2034}
    with pytest.raises(ValueError, match="no last row"):
        gpu.last_row("\n".join(head + rows[:1]))


def test_the_final_run_is_chapter_8s_with_another_seed_each_time(gpu, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    *_, found = gpu.final(ASKED)
    one, other = found["by seed"]
    assert one["accuracy"] != other["accuracy"] or one["seconds"] != other["seconds"]
    assert {"accuracy", "seconds", "training seconds", "images per second"} == {*one}
    assert found["seconds"] > found["training seconds"]  # the test is in it


def test_a_final_run_that_is_seeded_otherwise_is_refused(gpu, monkeypatch, standin):
    monkeypatch.setattr(gpu, "FINAL", ())
    with pytest.raises(ValueError, match="would all be the same"):
        gpu.final_run(standin, 1, "cpu")


def test_fit_is_compared_with_a_loop_that_does_the_same_to_the_network(gpu, standin):
    states, data = [], standin.train.take(500)
    for kind in ("fit", "bare"):
        gpu.set_seed(0)
        model = gpu.FastResNet()
        train = data.batches(125, augment=gpu.AUGMENT)
        settings = {"epochs": 2, **gpu.resnet_recipe(model, 2 * len(train))}
        if kind == "fit":
            gpu.lenet.fit(model, train, verbose=False, **settings)
        else:
            gpu.lenet.bare(model, train, **settings)
        states.append(model.state_dict())
    torch.testing.assert_close(*states)


def test_fit_and_lenet(gpu):
    *_, costs = gpu.fit_cost(ASKED)
    assert [*costs] == ["batches of 250", "batches of 1000"]
    assert all(one["ratio"] > 0 for one in costs.values())
    *_, contest = gpu.classic_loop(ASKED)
    assert contest["classic"]["images"] == 2 * 1_500 and contest["ours"]["images"] == 4 * 1_200
    assert contest["ratio"] == contest["classic"]["seconds"] / contest["ours"]["seconds"]


def test_a_page_and_the_memory_that_it_takes(gpu, monkeypatch):
    used = iter([5e9, 6.5e9])
    monkeypatch.setattr(gpu.CardMemory, "_used", lambda self: next(used, 5e9))
    monkeypatch.setattr(gpu, "FEW_PAGES", ("01b",))
    *_, found = gpu.chapters(ASKED)
    assert found["errors"] == [] and not found["complete"]
    assert found["pages"]["01b_rule_of_your_own"]["gigabytes"] == 1.5


def test_a_page_that_fails_says_why(gpu, tmp_path):
    broken = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    nbformat.write(broken, tmp_path / "broken.ipynb")
    page = gpu.one_page(tmp_path / "broken.ipynb", "cpu")
    assert page["error"].endswith("ZeroDivisionError: division by zero\n")
    assert "\x1b" not in page["error"] and page["seconds"] > 0


def test_nbval_and_pytest_by_the_words_of_make_test(gpu):
    *_, cells = gpu.nbval(ASKED)
    assert cells["passed"] >= 5 and cells["failed"] == []
    *_, found = gpu.tests(ASKED)
    assert found["unit tests"]["passed"] >= 5 and found["unit tests"]["failed"] == []


def test_tests_that_fail_are_named(gpu, tmp_path):
    Path(tmp_path, "test_three.py").write_text(
        "import pytest\ndef test_a(): pass\ndef test_b(): assert 0\n"
        "@pytest.mark.skip\ndef test_c(): pass\n")
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    found = gpu.counted([*words, str(tmp_path)], {})
    assert (found["passed"], found["skipped"]) == (1, 1)
    assert [name.split()[-1] for name in found["failed"]] == ["test_b"]
    assert "exit code" in gpu.counted([*words, str(tmp_path / "none")], {})["failed"][0]


def record(**changes):
    """What a run on a card leaves if all is as it should be, with these changes."""
    good = {"accuracy": 0.907, "seconds": 2.0, "training seconds": 1.8, "seeds": 5, "run": "a"}
    passed = {"passed": 3, "skipped": 1, "failed": []}
    pages = {"pages": {"01_a": {}}, "complete": True, "errors": [], "seconds": 300,
             "seconds of chapters": 200}
    whole = {"opponent": good, "final": good, "chapters": pages, "nbval": passed,
             "fit": {"run": "a", "batches of 250": {"ratio": 1.04},
                     "batches of 1000": {"ratio": 1.02}},
             "lenet": {"ratio": 21, "ours": {"accuracy": 0.56}, "classic": {"accuracy": 0.55}},
             "tests": {"run": "a", "unit tests": passed, "slow tests": passed}}
    return {name: part | changes.get(name, {}) for name, part in whole.items()}


def test_all_is_met_and_nothing_is_known(gpu):
    lines = gpu.verdicts(record())
    assert len(lines) == 8 and all(one["met"] for one in lines)
    assert [one["met"] for one in gpu.verdicts({})] == [None] * 8
    assert "fit: at most 1.05 of the bare loop: not measured: open" in gpu.shown(gpu.verdicts({}))


@pytest.mark.parametrize("part, change, number, met", [
    ("final", {"accuracy": 0.9039}, 0, False), ("final", {"accuracy": 0.9041}, 0, True),
    ("final", {"seconds": 8.1}, 1, False), ("final", {"run": "b"}, 0, None),
    ("final", {"run": "b"}, 1, None), ("fit", {"batches of 1000": {"ratio": 1.06}}, 2, False),
    ("lenet", {"ratio": 18}, 3, False), ("lenet", {"ours": {"accuracy": 0.54}}, 3, False),
    ("chapters", {"errors": ["09_a"]}, 4, False), ("chapters", {"complete": False}, 4, None),
    ("chapters", {"seconds": 361}, 5, False), ("chapters", {"complete": False}, 5, None),
    ("nbval", {"failed": ["a cell"]}, 6, False), ("nbval", {"passed": 0}, 6, False),
    ("tests", {"slow tests": {"passed": 1, "skipped": 0, "failed": ["x"]}}, 7, False)])
def test_each_line_of_what_must_show(gpu, part, change, number, met):
    lines = gpu.verdicts(record(**{part: change}))
    assert lines[number]["met"] is met
    assert {False: "not met", True: "met", None: "open"}[met] in gpu.shown(lines[number:number + 1])


def test_the_command_writes_each_part_and_says_what_is_met(tmp_path):
    path = tmp_path / "gpu.json"
    path.write_text('{"lenet": {"ratio": 3, "ours": {"accuracy": 1}, "classic": {"accuracy": 1}}}')
    done = command("--tiny", "--device", "cpu", "--parts", "fit", "--output", str(path))
    assert done.returncode == 0, done.stderr
    found = json.loads(path.read_text())
    assert found["fit"]["source"] == STAND_IN and found["fit"]["torch"] and found["fit"]["run"]
    assert "1 / 3.0: not met" in done.stdout and len(found["must show"]) == 8
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_one_sentence_and_no_file():
    path = ROOT / "helpers" / "measured" / "gpu.json"
    before = path.read_bytes() if path.exists() else None
    done = command()
    assert done.returncode == 0 and done.stdout.startswith("This benchmark needs a GPU")
    assert len(done.stdout.splitlines()) == 1
    assert (path.read_bytes() if path.exists() else None) == before


def test_a_card_is_named(gpu, monkeypatch):
    card = Namespace(name="NVIDIA H200", total_memory=150e9)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: card)
    assert gpu.measured_on("cuda")["card"] == "NVIDIA H200"
    assert "card" not in gpu.measured_on("cpu")


def test_parts_follow_the_data_to_a_card(gpu, monkeypatch, tmp_path):
    """The card is pretended, so that no tensor is left on the CPU unseen."""
    monkeypatch.delenv("CI", raising=False)
    asked = Namespace(**vars(ASKED) | {"device": "cuda", "seeds": 1})
    with pretended.card():
        data = gpu.photographs(asked)
        gpu.as_airbench(data, tmp_path / "cifar10")
        gpu.final_run(data, 1, "cuda")
        *_, costs = gpu.fit_cost(asked)
        classic = gpu.lenet.classic(data, 0, workers=0)
        ours = gpu.lenet.ours(data, 0)
        assert gpu.CardMemory("cuda")._used() == 1 and gpu.measured_on("cuda")["card"]
    assert len(costs) == 2 and classic["images"] == 3_000 and ours["images"] == 4_800
