"""Which repository this copy of the course belongs to: a fork has nothing to edit.

GitHub's workflows name it in the environment; a clone has it as the address of its `origin`. Where
neither does, there is none, and pages show no button that would lead elsewhere.
"""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEARN = "learn"  # the branch with the learner edition
_REMOTE = re.compile(r"^(?:https?://|git@|ssh://git@)(?:[^@/]+@)?([\w.-]+(?::\d+)?)[/:]"
                     r"([\w.-]+)/([\w.-]+?)(?:\.git)?/?$")


@dataclass(frozen=True)
class Repository:
    """A repository on GitHub, or on a server that has the same addresses."""

    server: str  # "https://github.com"
    owner: str
    name: str
    commit: str
    tag: str = ""  # of a term: its links stay

    @property
    def slug(self) -> str:
        """Return "owner/name"."""
        return f"{self.owner}/{self.name}"

    @property
    def address(self) -> str:
        """Return the address of its page."""
        return f"{self.server}/{self.slug}"

    @property
    def learn(self) -> str:
        """Return the branch whose notebooks learners open: a term has its own."""
        return f"{LEARN}-{self.tag}" if self.tag else LEARN

    @property
    def archive(self) -> str:
        """Return the address of what is installed where `helpers` is missing: this very commit."""
        return f"{self.address}/archive/{self.commit}.zip"

    @property
    def site(self) -> str:
        """Return the address of the published site: that of a term is a folder in it."""
        own = self.name.lower() == f"{self.owner.lower()}.github.io"
        top = os.environ.get("COURSE_SITE_URL") or (
            f"https://{self.owner.lower()}.github.io" + ("" if own else f"/{self.name}"))
        return top.rstrip("/") + (f"/{self.tag}" if self.tag else "")


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def repository() -> Repository | None:
    """Return the repository, or None where none is known."""
    commit = os.environ.get("GITHUB_SHA") or _git("rev-parse", "HEAD")
    tag = os.environ.get("GITHUB_REF_NAME", "") if (
        os.environ.get("GITHUB_REF_TYPE") == "tag") else ""
    if slug := os.environ.get("GITHUB_REPOSITORY"):
        owner, _, name = slug.partition("/")
        server = os.environ.get("GITHUB_SERVER_URL", "https://github.com").rstrip("/")
        return Repository(server, owner, name, commit, tag)
    remote = _REMOTE.match(_git("remote", "get-url", "origin"))
    if remote is None or "." not in remote[1] or not commit:
        return None
    return Repository(f"https://{remote[1]}", remote[2], remote[3], commit, tag)
