"""Figures to play with: in a notebook, and on a page without Python."""

from .conv import PATTERNS, ConvExplorer
from .field import STACKS, ReceptiveField
from .figure import BadValue, Figure
from .graph import AutogradGraph
from .monitor import TrainingMonitor
from .norm import BatchNormExplorer
from .pool import PoolExplorer

__all__ = [
    "PATTERNS",
    "STACKS",
    "AutogradGraph",
    "BadValue",
    "BatchNormExplorer",
    "ConvExplorer",
    "Figure",
    "PoolExplorer",
    "ReceptiveField",
    "TrainingMonitor",
]
