"""Publish: the site on the real data, and the notebooks that its buttons open.

    python tools/publish.py [--built]     push the branches; with --built, of what stands in _build

Pushes to `origin`, wherever that is, two branches that hold nothing but what was made:

learn      the learner edition of every page; a tag `term-2027a` writes `learn-term-2027a`
gh-pages   the site; a tag writes it into a folder of its own, which stays as it is

Where the real images cannot be had, this fails: nothing is built for it on the stand-in. What
`--built` finds is pushed as it is.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
SITE = "gh-pages"
TERM = re.compile(r"term-[\w.-]+")


def git(*words: str | Path, index: Path | None = None) -> str:
    """Run git in the course's folder, on another index if one is given, and return what it says."""
    identity = {"GIT_AUTHOR_NAME": "publish", "GIT_COMMITTER_NAME": "publish",
                "GIT_AUTHOR_EMAIL": "publish@localhost", "GIT_COMMITTER_EMAIL": "publish@localhost"}
    environment = os.environ | identity | ({"GIT_INDEX_FILE": str(index)} if index else {})
    done = subprocess.run(["git", *map(str, words)], cwd=ROOT, env=environment,
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"git {' '.join(map(str, words))} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def there(branch: str) -> str | None:
    """Fetch a branch of `origin` and return its newest commit, or None if there is no such one."""
    if not git("ls-remote", "origin", f"refs/heads/{branch}"):
        return None
    git("fetch", "--quiet", "--depth=1", "origin", f"refs/heads/{branch}")
    return git("rev-parse", "FETCH_HEAD")


def push(branch: str, tree: str, before: str | None, message: str) -> bool:
    """Put `tree` on a branch, as its only commit; return whether anything changed."""
    if before and git("rev-parse", f"{before}^{{tree}}") == tree:
        return False
    git("push", "--quiet", "--force", "origin",
        f"{git('commit-tree', tree, '-m', message)}:refs/heads/{branch}")
    return True


def tree_of(folder: Path) -> str:
    """Return the tree of a folder's files."""
    with tempfile.TemporaryDirectory() as scratch:
        index = Path(scratch, "index")
        git(f"--work-tree={folder}", "add", "--all", "--force", ".", index=index)
        return git("write-tree", index=index)


def site_tree(html: Path, term: str, before: str | None) -> str:
    """Return the tree of the branch: the built site, and what `before` has of other versions.

    The newest site is at the top, each term in a folder of its name.
    """
    top = git("ls-tree", "--name-only", before).splitlines() if before else []
    terms = {name for name in top if TERM.fullmatch(name)}
    with tempfile.TemporaryDirectory() as scratch:
        index, extra = Path(scratch, "index"), Path(scratch, "extra")
        extra.mkdir()
        (extra / ".nojekyll").touch()  # or folders that begin with _ are left out
        (extra / "versions.json").write_text(
            json.dumps(["latest", *sorted(terms | {term} - {""})]) + "\n", encoding="utf-8")
        if before:
            git("read-tree", before, index=index)
            gone = {term} & terms if term else {*top} - terms
            if gone:
                git("rm", "--quiet", "-r", "--cached", *sorted(gone), index=index)
        git("read-tree", f"--prefix={f'{term}/' if term else ''}", tree_of(html), index=index)
        git(f"--work-tree={extra}", "add", "--force", "versions.json", ".nojekyll", index=index)
        return git("write-tree", index=index)


def build() -> None:
    """Build the site on the real data, or fail."""
    from helpers.data import find_files
    from tools import browser
    from tools.book import surroundings
    python, environment = sys.executable, surroundings()
    steps = [["-m", "helpers.data", "fetch"], ["-m", "helpers.data", "verify"], ["tools/book.py"]]
    if browser.path():
        environment["COURSE_PDF"] = "yes"  # the start page leads to it
        steps.append(["tools/pdf.py"])
    else:
        print("There is no Chromium or Chrome here: the site will have no PDF.")
    for words in steps:
        failed = subprocess.run([python, *words], cwd=ROOT, env=environment, check=False).returncode
        if failed or find_files() is None:  # COURSE_DATA=stand-in, for one
            raise SystemExit("Nothing is published: the site would not be that of the real data.")


def main() -> None:
    """Build, then push what has changed."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--built", action="store_true", help="the site in _build is to be used")
    asked = parser.parse_args()
    os.environ["COURSE_PROGRESS"] = "off"
    from tools.repository import repository
    source = repository()
    if source is None:
        raise SystemExit("This clone has no `origin` to publish to.")
    if not asked.built:
        build()
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([sys.executable, "tools/learn.py", folder], cwd=ROOT, check=False)
        if done.returncode:
            raise SystemExit(done.returncode)
        changed = push(source.learn, tree_of(Path(folder)), there(source.learn),
                       f"Notebooks of {source.commit[:12]}")
    print(f"{source.learn}: {'pushed' if changed else 'as it was'}")
    before = there(SITE)
    changed = push(SITE, site_tree(ROOT / "_build" / "html", source.tag, before), before,
                   f"Site of {source.commit[:12]}")
    print(f"{SITE}: {'pushed' if changed else 'as it was'}")


if __name__ == "__main__":
    main()
