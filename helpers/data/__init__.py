"""Images in memory: CIFAR-10 or its stand-in, pictures of one's own, photographs."""

from .cifar10 import STAND_IN, UNOFFICIAL, find_files, load_cifar10
from .images import Batches, ImageData, ImageSet, channel_statistics
from .official import BadData

__all__ = ["STAND_IN", "UNOFFICIAL", "BadData", "Batches", "ImageData", "ImageSet",
           "channel_statistics", "find_files", "load_cifar10"]
