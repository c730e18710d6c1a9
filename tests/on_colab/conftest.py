"""What Colab's learners have: `make test-colab` runs these tests, from `.venv-colab`."""

import sys
from pathlib import Path

collect_ignore_glob = [] if Path(sys.prefix).name == ".venv-colab" else ["test_*.py"]
