"""The names that chapters import from `helpers`, and where each is. `__init__.py` reads this file."""

from .augment import Mixup, color_jitter, cutout, random_crop, random_flip, random_resized_crop
from .checkpoint import BadCheckpoint, Checkpoint
from .clinic import diagnose
from .convolution import KERNELS, conv_out_size, pool_out_size, receptive_field
from .data import BadData, ImageData, ImageSet, load_cifar10
from .device import get_device, half_precision, set_seed
from .distributed import launch
from .group import process_group
from .history import History, TrainingStopped
from .models import BNLeNet, FastResNet, FlipAverage, LeNet, ResidualBlock, ResNet, count_parameters
from .photos import load_photo, show_screenshot
from .pictures import show_images, show_maps, show_predictions
from .plots import (
    class_accuracy,
    confusion_matrix,
    plot_class_accuracy,
    plot_confusion,
    plot_history,
    plot_lines,
)
from .profiles import budget, expect_band, profile, read_json
from .recipes import lenet_run, resnet_run, textbook_resnet18
from .shard import Shard
from .style import use_course_style
from .timing import seconds_per_call
from .train import evaluate, fit, predict
from .warm import keep_warm
from .widgets import (
    AllReduce,
    AugmentPlayground,
    AutogradGraph,
    BatchNormExplorer,
    ConvExplorer,
    GradientFlow,
    PoolExplorer,
    ReceptiveField,
    ScheduleExplorer,
    TrainingMonitor,
)
from .wreckage import LaunchError

__all__ = [
    "KERNELS",
    "AllReduce",
    "AugmentPlayground",
    "AutogradGraph",
    "BNLeNet",
    "BadCheckpoint",
    "BadData",
    "BatchNormExplorer",
    "Checkpoint",
    "ConvExplorer",
    "FastResNet",
    "FlipAverage",
    "GradientFlow",
    "History",
    "ImageData",
    "ImageSet",
    "LaunchError",
    "LeNet",
    "Mixup",
    "PoolExplorer",
    "ReceptiveField",
    "ResNet",
    "ResidualBlock",
    "ScheduleExplorer",
    "Shard",
    "TrainingMonitor",
    "TrainingStopped",
    "budget",
    "class_accuracy",
    "color_jitter",
    "confusion_matrix",
    "conv_out_size",
    "count_parameters",
    "cutout",
    "diagnose",
    "evaluate",
    "expect_band",
    "fit",
    "get_device",
    "half_precision",
    "keep_warm",
    "launch",
    "lenet_run",
    "load_cifar10",
    "load_photo",
    "plot_class_accuracy",
    "plot_confusion",
    "plot_history",
    "plot_lines",
    "pool_out_size",
    "predict",
    "process_group",
    "profile",
    "random_crop",
    "random_flip",
    "random_resized_crop",
    "read_json",
    "receptive_field",
    "resnet_run",
    "seconds_per_call",
    "set_seed",
    "show_images",
    "show_maps",
    "show_predictions",
    "show_screenshot",
    "textbook_resnet18",
    "use_course_style",
]
