"""Several processes that train one network: `launch`, and what it starts."""

import lazy_loader

# `from helpers import workers` is `helpers.distributed.workers`, imported when it is asked for.
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, ["collectives", "scaling", "workers"])
