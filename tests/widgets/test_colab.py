"""The figures with Colab's packages, which are older, and which no learner there can change."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT

pytestmark = pytest.mark.slow
# The widgets' part of requirements-colab.txt, and the oldest anywidget that we allow.
OLD = re.findall(r"^(?:ipython|ipywidgets|traitlets)==.*$",
                 (ROOT / "requirements-colab.txt").read_text(), re.MULTILINE)
OLDEST = ["==".join(pair)
          for pair in re.findall(r'"(anywidget)>=([\d.]+)"', (ROOT / "pyproject.toml").read_text())]
# that today's packages do without
ASKED_FOR_BY_THESE = ["ipython_genutils", "pickleshare", "backcall", "decorator"]


@pytest.fixture(scope="module")
def with_old_packages(tmp_path_factory):
    """A function that runs Python with these packages in front of our own."""
    assert len(OLD) == 3 and len(OLDEST) == 1
    folder = tmp_path_factory.mktemp("old")
    wanted = [*OLD, *OLDEST, *ASKED_FOR_BY_THESE]
    pip = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps",
                          "--target", folder, *wanted],
                         capture_output=True, text=True, check=False)
    if pip.returncode:
        pytest.skip(f"pip could not get Colab's packages: {pip.stderr.strip().splitlines()[-1]}")

    def run(*words):
        path = os.pathsep.join([str(folder), str(ROOT)])
        done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True,
                              check=False, env={**os.environ, "PYTHONPATH": path})
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout
    return run


def test_figures_work_with_the_widgets_that_colab_has(with_old_packages):
    """All Python tests of the figures again, but the one that fails by the packages' warnings."""
    files = sorted(path.relative_to(ROOT) for path in Path(__file__).parent.glob("test_figure*.py"))
    out = with_old_packages("-m", "pytest", "-q", "-p", "no:cacheprovider", *files,
                            "-k", "not where_there_is_no_notebook")
    assert re.search(r"^\d{3} passed", out, re.MULTILINE), out


def test_figures_name_themselves_with_the_widgets_that_colab_has(with_old_packages):
    """Each is made, and made again from what a notebook keeps of it."""
    out = with_old_packages("-c", """if True:
        import ipywidgets
        from helpers import widgets
        print(ipywidgets.__version__)
        for name in widgets.__all__:
            kind = getattr(widgets, name)
            if isinstance(kind, type) and issubclass(kind, widgets.Figure) and name != "Figure":
                figure = kind()
                again = kind.from_state(figure.get_state())
                assert again.page_state().keys() == figure.page_state().keys()
                print(figure)""")
    version, *names = out.strip().split("\n")
    assert f"ipywidgets=={version}" in OLD and len(names) == 13
    assert all(re.search(r"\.\w+ object at", one) for one in names)
    for kind in ("NetworkExplorer", "GradientDescent", "Clinic", "BatchNormExplorer", "AllReduce"):
        assert any(f".{kind} object" in one for one in names)
