"""What the chapters of *From Tensors to ResNets* share. Each was built by hand in a chapter first.

The names are in `__init__.pyi`. Each module is imported when the first of its names is asked for:
processes start in a third of the time without plots and figures.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
