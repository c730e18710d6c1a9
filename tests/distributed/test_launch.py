"""`launch` and the workers of chapter 10: right numbers, and nothing left behind whatever goes
wrong.
"""

import gc
import importlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from helpers import LaunchError, Shard, keep_warm, launch, workers
from helpers.data.images import Batches
from helpers.distributed import warm
from helpers.distributed.__main__ import parsed
from tests.distributed import odd_workers

ROOT = Path(__file__).parent.parent.parent
both_ways = pytest.mark.parametrize("nothing_is_left", ["cold", "warm"], indirect=True)
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals as on Linux and macOS")


def is_python(process: psutil.Process) -> bool:
    """Whether a process is one of Python's, as all that `launch` starts are."""
    try:
        return "python" in process.name().lower()
    except psutil.NoSuchProcess:  # it ended meanwhile
        return False


def left_over() -> tuple[set, set, set]:
    """Return this process's children but for one that waits, the ports listened at, and the folders
    of launches.

    Only children that run Python: the browser of other tests may live in this process, too, and
    splits when it likes.
    """
    family = [p for p in psutil.Process().children(recursive=True) if is_python(p)]
    ports = {(c.laddr.ip, c.laddr.port) for p in [psutil.Process(), *family]
             for c in p.net_connections(kind="tcp") if c.status == psutil.CONN_LISTEN}
    waiting = {warm._kept["process"].pid} if warm._kept else set()
    return {p.pid for p in family} - waiting, ports, set(
        Path(tempfile.gettempdir()).glob("launch-*"))


@pytest.fixture(scope="module", autouse=True)
def nobody_waits_afterwards():
    yield
    keep_warm(False)


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path, monkeypatch, request):
    """Every test runs in an empty working folder and must leave no process, port, file or folder
    behind.

    Launches are warm, to save minutes; tests marked `both_ways` are run cold too, as a learner's
    first launch is.
    """
    keep_warm(getattr(request, "param", "warm") == "warm")
    if warm._wanted and not warm._kept:
        launch(workers.hello, processes=2)  # which starts the process that waits
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    (tmp_path / "there").mkdir()
    # where no other program makes folders
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "there"))
    before = left_over()
    yield
    assert left_over() == before
    assert list(here.iterdir()) == []


def orphans(marker: str) -> list[psutil.Process]:
    """Return the processes of launches whose command line holds `marker`."""
    return [p for p in psutil.process_iter(["cmdline"])
            if any(marker in word for word in p.info["cmdline"] or [])]


@both_ways
def test_every_rank_answers_and_the_output_is_in_order(capfd):
    assert launch(workers.hello, processes=3) == [
        {"mine": [10.0 * (r + 1)], "all_reduce": [60.0], "broadcast": [10.0],
         "all_gather": [10.0, 20.0, 30.0]}
        for r in range(3)]
    lines = capfd.readouterr().out.splitlines()
    assert [line[:23] for line in lines] == [f"[rank {r}] I am rank {r} of" for r in range(3)]


@both_ways
def test_output_is_labelled_line_by_line(capfd):
    assert launch(odd_workers.shouts, processes=2, lines=500) == [0, 1]
    out, err = capfd.readouterr()
    wanted = [f"[rank {r}] {text}" for r in range(2)
              for text in (*(f"line {i} of {r}" for i in range(500)), "no newline at the end")]
    assert out.splitlines() == wanted
    assert err.splitlines() == ["[rank 0] a warning", "[rank 1] a warning"]


def test_the_ranks_share_the_threads(capfd):
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        launch(workers.hello, processes=2)
    finally:
        torch.set_num_threads(before)
    assert capfd.readouterr().out.count("2 thread(s)") == 2


@pytest.mark.parametrize("processes, length", [(2, 10), (2, 1), (3, 11), (4, 2)])
def test_the_ring_gives_the_sum(processes, length):
    found = launch(workers.compare_sums, processes=processes, length=length)
    total = torch.stack([one["own"] for one in found]).sum(0)
    for one in found:
        torch.testing.assert_close(one["ring"], total, rtol=0, atol=1e-12)
        torch.testing.assert_close(one["all_reduce"], total, rtol=0, atol=1e-12)
    for one in found[1:]:  # and bit for bit the same on every rank
        assert torch.equal(one["ring"], found[0]["ring"])


