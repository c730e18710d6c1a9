"""Figures to play with: in a notebook, and on a page without Python."""

from .allreduce import ALGORITHMS, AllReduce
from .augment import AugmentPlayground
from .clinic import Clinic
from .conv import PATTERNS, ConvExplorer
from .field import STACKS, ReceptiveField
from .figure import Figure
from .flow import DEPTHS, GradientFlow
from .graph import AutogradGraph
from .hill import GradientDescent
from .monitor import TrainingMonitor
from .network import NetworkExplorer
from .norm import BatchNormExplorer
from .pool import PoolExplorer
from .schedule import SCHEDULES, ScheduleExplorer
from .surfaces import SURFACES
from .traits import BadValue

__all__ = ["ALGORITHMS", "DEPTHS", "PATTERNS", "SCHEDULES", "STACKS", "SURFACES", "AllReduce",
           "AugmentPlayground", "AutogradGraph", "BadValue", "BatchNormExplorer", "Clinic",
           "ConvExplorer", "Figure", "GradientDescent", "GradientFlow", "NetworkExplorer",
           "PoolExplorer", "ReceptiveField", "ScheduleExplorer", "TrainingMonitor"]
