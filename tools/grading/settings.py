"""What nbgrader is told: which of its steps are ours, and why its own do not do."""

from pathlib import Path

from nbconvert.preprocessors import ClearMetadataPreprocessor
from nbgrader import preprocessors as stock

from tools.exercises import is_exercise, starter

from .recount import Recount
from .running import RunApart


class Starter(stock.NbGraderPreprocessor):
    """Cut the solutions out. nbgrader's own step would write `raise` below a value's `...`."""

    def preprocess_cell(self, cell, resources, index):
        """Replace a solution by what learners start from."""
        if cell.cell_type == "code" and is_exercise(cell.source):
            cell.source = starter(cell.source)
        return cell, resources


def configure(c, root: Path) -> None:
    """Set up nbgrader for the course in the folder `root`."""
    root = Path(root).resolve()
    c.CourseDirectory.root = str(root)
    # two at a time write into it
    c.CourseDirectory.db_url = f"sqlite:///{root / 'gradebook.db'}?timeout=60"
    # `submitted` stays as it was handed in; what is graded are its answers in a fresh release
    c.CourseDirectory.submitted_directory = "grafted"
    c.OverwriteCells.add_missing_cells = True
    c.GenerateAssignment.preprocessors = [
        stock.IncludeHeaderFooter, stock.LockCells, Starter, stock.ClearOutput,
        stock.CheckCellMetadata, stock.ComputeChecksums, stock.SaveCells, stock.ClearHiddenTests,
        stock.ClearMarkScheme, stock.ComputeChecksums, stock.CheckCellMetadata]
    c.Autograde.autograde_preprocessors = [
        RunApart, Recount, stock.IgnorePattern, ClearMetadataPreprocessor, stock.LimitOutput,
        stock.SaveAutoGrades, stock.AssignLatePenalties, stock.CheckCellMetadata]