def single_process(images, labels, dtype):
    """Train the same network on the whole batches, here."""
    model = workers.small_net(dtype)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for x, y in zip(images, labels, strict=True):
        loss = F.cross_entropy(model(x.to(dtype)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.state_dict()


def test_two_processes_train_like_one():
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(20, 32, 3, 32, 32, generator=generator)
    labels = torch.randint(0, 10, (20, 32), generator=generator)
    dtypes, bounds = [torch.float64, torch.float32], [1e-10, 1e-3]
    found = launch(workers.train_steps, processes=2, images=images, labels=labels, dtypes=dtypes)
    for number, (dtype, bound) in enumerate(zip(dtypes, bounds, strict=True)):
        alone, start = single_process(images, labels, dtype), workers.small_net(dtype).state_dict()
        for name in start:
            assert not torch.allclose(alone[name], start[name], atol=1e-4), "it did not train"
            torch.testing.assert_close(found[0][number][name], alone[name], rtol=0, atol=bound)
            assert torch.equal(found[0][number][name], found[1][number][name])


def test_synchronised_batch_norm_is_batch_norm_of_the_whole_batch():
    images = torch.randn(12, 3, 4, 4, dtype=torch.float64,
                         generator=torch.Generator().manual_seed(2)) * 3 + 1
    goal = torch.randn(12, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    x, norm = images.clone().requires_grad_(), nn.BatchNorm2d(3).double()
    out = norm(x)
    F.mse_loss(out, goal).backward()
    found = launch(workers.normalize_together, processes=2, images=images, goal=goal)
    for rank, one in enumerate(found):
        torch.testing.assert_close(one["together"]["out"], out.detach()[rank::2], rtol=0,
                                   atol=1e-10)
        torch.testing.assert_close(one["together"]["grad"], x.grad[rank::2], rtol=0, atol=1e-10)
        torch.testing.assert_close(one["together"]["mean"], norm.running_mean, rtol=0, atol=1e-10)
        torch.testing.assert_close(one["together"]["var"], norm.running_var, rtol=0, atol=1e-10)
        assert not torch.allclose(one["apart"]["out"], out.detach()[rank::2], atol=1e-2)


def test_no_sync_sends_once_a_step_and_small_buckets_send_more():
    (one, _) = launch(workers.count_messages, processes=2, steps=3, accumulate=4)
    assert one["synced every time"]["messages"] == 12 * len(one["buckets"])
    assert one["no_sync"]["messages"] == 3 * len(one["buckets"])


# --- what goes wrong ---

@both_ways
@pytest.mark.parametrize("how, words", [
    ("raise",
     r"Rank 1 of 2 failed: ZeroDivisionError: division by zero, on purpose\n(.|\n)*in fail"),
    ("exit", r"Rank 1 of 2 ended with exit code 3"),
    pytest.param("kill", r"Rank 1 of 2 was killed by signal 9 \(SIGKILL\)", marks=posix)])
def test_a_rank_that_fails_is_named(how, words):
    started = time.time()
    with pytest.raises(LaunchError, match=words) as failed:
        launch(workers.fail, processes=2, rank=1, how=how, timeout=120)
    assert failed.value.rank == 1
    # the promise is 15 s on a computer that is not busy; the ranks wait for ever
    assert time.time() - started < 60


@both_ways
def test_a_rank_that_does_not_come_is_named():
    with pytest.raises(LaunchError,
                       match=r"After 8 seconds .*Rank 0 was waiting .*called from workers.py, line \d+, "
                                          r"in fail.*Rank 1 was busy in workers.py.*without rank 1") as failed:
        launch(workers.fail, processes=2, rank=1, how="forget", timeout=8)
    assert failed.value.rank == 1


def test_ranks_that_wait_for_each_other_are_not_blamed():
    with pytest.raises(LaunchError, match="Each waits for another") as failed:
        launch(odd_workers.out_of_step, processes=2, timeout=8)
    assert failed.value.rank is None


@both_ways
@posix
def test_a_rank_that_does_not_listen_is_ended_all_the_same():
    started = time.time()
    with pytest.raises(LaunchError, match="Rank 0 of 2 failed: LookupError: 'found nothing'|found "
                                          "nothing"):
        launch(odd_workers.deaf, processes=2, rank=0, timeout=300)
    assert time.time() - started < 60


@both_ways
def test_children_of_a_rank_end_with_it():
    with pytest.raises(LaunchError, match="with a child"):
        launch(odd_workers.starts_children, processes=2)


def test_leaving_by_sys_exit_is_told():
    with pytest.raises(LaunchError, match="SystemExit: 5"):
        launch(odd_workers.leaves, processes=2, code=5)


def test_a_result_that_cannot_travel_is_told():
    with pytest.raises(LaunchError, match="returns_a_function"):
        launch(odd_workers.returns_a_function, processes=1)


@pytest.mark.parametrize("call, words", [
    (lambda: launch(lambda: 1), "Put it into a file"),
    (lambda: launch("hello"), "is not a function"),
    (lambda: launch(workers.hello, processes=0), "whole number from 1"),
    (lambda: launch(workers.hello, processes=True), "whole number from 1"),
    (lambda: launch(workers.compare_sums, length=lambda: 1), "cannot be sent"),
    (lambda: launch(workers.compare_sums, size=1), "length")])
def test_bad_calls_are_told_before_anything_starts(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def waiting_launch(tmp_path) -> tuple[subprocess.Popen, str]:
    """Start a Python that launches two ranks which wait without end; return it once they do."""
    marker = tmp_path / "there"
    code = ("from helpers import launch\nfrom tests.distributed import odd_workers\n"
            f"launch(odd_workers.wait_for, processes=2, path={str(marker)!r})")
    (tmp_path / "temporary").mkdir()
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT,
                               text=True, env={**os.environ, "PYTHONPATH": str(ROOT),
                                               "TMPDIR": str(tmp_path / "temporary")})
    deadline = time.time() + 60
    while not all(Path(f"{marker}.{r}").exists() for r in range(2)):
        assert process.poll() is None and time.time() < deadline, process.communicate()[0]
        time.sleep(0.1)
    assert orphans(str(tmp_path / "temporary"))
    return process, str(tmp_path / "temporary")


@posix
def test_ctrl_c_ends_the_ranks(tmp_path):
    process, marker = waiting_launch(tmp_path)
    process.send_signal(signal.SIGINT)
    out = process.communicate(timeout=30)[0]
    assert "Interrupted: the 2 processes are ended." in out and "KeyboardInterrupt" in out
    assert not orphans(marker) and not list(Path(marker).iterdir())


@posix
def test_ranks_do_not_outlive_a_killed_notebook(tmp_path):
    process, marker = waiting_launch(tmp_path)
    process.kill()
    process.communicate()
    deadline = time.time() + 30
    while orphans(marker):
        assert time.time() < deadline, orphans(marker)
        time.sleep(0.2)


def check_repeated(times: int):
    launch(workers.hello, processes=2)
    gc.collect()
    own = psutil.Process()
    before = own.num_fds(), own.num_threads(), left_over()
    for _ in range(times):
        launch(workers.hello, processes=2)
    gc.collect()
    assert (own.num_fds(), own.num_threads(), left_over()) == before


@both_ways
@posix
def test_launches_in_a_row_leak_nothing():
    check_repeated(2)


@both_ways
@posix
@pytest.mark.long
def test_twenty_launches_in_a_row_leak_nothing():
    check_repeated(20)


# --- the process that waits ---

linux = pytest.mark.skipif(not warm.can_fork(), reason="launches are warm on Linux without a GPU "
                                                       "only")


@linux
def test_a_warm_launch_imports_the_worker_anew(tmp_path, monkeypatch):
    """What is edited between two launches counts, and the working folder is that of the moment."""
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "edited_worker.py"
    for number in (1, 2):
        path.write_text(f"import os\n\ndef work():\n    return {number}, os.getcwd(), "
                        "os.environ['SAID']\n")
        # a file that is rewritten within a second would be read from the cache
        os.utime(path, (number, number))
        importlib.invalidate_caches()
        module = importlib.reload(importlib.import_module("edited_worker"))
        monkeypatch.setenv("SAID", str(number))
        (tmp_path / f"{number}").mkdir()
        monkeypatch.chdir(tmp_path / f"{number}")
        assert launch(module.work,
                      processes=1) == [(number, str(tmp_path / f"{number}"), str(number))]
    keep_warm(False)  # it was started with another path


@linux
def test_other_settings_start_another_process_that_waits(monkeypatch):
    before = warm._kept["process"].pid
    monkeypatch.setenv("TORCH_SHOW_CPP_STACKTRACES", "1")
    launch(workers.hello, processes=1)
    assert warm._kept["process"].pid != before and not psutil.pid_exists(before)
    keep_warm(False)
    assert not warm._kept
    keep_warm()
    monkeypatch.delenv("TORCH_SHOW_CPP_STACKTRACES")
    launch(workers.hello, processes=1)
    keep_warm(False)


@linux
def test_without_the_process_that_waits_a_launch_is_cold(capfd):
    warm._kept["process"].kill()
    warm._kept["process"].wait()
    assert len(launch(workers.hello, processes=2)) == 2


@linux
def test_the_process_that_waits_ends_with_its_notebook(tmp_path):
    code = ("from helpers import keep_warm, launch, warm, "
            "workers\nkeep_warm()\nlaunch(workers.hello, processes=1)\nprint('pid', "
            "warm._kept['process'].pid, flush=True)\nimport time\ntime.sleep(600)")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}) as notebook:
        pid = int(next(line for line in notebook.stdout if line.startswith("pid")).split()[1])
        assert psutil.pid_exists(pid)
        notebook.kill()
    deadline = time.time() + 30
    while psutil.pid_exists(pid):
        assert time.time() < deadline
        time.sleep(0.1)


# --- the same workers by torchrun, on one host and on two ---

def torchrun(*arguments, prefix=(), **env) -> subprocess.Popen:
    command = [*prefix, sys.executable, "-m", "torch.distributed.run", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1",
                                 **env})


