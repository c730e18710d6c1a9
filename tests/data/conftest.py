"""Downloads from servers on this machine."""

import contextlib
import hashlib
import importlib

import made
import misbehaving
import pytest

from helpers.data import fetch

download = importlib.import_module("helpers.data.download")  # the module, not its function


@pytest.fixture
def body(monkeypatch):
    """A small archive that passes for the real one."""
    return expect(made.archive(), monkeypatch)


def expect(content: bytes, monkeypatch) -> bytes:
    monkeypatch.setattr(download, "SHA256", hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(download, "SIZE", len(content))
    return content


@pytest.fixture
def serve():
    """Start servers: `serve(body, behave)`; they end with the test."""
    with contextlib.ExitStack() as servers:
        yield lambda *settings, **more: servers.enter_context(misbehaving.serve(*settings, **more))


@pytest.fixture
def hasty(monkeypatch):
    """Wait tenths of a second where a learner waits ten seconds."""
    for name, value in {"TIMEOUT": 0.15, "PATIENCE": 0.1, "LAST_RATE": 1e5}.items():
        monkeypatch.setattr(fetch, name, value)
