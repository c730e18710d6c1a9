"""What came back, in whatever form, into submitted/ID/NAME/NAME.ipynb.

Read are folders and zip files below downloaded/NAME, of these forms:

    alice/anything.ipynb, ps1-alice/ps1.ipynb      a folder for each student (GitHub Classroom)
    alice.ipynb, ps1_alice.ipynb                   a notebook for each student
    Ann Lee_1234_assignsubmission_file/ps1.ipynb   Moodle
    leeann_LATE_1234_5678_ps1-1.ipynb              Canvas

Nothing below downloaded is ever changed. A file students.csv in the course's folder, with a column
`id` and others such as name or email, tells which id belongs to what the download calls somebody.
"""

import csv
import io
import re
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from .course import Course, Refusal

LARGEST = 50_000_000  # bytes of a notebook
MOODLE = re.compile(r"^(?P<who>.+?)_\d+_assign[a-z]*_.*$")
CANVAS = re.compile(r"^(?P<who>[a-z0-9-]+?)(?:_LATE)?_\d+_\d+_.*$")


@dataclass(frozen=True)
class Download:
    """A notebook that came back: where it was, what it calls its student, when it was made."""

    place: str
    label: str
    made: float
    content: bytes


def plain_id(label: str) -> str:
    """Return a label as an id for files: letters, digits, and . _ @ - inside."""
    ascii_only = unicodedata.normalize("NFKD", label.replace("ß", "ss")).encode(
        "ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._@-]+", "_", ascii_only).strip("._-@")[:60].lower()


def label_of(place: str, name: str) -> str:
    """Return what a path below downloaded/NAME calls its student; empty if nothing does."""
    path = PurePosixPath(place)
    folders = [part for part in path.parts[:-1] if part not in (name, ".", "..", "/")
               and not part.lower().endswith(".zip")]
    for part in reversed(folders):
        if found := MOODLE.match(part):
            return found["who"]
    if found := CANVAS.match(path.stem):
        return found["who"]
    label = folders[-1] if folders else path.stem
    label = re.sub(rf"(?i)^{re.escape(name)}[-_ ]+|[-_ ]+{re.escape(name)}$", "", label)
    return "" if label.lower() == name.lower() else label


def _files(folder: Path, name: str) -> Iterator[tuple[str, float, int, object]]:
    """Yield (place, time, size, read) of every notebook, those in zip files, too."""
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder).as_posix()
        if path.is_symlink() or not path.is_file():
            continue
        if path.suffix == ".ipynb":
            yield place, path.stat().st_mtime, path.stat().st_size, path.read_bytes
        elif path.suffix == ".zip":
            try:
                with zipfile.ZipFile(path) as archive:
                    for inside in archive.infolist():
                        if inside.filename.endswith(".ipynb"):
                            when = datetime(*inside.date_time).timestamp()  # type: ignore[arg-type]
                            yield (f"{place}/{inside.filename}", when, inside.file_size,
                                   lambda a=archive, i=inside: a.read(i))
            except (zipfile.BadZipFile, OSError, ValueError, RuntimeError) as error:
                raise Refusal(f"{path} cannot be read ({error}). Download it again.") from None


def downloads(folder: Path, name: str) -> tuple[list[Download], list[str]]:
    """Return every notebook below a folder, and what was passed by, each with the reason."""
    found, passed_by = [], []
    for place, when, size, read in _files(folder, name):
        if {".ipynb_checkpoints", "__MACOSX"} & {*PurePosixPath(place).parts}:
            continue
        label = label_of(place, name)
        if not plain_id(label):
            passed_by.append(f"{place}: no student can be told from its name")
        elif size > LARGEST:
            passed_by.append(f"{place}: larger than 50 MB")
        else:
            found.append(Download(place, label, when, read()))  # type: ignore[operator]
    return found, passed_by


class Roster:
    """Which id belongs to what a download calls somebody."""

    def __init__(self, path: Path):
        self.ids: dict[str, str] = {}
        self.there = path.exists()
        if not self.there:
            return
        rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")))
        if "id" not in (rows.fieldnames or ()):
            raise Refusal(f"{path} has no column `id`.")
        for row in rows:
            for value in row.values():
                for key in self._keys(value or ""):
                    self.ids.setdefault(key, plain_id(row["id"] or ""))

    @staticmethod
    def _keys(text: str) -> set[str]:
        """Return the forms in which downloads write a name: Ann Lee, lee_ann, leeann."""
        words = re.findall(r"[a-z0-9@.]+", plain_id(text).replace("_", " "))
        return {"".join(words), "".join(sorted(words))} - {""}

    def id_of(self, label: str) -> str | None:
        """Return the id, or None if the roster has nobody of that name."""
        return next((self.ids[k] for k in sorted(self._keys(label)) if k in self.ids), None)


def collect(course: Course, name: str) -> tuple[dict[str, list[str]], list[str]]:
    """Fill `submitted` from `downloaded`; return notes by student, and what was passed by."""
    folder = course.root / "downloaded" / name
    roster = Roster(course.root / "students.csv")
    found, passed_by = downloads(folder, name) if folder.exists() else ([], [])
    by_student: dict[str, list[Download]] = {}
    notes: dict[str, list[str]] = {}
    for download in found:
        student = roster.id_of(download.label) or plain_id(download.label)
        by_student.setdefault(student, []).append(download)
        if roster.there and roster.id_of(download.label) is None:
            notes.setdefault(student, []).append("not in students.csv")
    for student, theirs in by_student.items():
        # one of the assignment's name, and of these the newest
        named = [d for d in theirs if name.lower() in PurePosixPath(d.place).stem.lower()] or theirs
        last = max(named, key=lambda d: (d.made, d.place))
        if len(theirs) > 1:
            notes.setdefault(student, []).append(f"{len(theirs)} notebooks, graded is {last.place}")
        _put(course.notebook("submitted", name, student), last.content)
    return notes, passed_by


def _put(target: Path, content: bytes) -> None:
    """Write a submission; keep what was there under another name if it was different."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        if target.read_bytes() == content:
            return
        count = len([*target.parent.glob("*.earlier")]) + 1
        target.rename(target.with_name(f"{target.name}.{count}.earlier"))
    target.write_bytes(content)
