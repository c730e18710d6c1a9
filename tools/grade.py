"""A class's submissions: collected, grafted, graded, with feedback and a table. `make grade`.

    python tools/grade.py ps1               all that lie in downloaded/ps1 or submitted/*/ps1
    python tools/grade.py ps1 alice bob     only theirs

The reference is graded first, as a student: if it does not get all points, nobody is graded.
"""

import os
import sys
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path

from tools.grading import isolation
from tools.grading.classroom import grade
from tools.grading.course import DEFAULT, Course, Refusal, check_name
from tools.grading.results import table


def main() -> int:
    """Read the command line, grade, and print what came out."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("name", help="of the assignment, such as ps1")
    parser.add_argument("students", nargs="*", help="only these")
    parser.add_argument("--course", type=Path, default=DEFAULT, help="the course's folder")
    parser.add_argument("--together", type=int, default=min(2, os.cpu_count() or 1),
                        help="how many at a time; default: 2")
    asked = parser.parse_args()
    course, started = Course(asked.course.resolve()), time.monotonic()
    where = ("apart from files and network" if isolation.possible() else
             "NOT apart from your files and network: see \"Isolation\" in For instructors")
    print(f"Submissions run {where}.", flush=True)
    try:
        results, most, passed_by = grade(
            course, check_name(asked.name), asked.students, max(1, asked.together),
            lambda student, count: print(f"{count:4} {student}", flush=True))
    except Refusal as why:
        print(why, file=sys.stderr)
        return 1
    flagged = sum(bool(r.flags) for r in results)
    print(f"\n{table(results, most)}\n")
    for place in passed_by:
        print(f"Passed by: {place}")
    print(f"{len(results)} submissions in {time.monotonic() - started:.0f} s; {flagged} to look "
          f"at. Points: {course.root / 'grades' / asked.name}.csv. "
          f"Feedback: {course.root / 'feedback'}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
