"""How long does it take to grade a class? 60 submissions of three exercises, two at a time.

    python benchmarks/class_of_60.py [students]

Writes class_of_60.json beside it. The clock runs on a computer that is as busy as it is, so the
seconds of processors are written down, too.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import measured_on

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "grading")]
import submissions as of  # noqa: E402

from tools.grading.course import Course  # noqa: E402

KINDS = (of.reference, of.wrong, of.partial, of.copied, of.metadata_lost, of.reordered)


def main() -> None:
    """Make the class, grade it, and say how long that took."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    with tempfile.TemporaryDirectory() as folder:
        of.private_folder(Path(folder, "private"))
        course = Course(Path(folder, "course"))
        environment = {**os.environ, "COURSE_EXERCISES": str(Path(folder, "private")),
                       "PYTHONPATH": str(ROOT)}

        def call(tool: str, *words: str) -> None:
            subprocess.run([sys.executable, str(ROOT / f"tools/{tool}.py"), "ps1", *words,
                            "--course", str(course.root)], cwd=ROOT, env=environment, check=True,
                           stdout=subprocess.DEVNULL)

        call("assignment", *of.WORDS.split())
        for number in range(count):
            of.hand_in(course, KINDS[number % len(KINDS)], f"s{number:03}")
        started, used = time.monotonic(), os.times()
        call("grade", "--together", "2")
        seconds, now = time.monotonic() - started, os.times()
        busy = (now.children_user + now.children_system - used.children_user
                - used.children_system)
    result = {**measured_on(), "submissions": count, "exercises": len(of.WANTED), "together": 2,
              "seconds": round(seconds), "processor_seconds": round(busy),
              "processes_ready_to_run": round(os.getloadavg()[0], 1)}
    print(result)
    if count == 60:
        Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n",
                                                       encoding="utf-8")


if __name__ == "__main__":
    main()
