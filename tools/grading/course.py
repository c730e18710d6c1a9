"""A course's folder: what is where, and nbgrader in it."""

import os
import re
import shutil
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = ROOT / "courses"
SETTINGS = '''"""nbgrader's settings for this course. Change them: they are never overwritten."""

from pathlib import Path

from tools.grading.settings import configure  # tools is a folder of the course's repository

c = get_config()  # noqa: F821
configure(c, Path(__file__).parent)
c.CourseDirectory.course_id = "from-tensors-to-resnets"

# c.RunApart.seconds_per_cell = 20        # for a cell of a submission
# c.RunApart.seconds_per_submission = 60  # for all of them, without checks and graded cells
# c.RunApart.memory = 4                   # gigabytes, for its Python
'''


class Refusal(Exception):
    """Why something was not done, in a sentence for whoever asked for it."""


@dataclass(frozen=True)
class Course:
    """A course's folder.

        source/NAME      the notebook with its solutions, yours to edit
        release/NAME     what students get
        downloaded/NAME  what came back, in any form: never changed
        submitted/ID/NAME, grafted/ID/NAME   collected; and its answers in a fresh release
        autograded/ID/NAME, feedback/ID/NAME, review/NAME/ID.json, grades/NAME.csv
    """

    root: Path

    def notebook(self, stage: str, name: str, student: str = "") -> Path:
        """Return the assignment's notebook in `source`, `release`, or of a student."""
        return self.root / stage / student / name / f"{name}.ipynb"

    def students(self, stage: str, name: str) -> list[str]:
        """Return who has the assignment's notebook at a stage."""
        return sorted(p.parent.parent.name
                      for p in self.root.glob(f"{stage}/*/{name}/{name}.ipynb"))

    def prepare(self) -> None:
        """Make the folder and its settings, where they are not there."""
        if ROOT.is_relative_to(self.root):  # submissions see nothing that is in it
            raise Refusal(f"{self.root} holds this repository: give the course a folder of its "
                          "own.")
        self.root.mkdir(parents=True, exist_ok=True)
        config = self.root / "nbgrader_config.py"
        if not config.exists():
            config.write_text(SETTINGS, encoding="utf-8")


def read_notebook(path: Path):
    """Return a notebook of this or an older form; raise Refusal, which says what it is not."""
    try:
        if path.stat().st_size > 50_000_000:
            raise Refusal(f"{path.name} is larger than 50 MB")
        with warnings.catch_warnings():  # ids of cells that are missing or there twice
            warnings.simplefilter("ignore")
            return nbformat.reads(path.read_text(encoding="utf-8-sig"), 4)
    except Refusal:
        raise
    except Exception as error:  # JSON of another kind makes nbformat raise whatever it likes
        reason = " ".join(str(error).split())[:80]
        raise Refusal(f"{path.name} is not a notebook ({reason})") from None


def check_name(name: str) -> str:
    """Return an assignment's name if nbgrader and every file system take it."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}", name):
        raise Refusal(f"{name!r} is no name for an assignment: letters, digits, - and _, as in ps1")
    return name


def api(course: Course):
    """Return nbgrader for this course, and nothing of a user's own settings."""
    from nbgrader.apps import NbGraderAPI
    from traitlets.config.loader import PyFileConfigLoader
    # it starts `alembic` by name
    bin_folder = str(Path(sys.executable).parent)
    if bin_folder not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = f"{bin_folder}{os.pathsep}{os.environ.get('PATH', '')}"
    loader = PyFileConfigLoader("nbgrader_config.py", path=str(course.root))
    try:
        return NbGraderAPI(config=loader.load_config())
    except Exception as error:
        raise Refusal(f"{course.root / 'nbgrader_config.py'} cannot be used: "
                      f"{type(error).__name__}: {error}") from None


def release(course: Course, name: str) -> Path:
    """Make what students get, from the source as it stands; keep the last one if that fails."""
    target = course.notebook("release", name)
    kept = target.parent.with_name(f".{name}.before")
    shutil.rmtree(kept, ignore_errors=True)
    if target.parent.exists():
        shutil.copytree(target.parent, kept)
    done = api(course).generate_assignment(name, force=True, create=True)
    if done["success"]:
        shutil.rmtree(kept, ignore_errors=True)
        return target
    if kept.exists():
        shutil.rmtree(target.parent, ignore_errors=True)
        kept.rename(target.parent)
    raise Refusal(f"nbgrader could not make the release of {name}: "
                  f"{last_words(done)}")


def last_words(done: dict) -> str:
    """Return the last line of nbgrader's error that says something."""
    text = str(done.get("error") or done.get("log") or "")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b", line)]
    return (told or lines or ["it does not say why"])[-1][:400]
