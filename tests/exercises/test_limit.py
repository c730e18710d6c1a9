"""A time limit that nothing gets around, and that leaves nothing half done."""

import sys
import threading
import time

import pytest

from helpers.exercises import limit
from helpers.exercises.limit import TimeUp, at_most

LOOPS = {
    "empty": "while True: pass",
    "catches all": "while True:\n    try: pass\n    except: pass",
    "in a function": """
def inner():
    x = 1
    return x
while True:
    try: inner()
    except BaseException: pass""",
    "asleep": "import time\nwhile True:\n    try: time.sleep(0.01)\n    except: pass",
    "finally": """
while True:
    try:
        try: x = 1
        finally: y = 2
    except: continue""",
    "with": """
import contextlib
while True:
    with contextlib.suppress(BaseException):
        x = 1""",
    "recursion that is caught": """
def down(n):
    try: return down(n + 1)
    except Exception: return down(0)
down(0)""",
}


@pytest.mark.parametrize("code", LOOPS.values(), ids=LOOPS)
def test_no_loop_outlasts_it(code):
    compiled = compile(code, "<learner>", "exec")
    with pytest.raises(TimeUp), at_most(0.3):
        exec(compiled, {})
    assert sys.gettrace() is None


def test_what_ends_in_time_is_not_disturbed():
    with at_most(0.2):
        pass
    time.sleep(0.4)


def test_in_another_thread_it_works_as_well():
    ended = []

    def work():
        with pytest.raises(TimeUp), at_most(0.2):
            exec("while True:\n    try: pass\n    except ValueError: pass", {})
        ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(20)
    assert ended


def test_an_import_is_not_cut_short(tmp_path, monkeypatch):
    (tmp_path / "slow_module.py").write_text("import time\ntime.sleep(0.6)\nwhole = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(TimeUp), at_most(0.2):
        exec("import slow_module\nwhile True: pass", {})
    assert sys.modules.pop("slow_module").whole


def test_an_import_that_does_not_end_is_ended_in_the_end(tmp_path, monkeypatch):
    (tmp_path / "endless_module.py").write_text("while True: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(limit, "IMPORTS", 0.3)
    with pytest.raises(TimeUp), at_most(0.2):
        exec("import endless_module", {})
