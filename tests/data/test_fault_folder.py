"""Folders that are closed, full, another's, in the way, or named wrongly."""

import contextlib
import errno
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from unittest.mock import Mock

import pytest
from filelock import FileLock
from misbehaving import well

from helpers.data import BadData, cifar10, find_files, official, place, shared
from helpers.data.download import NoDownload, download
from helpers.data.official import FOLDER, MD5
from helpers.data.shared import ARCHIVE, LOCK, PARTIAL, STUCK

NOBODY = 65534
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.fixture
def shared_folder():
    """A folder that every user may come to (pytest's own are closed to others)."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="course-faults-"))
    folder.chmod(0o755)
    yield folder
    for path in (folder, *folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(folder)


@contextlib.contextmanager
def plain_user(number=NOBODY):
    """Root may do everything, so it becomes another user for a while; others are plain already."""
    "host".encode("idna")  # imports a module, perhaps from root's home
    if ROOT:
        os.setresuid(number, number, 0)
    try:
        yield
    finally:
        if ROOT:
            os.setresuid(0, 0, 0)


def closed(path):
    path.mkdir(mode=0)
    return path


def link(path, to):
    path.symlink_to(to)
    return path


def file(path, mode=0o644):
    path.write_text("x")
    path.chmod(mode)
    return path


def names(folder):
    return {path.name for path in folder.iterdir()}


def folder_of_mode(path, mode):
    path.mkdir()
    path.chmod(mode)
    return path


OWN = "Name a folder of your own in COURSE_DATA"
NAMED = {  # what COURSE_DATA names, made in a folder; what the learner is told
    "E9-U02 in a closed home": (lambda f: closed(f / "home") / "cifar",
                                f"cannot be opened: Permission denied. {OWN}"),
    "E9-U02b closed": (lambda f: closed(f / "x"), f"Permission denied. {OWN}"),
    "U02c to pass through only": (lambda f: folder_of_mode(f / "x", 0o711 if ROOT else 0o111),
                                  f"Permission denied. {OWN}"),
    "U03b to read only": (lambda f: folder_of_mode(f / "x", 0o555),
                          f"cannot be written to: Permission denied. {OWN}"),
    "below a folder to read only": (lambda f: folder_of_mode(f / "x", 0o555) / "new",
                                    f"cannot be written to: Permission denied. {OWN}"),
    "E10-P06 a name too long": (lambda f: f / ("x" * 300), f"File name too long. {OWN}"),
    "E10-P07 of nobody": (lambda f: "~nosuchuser/x", f"no home folder for ~nosuchuser/x. {OWN}"),
    "E30-P04 a dead link": (lambda f: link(f / "x", f / "gone"), "x is a link that leads nowhere"),
    "E30-P05 a link to itself": (lambda f: link(f / "x", f / "x"), "x is a link that leads"),
    "below a dead link": (lambda f: link(f / "x", f / "gone") / "y", "x is a link that leads"),
    "P13 a file": (lambda f: file(f / "x"), "x is a file, not a folder. Name the folder that"),
    "below a file": (lambda f: file(f / "x") / "y" / "z", "x is a file, not a folder"),
    "E30-P13b a device": (lambda f: os.devnull, f"{os.devnull} is not a folder. Name the"),
}


@pytest.mark.parametrize("name", NAMED)
def test_fault_of_the_named_folder(serve, body, shared_folder, monkeypatch, name):
    make, words = NAMED[name]
    monkeypatch.setenv("COURSE_DATA", str(make(shared_folder)))
    monkeypatch.setenv("COURSE_OFFLINE", "0")
    monkeypatch.setattr(download, "__defaults__", ((serve(body, well).url,),))
    with plain_user(), pytest.raises(BadData) as told:
        cifar10._files_or_reason()
    assert words in str(told.value) and "\n" not in str(told.value)
    assert find_files() is None


@pytest.mark.parametrize("name", NAMED)
def test_fault_e11_of_the_cache_leads_to_the_stand_in(shared_folder, monkeypatch, name):
    """Nobody named that folder, so nobody is to blame: the drawn images are announced."""
    make, words = NAMED[name]
    cache = pathlib.Path(make(shared_folder))
    monkeypatch.setattr(place, "user_cache_path", lambda _: cache.expanduser())
    monkeypatch.delenv("COURSE_DATA")
    monkeypatch.setenv("COURSE_OFFLINE", "0")
    with plain_user():
        found, reason = cifar10._files_or_reason()
    assert found is None and words.split(" for ")[0] in reason
    assert f"Why: {reason.rstrip('.')}.\n" in cifar10.announcement(reason)


@pytest.mark.skipif(not ROOT, reason="only root can become a user without an entry in passwd")
@pytest.mark.parametrize("named", ["", "~/cifar", "~"])
def test_fault_e10_a_user_without_a_home(monkeypatch, tmp_path, named):
    """U08, U08b: as `docker run --user 12345` starts one."""
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COURSE_DATA", named)
    monkeypatch.setenv("COURSE_OFFLINE", "0")
    with plain_user(12345):
        if named:
            with pytest.raises(BadData, match=f"no home folder for {named}. {OWN}"):
                cifar10._files_or_reason()
        else:
            assert cifar10._files_or_reason() == (None, f"There is no home folder for this user. "
                                                        f"{OWN}.")
    assert not list(tmp_path.iterdir()), "least of all a folder named ~"


LEFT = {  # what lies in the folder already, and what hinders it: nothing
    "E19-U05 another's half": lambda f: (file(f / PARTIAL, 0o444), None)[1],
    "U06 another's lock": lambda f: (file(f / LOCK, 0o444), None)[1],
    "D11e an empty goal": lambda f: folder_of_mode(f / FOLDER, 0o777),
}


@pytest.mark.parametrize("name", LEFT)
def test_fault_in_a_shared_folder_does_not_hinder(serve, body, shared_folder, name):
    folder = folder_of_mode(shared_folder / "x", 0o777)
    LEFT[name](folder)
    with plain_user():
        assert len(list(download(folder, (serve(body, well).url,)).iterdir())) == 7
    assert not list(folder.glob(".unpacking-*"))


IN_THE_WAY = {
    "E19-D11f foreign files": (lambda g: (g.mkdir(), file(g / "readme.html")), "holds other files"
                                                                      r" \(readme.html\)"),
    "E19-D11g a file": (file, "is a file"),
    "E19-D11h a dead link": (lambda g: link(g, "/nonexistent/zz"), "is a link to a place without"),
    "a link to an empty folder": (lambda g: link(g, folder_of_mode(g.parent / "e", 0o755)),
                                  "is a link to a place without"),
}


@pytest.mark.parametrize("name", IN_THE_WAY)
def test_fault_something_in_the_way_is_told_before_170_mb(serve, body, tmp_path, name):
    make, words = IN_THE_WAY[name]
    make(tmp_path / FOLDER)
    mirror = serve(body, well)
    with pytest.raises(BadData, match=f"{FOLDER}, where CIFAR-10 goes, {words}.* Move it away"):
        download(tmp_path, (mirror.url,))
    assert not mirror.requests and names(tmp_path) <= {FOLDER, LOCK, "e"}


@pytest.mark.skipif(not pathlib.Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_fault_d12_disk_full_while_fetching(serve, body, tmp_path):
    (tmp_path / PARTIAL).symlink_to("/dev/full")
    first, second = serve(body, well), serve(body, well)
    with pytest.raises(BadData, match="cannot be written to: No space left on device. Free some "
                                      "space .*400 MB") as told:
        download(tmp_path, (first.url, second.url))
    assert isinstance(told.value, place.NoPlace)
    assert first.requests and not second.requests, "another mirror would not help"


@pytest.mark.parametrize("where", ["helpers.data.download.unpack",
                                   "helpers.data.download.working_folder"])
@pytest.mark.parametrize("number, words", [
    (errno.ENOSPC, "Free some space"), (errno.EDQUOT, "Free some space"), (errno.EROFS, OWN),
    (errno.EIO, OWN), (errno.ENOTEMPTY, OWN)], ids=lambda n: errno.errorcode.get(n, ""))
def test_fault_of_the_disk(serve, body, tmp_path, monkeypatch, number, words, where):
    problem = OSError(number, os.strerror(number), str(tmp_path / "data_batch_1"))
    monkeypatch.setattr(where, Mock(side_effect=problem))
    with pytest.raises(BadData, match=f"data_batch_1 cannot be written to: {problem.strerror}. "
                                      f"{words}"):
        download(tmp_path, (serve(body, well).url,))
    assert not list(tmp_path.glob(".unpacking-*"))


def test_fault_e19_d11c_the_half_is_a_folder(serve, body, tmp_path):
    (tmp_path / PARTIAL).mkdir()
    with pytest.raises(BadData, match=f"{PARTIAL} cannot be written to: Is a directory. {OWN}"):
        download(tmp_path, (serve(body, well).url,))


@pytest.mark.filterwarnings("ignore:flock not supported")
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EIO],
                         ids=errno.errorcode.get)
def test_fault_e20_k02_a_file_system_without_locks(serve, body, tmp_path, monkeypatch, number):
    fcntl = pytest.importorskip("fcntl", reason="Windows has locks of another kind")
    monkeypatch.setattr(fcntl, "flock", Mock(side_effect=OSError(number, os.strerror(number))))
    # filelock before 4 takes some of these errors for another program that holds the lock
    monkeypatch.setattr(shared.alone_in.__wrapped__, "__defaults__", (0.2,))
    assert download(tmp_path, (serve(body, well).url,)).exists()
    assert not list(tmp_path.glob(".unpacking-*"))


def test_fault_e21_k01_who_waits_says_so(serve, body, tmp_path, capsys):
    """And takes what the other program has fetched."""
    def finish():
        time.sleep(1.2)
        (tmp_path / FOLDER).mkdir()
        (tmp_path / FOLDER / "data_batch_1").touch()
        other.release()

    other = FileLock(tmp_path / LOCK, thread_local=False)
    other.acquire()
    thread = threading.Thread(target=finish)
    thread.start()
    assert download(tmp_path, ()) == tmp_path / FOLDER
    thread.join()
    assert capsys.readouterr().out == (
        f"Waiting for another program that downloads into {tmp_path} …\n")


def test_fault_e21_a_program_that_holds_the_lock_and_is_stuck(serve, body, tmp_path, monkeypatch):
    """What it has begun is left to it."""
    monkeypatch.setattr(shared.alone_in.__wrapped__, "__defaults__", (0.2,))
    (tmp_path / PARTIAL).write_bytes(b"half")
    mirror = serve(body, well)
    with FileLock(tmp_path / LOCK):
        assert download(tmp_path, (mirror.url,)).exists()
    assert mirror.requests == [None] and (tmp_path / PARTIAL).read_bytes() == b"half"
    assert not list(tmp_path.glob(".unpacking-*")) and STUCK > 60


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def leftover(folder, pid, hours=0.0, host=None):
    """What a download that was killed has left: a working folder with a file."""
    name = shared.WORK.format(pid=pid) + os.urandom(4).hex()
    work = folder / (re.sub(r"-.*?-", f"-{host}-", name, count=1) if host else name)
    (work / FOLDER).mkdir(parents=True)
    (work / FOLDER / "data_batch_1").write_bytes(b"x")
    old = time.time() - 3600 * hours
    os.utime(work, (old, old))
    return work


@pytest.mark.parametrize("found", [True, False], ids=["images are there", "images are not there"])
def test_fault_e17_what_killed_downloads_left_is_swept(serve, body, tmp_path, monkeypatch, found):
    ours = os.getpid()
    gone = [leftover(tmp_path, ended_process()), leftover(tmp_path, ours, hours=9999),
            leftover(tmp_path, 1, hours=25, host="another")]
    stays = [leftover(tmp_path, ours), leftover(tmp_path, 1, host="another")]
    (tmp_path / PARTIAL).write_bytes(body[:1000])
    (tmp_path / ".unpacking-notes.txt").write_text("a file is none of ours")
    if found:
        (tmp_path / FOLDER).mkdir()
        (tmp_path / FOLDER / "data_batch_1").touch()
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setenv("COURSE_OFFLINE", "0")
    monkeypatch.setattr(download, "__defaults__", ((serve(body, well).url,),))
    assert cifar10._files_or_reason() == (tmp_path / FOLDER, "")
    assert not any(path.exists() for path in gone) and all(path.exists() for path in stays)
    assert not (tmp_path / PARTIAL).exists() and (tmp_path / ".unpacking-notes.txt").exists()


def test_fault_e17_nothing_is_swept_while_another_downloads(tmp_path):
    work = leftover(tmp_path, ended_process())  # its number may be one of another container
    (tmp_path / PARTIAL).touch()
    with FileLock(tmp_path / LOCK):
        shared.sweep(tmp_path)
        assert work.exists() and (tmp_path / PARTIAL).exists()
    shared.sweep(tmp_path)
    assert names(tmp_path) == {LOCK}


def test_fault_leftovers_that_cannot_be_deleted_do_not_hinder(shared_folder, monkeypatch):
    folder = folder_of_mode(shared_folder / "x", 0o755)
    leftover(folder, ended_process())
    (folder / FOLDER).mkdir()
    (folder / FOLDER / "data_batch_1").touch()
    folder.chmod(0o555)
    monkeypatch.setenv("COURSE_DATA", str(folder))
    with plain_user():
        assert cifar10._files_or_reason() == (folder / FOLDER, "")


@pytest.mark.parametrize("offline", ["0", "1"], ids=["online", "offline"])
def test_fault_e30_d11d_an_archive_put_there_by_hand_is_used(serve, body, tmp_path, monkeypatch,
                                                             offline):
    (tmp_path / ARCHIVE).write_bytes(body)
    mirror = serve(body, well)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setenv("COURSE_OFFLINE", offline)
    monkeypatch.setattr(download, "__defaults__", ((mirror.url,),))
    assert cifar10._files_or_reason() == (tmp_path / FOLDER, "")
    assert {path.name for path in (tmp_path / FOLDER).iterdir()} == set(MD5)
    assert not mirror.requests and (tmp_path / ARCHIVE).read_bytes() == body, "and stays there"


def test_fault_an_archive_put_there_by_hand_that_is_not_whole(serve, body, tmp_path, monkeypatch):
    (tmp_path / ARCHIVE).write_bytes(body[:9000])
    words = f"{ARCHIVE}: it has the wrong hash"
    with pytest.raises(NoDownload, match=words):
        download(tmp_path, ())
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))  # and COURSE_OFFLINE is set
    found, reason = cifar10._files_or_reason()
    assert found is None and reason.startswith("COURSE_OFFLINE is set.\n") and words in reason
    assert download(tmp_path, (serve(body, well).url,)).exists()
    assert (tmp_path / ARCHIVE).read_bytes() == body[:9000], "it is not ours to delete"


@pytest.mark.parametrize("said, meant", [
    ('"/a b/c"', "/a b/c"), ("'/a'", "/a"), ("  /a  ", "/a"), ('"', '"'), ("/a'b'", "/a'b'"),
    ("Stand-In", "stand-in"), ("STANDIN", "stand-in"), ("stand_in", "stand-in"),
    ("'stand-in'", "stand-in"), ("Stand in", "stand-in"), ("./stand-in", "./stand-in"),
    ("", ""), ("''", "")])
def test_fault_e30_p10_p12_course_data_means_what_was_meant(monkeypatch, said, meant):
    monkeypatch.setenv("COURSE_DATA", said)
    assert place.setting() == meant


@pytest.mark.parametrize("said", ["", "0", "false", "False", "no", "OFF", " 0 "])
def test_fault_e30_p15_online(monkeypatch, said):
    monkeypatch.setenv("COURSE_OFFLINE", said)
    assert not place.offline()


@pytest.mark.parametrize("said", ["1", "true", "yes", "on", "please"])
def test_fault_e30_p15_offline(monkeypatch, said):
    monkeypatch.setenv("COURSE_OFFLINE", said)
    assert place.offline()


@pytest.mark.parametrize("mode, words", [(0o000, "test_batch cannot be opened: Permission denied")])
def test_fault_u04_a_file_that_may_not_be_read(shared_folder, mode, words):
    folder = folder_of_mode(shared_folder / FOLDER, 0o755)
    for name in MD5:
        file(folder / name)
    (folder / "test_batch").chmod(mode)
    with plain_user(), pytest.raises(BadData, match=words):
        official.read(folder)
    folder.chmod(0o444)
    with plain_user(), pytest.raises(BadData, match="cannot be opened: Permission denied"):
        official.read(folder)
