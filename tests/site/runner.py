"""A repository on a server, and a runner that does what a workflow's file says.

The file itself is read, so that what is tested is what GitHub runs. The few actions that it uses
are done here as they are there; another one, or an expression that is not known, is an error.
"""

import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

WORKFLOW = ".github/workflows/publish.yml"
EXPRESSION = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")
# What a runner does not have: settings of this course, of this test's Python, of a checkout
NOT_THERE = ("COURSE_", "GITHUB_", "GIT_", "PYTHON", "PYTEST", "VIRTUAL_ENV", "MPL", "XDG_")


def git(folder, *words):
    """What git says in a folder."""
    return subprocess.run(["git", *map(str, words)], cwd=folder, check=True, capture_output=True,
                          text=True).stdout.strip()


def interpreter(version):
    """A Python of this version, whose `bin` need not be on PATH; or a skip."""
    for path in [sys._base_executable, shutil.which(f"python{version}") or "", *map(
            str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))]:
        done = path and subprocess.run(
            [path, "-c", "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"],
            capture_output=True, text=True, check=False).stdout.split()
        if done and done[0] == version:
            return done[1]
    pytest.skip(f"there is no Python {version} here, which the workflow asks for")


class Fork:
    """`owner/name` as a bare repository, and its runner, which keeps what it is told to cache.

    `settings` stand above the workflow's `env`; `instead` has commands that take the place of
    others, which must be there; `python` is what `actions/setup-python` gives.
    """

    def __init__(self, slug, start, home, settings, instead=(), python=None):
        self.slug, self.home, self.settings = slug, home, settings
        self.instead, self.python = dict(instead), python
        self.bare = home / f"{slug.replace('/', '-')}.git"
        git(home, "clone", "--quiet", "--bare", start, self.bare)
        name = slug.partition("/")[2]
        self.workspace = home / "work" / name / name
        self.kept = {}  # key → folder
        self.runs = 0

    def git(self, *words):
        return git(self.bare, *words)

    def branches(self):
        """The newest commit of each branch."""
        pairs = self.git("for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads")
        return dict(line.split() for line in pairs.split("\n"))

    def tree(self, branch):
        return self.git("rev-parse", f"{branch}^{{tree}}")

    def files(self, ref, folder):
        """A folder with the files of a branch."""
        folder.mkdir(parents=True)
        packed = subprocess.run(["git", "archive", ref], cwd=self.bare, check=True,
                                capture_output=True).stdout
        subprocess.run(["tar", "-x"], cwd=folder, input=packed, check=True)
        return folder

    def run(self, ref):
        """Run the workflow as a push of `ref` ("heads/main", "tags/term-2027a") does.

        Return its exit code and what it printed.
        """
        kind, _, name = ref.partition("/")
        workflow = yaml.safe_load(self.git("show", f"{ref}:{WORKFLOW}"))
        wanted = workflow.get("on", workflow.get(True))["push"]  # YAML's `on` is a truth value
        wanted = wanted["branches" if kind == "heads" else "tags"]
        assert any(fnmatch(name, pattern) for pattern in wanted), f"{ref} starts no run"
        (job,) = workflow["jobs"].values()
        self.runs += 1
        self.may_push = workflow["permissions"].get("contents") == "write"
        self.name, self.path, self.after = name, [], []
        environment = {
            "CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": self.slug,
            "GITHUB_SHA": self.git("rev-parse", f"{ref}^{{commit}}"), "GITHUB_REF_NAME": name,
            "GITHUB_REF": f"refs/{ref}", "GITHUB_REF_TYPE": "tag" if kind == "tags" else "branch",
            "GITHUB_SERVER_URL": "https://github.com", "GITHUB_RUN_ID": str(self.runs),
            "GITHUB_WORKSPACE": str(self.workspace), **self.filled(workflow.get("env", {})),
            **self.filled(job.get("env", {}))}
        printed = ""
        for step in job["steps"]:
            if "uses" in step:
                action = {"actions/checkout": self.checkout, "actions/setup-python": self.setup,
                          "actions/cache": self.cache}[step["uses"].partition("@")[0]]
                action(self.filled(step.get("with", {})))
                continue
            code, more = self.command(self.filled(step["run"]),
                                      environment | self.filled(step.get("env", {})))
            printed += more
            if code:
                return code, printed
        for last in reversed(self.after):
            last()
        shutil.rmtree(self.workspace)  # the next run has another machine, and this one its disk
        return 0, printed

    def filled(self, value):
        """`value`, with its expressions put in."""
        if isinstance(value, dict):
            return {name: self.filled(one) for name, one in value.items()}
        known = {"github.workspace": str(self.workspace), "github.run_id": str(self.runs)}
        return EXPRESSION.sub(lambda match: known[match[1]], str(value))

    def checkout(self, options):
        assert not options, options
        self.workspace.parent.mkdir(parents=True, exist_ok=True)
        git(self.home, "clone", "--quiet", "--depth=1", "--branch", self.name,
            self.bare.as_uri(), self.workspace)
        if not self.may_push:
            git(self.workspace, "remote", "set-url", "--push", "origin", "/nowhere")

    def setup(self, options):
        """Put a `python` first: not a link to one, which would look for its packages here."""
        folder = self.home / "python"
        folder.mkdir(exist_ok=True)
        python = self.python or interpreter(options["python-version"])
        (folder / "python").write_text(f'#!/bin/sh\nexec "{python}" "$@"\n')
        (folder / "python").chmod(0o755)
        self.path.append(str(folder))

    def cache(self, options):
        """Bring back what was kept under this key, or under the newest that begins as asked for."""
        key, paths = options["key"], options["path"].split()
        begins = [key, *options.get("restore-keys", "").split()]
        found = next((k for b in begins for k in reversed(self.kept) if k.startswith(b)), None)
        if found:
            shutil.copytree(self.kept[found], self.workspace, dirs_exist_ok=True, symlinks=True)

        def keep():
            self.kept[key] = self.home / "kept" / f"{self.slug}-{key}".replace("/", "-")
            for path in paths:
                if (self.workspace / path).exists():
                    shutil.copytree(self.workspace / path, self.kept[key] / path, symlinks=True)
            self.kept[key].mkdir(parents=True, exist_ok=True)
        if found != key:
            self.after.append(keep)

    def command(self, words, environment):
        """Run a step as GitHub does where no shell is named."""
        if self.instead:
            words = self.instead[words]
        script = self.home / "step.sh"
        script.write_text(words)
        (self.home / "home").mkdir(exist_ok=True)
        machine = {k: v for k, v in os.environ.items() if not k.startswith(NOT_THERE)}
        cache = os.environ.get("PIP_CACHE_DIR", Path.home() / ".cache" / "pip")
        done = subprocess.run(
            ["bash", "-e", script], cwd=self.workspace, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True,
            errors="replace", env={
                **machine, "HOME": str(self.home / "home"), "PIP_CACHE_DIR": str(cache),
                "PATH": os.pathsep.join([*self.path, machine["PATH"]]), **environment,
                **self.settings})
        return done.returncode, done.stdout
