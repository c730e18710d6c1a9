"""What the chapters of *From Tensors to ResNets* share. Each was built by hand in a chapter first."""

from .convolution import KERNELS, conv_out_size, pool_out_size, receptive_field
from .data import BadData, ImageData, ImageSet, load_cifar10
from .device import get_device, set_seed
from .history import History, TrainingStopped
from .models import BNLeNet, LeNet, count_parameters
from .photos import load_photo
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
from .recipes import lenet_run
from .style import use_course_style
from .timing import seconds_per_call
from .train import evaluate, fit, predict
from .widgets import (
    AutogradGraph,
    BatchNormExplorer,
    ConvExplorer,
    PoolExplorer,
    ReceptiveField,
    TrainingMonitor,
)

__all__ = [
    "KERNELS",
    "AutogradGraph",
    "BNLeNet",
    "BadData",
    "BatchNormExplorer",
    "ConvExplorer",
    "History",
    "ImageData",
    "ImageSet",
    "LeNet",
    "PoolExplorer",
    "ReceptiveField",
    "TrainingMonitor",
    "TrainingStopped",
    "budget",
    "class_accuracy",
    "confusion_matrix",
    "conv_out_size",
    "count_parameters",
    "evaluate",
    "expect_band",
    "fit",
    "get_device",
    "lenet_run",
    "load_cifar10",
    "load_photo",
    "plot_class_accuracy",
    "plot_confusion",
    "plot_history",
    "plot_lines",
    "pool_out_size",
    "predict",
    "profile",
    "read_json",
    "receptive_field",
    "seconds_per_call",
    "set_seed",
    "show_images",
    "show_maps",
    "show_predictions",
    "use_course_style",
]
