"""What the chapters of *From Tensors to ResNets* share. Each was built by hand in a chapter first."""

from .data import BadData, ImageData, ImageSet, load_cifar10
from .device import get_device, set_seed
from .history import History, TrainingStopped
from .models import LeNet, count_parameters
from .plots import (
    class_accuracy,
    confusion_matrix,
    plot_class_accuracy,
    plot_confusion,
    plot_history,
    plot_lines,
    show_images,
    show_predictions,
    use_course_style,
)
from .profiles import budget, expect_band, profile, read_json
from .recipes import lenet_run
from .timing import seconds_per_call
from .train import evaluate, fit, predict

__all__ = [
    "BadData", "History", "ImageData", "ImageSet", "LeNet", "TrainingStopped", "budget", "class_accuracy",
    "confusion_matrix", "count_parameters", "evaluate", "expect_band", "fit", "get_device", "lenet_run", "load_cifar10",
    "plot_class_accuracy", "plot_confusion", "plot_history", "plot_lines", "predict", "profile", "read_json",
    "seconds_per_call", "set_seed", "show_images", "show_predictions", "use_course_style",
]