def test_the_command_of_the_chapter_runs():
    process = torchrun("--standalone", "--local-addr", "127.0.0.1", "--nproc-per-node", "2", "-m",
                       "helpers.distributed",
                       "helpers.distributed.workers:hello",
                       GLOO_SOCKET_IFNAME="lo" if sys.platform == "linux" else "lo0")
    out = process.communicate(timeout=120)[0]
    assert process.returncode == 0, out
    assert "'all_reduce': [30.0]" in out


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
                     "--master-addr", "10.99.0.1",
                     "--master-port", "29400", "-m", "helpers.distributed",
                     "helpers.distributed.workers:hello",
                     prefix=prefix, GLOO_SOCKET_IFNAME="cable")
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


# --- the data ---

def shards(batches: Batches, world: int, monkeypatch, epochs: int = 1) -> list:
    """Return the labels that each of `world` ranks sees, by epoch and batch."""
    seen = []
    for rank in range(world):
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        monkeypatch.setattr(torch.distributed, "get_world_size", lambda: world)
        shard = Shard(batches, seed=3)
        seen.append([[labels for _, labels in shard] for _ in range(epochs)])
    return seen


def test_shards_are_the_batches_of_one_process(standin, monkeypatch):
    batches = standin.train.take(60).batches(8, num_samples=44)
    seen = shards(batches, 2, monkeypatch, epochs=2)
    for epoch in range(2):
        order = batches.order(torch.Generator().manual_seed(3 + epoch))
        assert len(order) == len(seen[0][epoch]) == len(seen[1][epoch]) == 6
        for picked, *parts in zip(order, *(one[epoch] for one in seen), strict=True):
            together = torch.stack(parts, 1).flatten()
            assert torch.equal(together, batches.data.labels[picked])
    assert not torch.equal(torch.cat(seen[0][0]),
                           torch.cat(seen[0][1])), "each epoch has a new order"


@pytest.mark.parametrize("world", [2, 3, 5])
def test_every_rank_gets_as_many_images(standin, monkeypatch, world):
    seen = shards(standin.train.take(9).batches(4), world, monkeypatch)  # 4, 4 and 1 image
    assert {tuple(len(part) for part in one[0])
            for one in seen} == {tuple(-(-n // world) for n in (4, 4, 1))}
