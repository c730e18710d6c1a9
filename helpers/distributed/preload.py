"""What the process that waits for launches imports first: all that takes long.

It ends with the program that has started it: by the system while it imports, then by itself.
"""

import importlib
import os

from .parent import ensure_alive, killed_with_parent
from .plan import KEPT_BY

if KEPT_BY in os.environ:  # else this is another process, which only looks at its modules
    killed_with_parent()
    ensure_alive(int(os.environ[KEPT_BY]))  # it may have ended before that
    # `torch._dynamo`: every optimizer asks for it, and it takes as long to import as all the rest.
    for name in ("torch._dynamo", "helpers.distributed.engine", "helpers.distributed.workers"):
        importlib.import_module(name)
    killed_with_parent(False)
