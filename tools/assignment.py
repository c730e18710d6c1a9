"""An assignment out of exercises of any chapters, ready to hand out. `make assignment`.

    python tools/assignment.py ps1 "convolve=6 other=4"   make source/ps1 and release/ps1
    python tools/assignment.py ps1                        make release/ps1 from source/ps1, edited

What an instructor has changed is never overwritten.
"""

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path

import nbformat

from tools.grading.course import DEFAULT, Course, Refusal, check_name, read_notebook, release
from tools.grading.sheet import build, chosen, was_changed


def write_source(course: Course, name: str, words: str) -> Path:
    """Write the notebook with the solutions, unless somebody has changed it or answered it."""
    notebook = build(name, chosen(words))
    target = course.notebook("source", name)
    if target.exists():
        there = read_notebook(target)
        if was_changed(there):
            raise Refusal(f"{target} was changed by hand, and stays as it is. Make its release "
                          f"with: make assignment NAME={name}; or take another name.")
        handed_in = course.students("submitted", name)
        if handed_in and there.metadata["course"] != notebook.metadata["course"]:
            who = f"{len(handed_in)} student{' has' if len(handed_in) == 1 else 's have'}"
            raise Refusal(f"{who} handed in {name} already: exercises and points stay as they "
                          "were. Take another name.")
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_suffix(".part")
    nbformat.write(notebook, half)
    half.replace(target)
    return target


def make(course: Course, name: str, words: str | None) -> str:
    """Make an assignment, and return what to say of it."""
    check_name(name)
    if words is None:
        if not course.notebook("source", name).exists():
            raise Refusal(f"There is no {name} in {course.root} yet. Name its exercises: make "
                          f'assignment NAME={name} EXERCISES="convolve=5".')
        course.prepare()
    else:
        chosen(words)  # before anything is made
        course.prepare()
        write_source(course, name, words)
    handed_out = release(course, name)
    return (f"Yours, with the solutions:  {course.notebook('source', name)}\n"
            f"What students get:          {handed_out}\n"
            f"After an edit of yours:     make assignment NAME={name}\n"
            f"What comes back goes into:  {course.root / 'downloaded' / name}\n"
            f"Then:                       make grade NAME={name}")


def main() -> int:
    """Read the command line; what was not done is said in a sentence."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("name", help="of the assignment, such as ps1")
    parser.add_argument("exercises", nargs="*", help="with their points, such as convolve=6")
    parser.add_argument("--course", type=Path, default=DEFAULT, help="the course's folder")
    asked = parser.parse_args()
    words = " ".join(asked.exercises)
    try:
        print(make(Course(asked.course.resolve()), asked.name, words.strip() or None))
    except Refusal as why:
        print(why, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
