"""What a learner has done, in a file beside the notebook: no account, nothing in `check`'s box.

The file and the one that the site exports have the same form, so either reads the other's.
"""

import json
import os
from datetime import date
from pathlib import Path

from .box import Box, show

FILE = "course_progress.json"
FORM = "From Tensors to ResNets, progress 1"


def _is_kept() -> bool:
    """Is somebody learning here? Not in CI, nor in a build, nor in a test."""
    off = os.environ.get("COURSE_PROGRESS", "").lower() in ("0", "off", "no")
    return not (off or os.environ.get("CI") or os.environ.get("COURSE_PROFILE") == "smoke")


def _path() -> Path:
    return Path.cwd() / FILE


def read(path: str | Path) -> dict[str, dict[str, str]]:
    """Return {"exercises": {name: day}, "quizzes": {question: day}}; of no or a bad file, empty."""
    empty: dict[str, dict[str, str]] = {"exercises": {}, "quizzes": {}}
    try:
        kept = json.loads(Path(path).read_text(encoding="utf-8"))
        if kept["form"] != FORM:
            return empty
        return {part: {str(k): str(v) for k, v in kept[part].items()} for part in empty}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return empty


def _write(kept: dict, path: Path) -> None:
    half = path.with_suffix(".part")
    half.write_text(json.dumps({"form": FORM, **kept}, indent=1, sort_keys=True) + "\n",
                    encoding="utf-8")
    half.replace(path)


def passed(name: str) -> None:
    """Remember that an exercise is right. Where nothing can be written, forget it in silence."""
    if not _is_kept():
        return
    try:
        kept = read(_path())
        if name not in kept["exercises"]:
            kept["exercises"][name] = date.today().isoformat()
            _write(kept, _path())
    except OSError:
        pass


def progress(*, export: str | Path | None = None, restore: str | Path | None = None) -> None:
    """Show what is done, by chapter; write it to a file, or take in what such a file holds.

    `restore` also reads what the site has exported. Nothing that is there is lost.
    """
    from .known import exercises
    kept = read(_path())
    if restore is not None:
        more = read(restore)
        if not any(more.values()):
            show(Box("note", f"{restore} holds no progress of this course"))
            return
        kept = {part: more[part] | kept[part] for part in kept}
        _write(kept, _path())
    if export is not None:
        _write(kept, Path(export))
    lines = []
    for chapter in sorted({e.chapter for e in exercises().values()} - {""}):
        there = [name for name, e in exercises().items() if e.chapter == chapter]
        done = sum(name in kept["exercises"] for name in there)
        quiz = sum(key.startswith(f"{chapter}-") for key in kept["quizzes"])
        lines.append(f"Chapter {int(chapter)}: {done} of {len(there)} exercises"
                     + (f", {quiz} quiz questions" if quiz else ""))
    where = f"Kept in {FILE}, beside the notebook."
    if "COLAB_RELEASE_TAG" in os.environ:
        where = (f"Kept in {FILE} on Colab's machine, and gone with it: download the file, or name "
                 'one on your Drive in `progress(export="…")`.')
    show(Box("note", "What you have done", (*lines, where)))
