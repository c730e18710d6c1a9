"""What the ranks of a launch print, shown where `launch` was called."""

import sys
from pathlib import Path


class Shown:
    """Shows what the ranks print: rank 0 at once, then the others, so that the order is one."""

    def __init__(self, folder: Path):
        self.folder, self._at = folder, 0

    def live(self, all_of_it: bool = False) -> None:
        """Print the lines of rank 0 that are new."""
        path = self.folder / "0.out"
        if not path.exists():
            return
        with path.open("rb") as file:
            file.seek(self._at)
            new = file.read()
        whole = len(new) if all_of_it else new.rfind(b"\n") + 1
        self._at += whole
        self._print(0, new[:whole])

    def rest(self, processes: int) -> None:
        """Print the rest of rank 0, then the other ranks; warnings last, to the error stream."""
        self.live(all_of_it=True)
        for rank in range(1, processes):
            path = self.folder / f"{rank}.out"
            self._print(rank, path.read_bytes() if path.exists() else b"")
        for rank in range(processes):
            path = self.folder / f"{rank}.err"
            self._print(rank, path.read_bytes() if path.exists() else b"", sys.stderr)

    @staticmethod
    def _print(rank: int, text: bytes, stream=None) -> None:
        stream = stream or sys.stdout
        encoding = getattr(stream, "encoding", None) or "utf-8"
        for line in text.decode("utf-8", "replace").splitlines():
            # a character that cannot be shown here shall not lose a result
            line = line.encode(encoding, "backslashreplace").decode(encoding)
            print(f"[rank {rank}] {line}", file=stream)
