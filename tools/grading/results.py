"""What came out: for each submission in review/NAME, for the class as a table and a csv."""

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .course import Course, api

CANARY, EMPTY = "canary", "canary-empty"  # the reference; and what was handed out, unchanged
CANARIES = (CANARY, EMPTY)


@dataclass
class Result:
    """A submission: its points, what a person should look at, and what was mended."""

    student: str
    points: dict[str, float] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def write_review(root: Path, name: str, result: Result) -> None:
    """Keep what was found in a submission."""
    path = root / "review" / name / f"{result.student}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {"points": result.points, "flags": [*dict.fromkeys(result.flags)],
            "notes": [*dict.fromkeys(result.notes)]}
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _recorded(course: Course, name: str) -> dict[str, dict[str, float]]:
    """Return {student: {exercise: points}} of nbgrader's gradebook: with changes by hand."""
    from nbgrader.api import Gradebook
    config: Any = api(course).coursedir
    with Gradebook(config.db_url, config.course_id) as book:
        return {submission.student.id: {
            g.cell.name.removeprefix("test_"): float(g.score or 0)
            for notebook in submission.notebooks for g in notebook.grades}
            for submission in book.find_assignment(name).submissions}


def write_csv(course: Course, name: str, most: dict[str, float]) -> Path:
    """Write grades/NAME.csv: everybody whose submission was looked at, now or before."""
    recorded, target = _recorded(course, name), course.root / "grades" / f"{name}.csv"
    half = target.with_suffix(".part")
    with half.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["student", *most, "total", "of", "flags", "notes"])
        for path in sorted((course.root / "review" / name).glob("*.json")):
            if path.stem in CANARIES:
                continue
            told = json.loads(path.read_text(encoding="utf-8"))
            points = [recorded.get(path.stem, {}).get(e, 0.0) for e in most]
            out.writerow([path.stem, *(f"{p:g}" for p in points), f"{sum(points):g}",
                          f"{sum(most.values()):g}", "; ".join(told["flags"]),
                          "; ".join(told["notes"])])
    half.replace(target)
    return target


def table(results: list[Result], most: dict[str, float]) -> str:
    """Return results as a table of text."""
    rows = [["student", *most, "total", "look at"]]
    for r in results:
        points = [r.points.get(e, 0.0) for e in most]
        rows.append([r.student, *(f"{p:g}" for p in points), f"{sum(points):g}",
                     "; ".join(r.flags)])
    rows.insert(1, ["", *(f"of {p:g}" for p in most.values()), f"of {sum(most.values()):g}", ""])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) if i in (0, len(widths) - 1) else
                               cell.rjust(width) for i, (cell, width) in
                               enumerate(zip(row, widths, strict=True))).rstrip() for row in rows)
