"""What chapters import from `helpers`, and where each name is. `__init__.py` reads this file."""

from .augment import Mixup, color_jitter, cutout, random_crop, random_flip, random_resized_crop
from .convolution import KERNELS, conv_out_size, pool_out_size, receptive_field
from .data import BadData, ImageData, ImageSet, load_cifar10
from .data.outlines import coloring_book
from .data.own import load_folder
from .data.photos import load_photo
from .device import get_device, half_precision, set_seed
from .diagnosis.curves import plot_patients
from .diagnosis.diagnose import diagnose
from .diagnosis.patients import PATIENTS, train_patient
from .distributed import collectives, scaling, workers
from .distributed.failure import LaunchError
from .distributed.group import process_group
from .distributed.launch import launch
from .distributed.shard import Shard
from .distributed.start import keep_warm
from .exercises import check, hint, progress, solution, task
from .measured import expect_band, read_json
from .measured.ladder import show_ladder
from .models import BNLeNet, FastResNet, FlipAverage, LeNet, ResidualBlock, ResNet, count_parameters
from .plots.charts import (
    class_accuracy,
    confusion_matrix,
    plot_class_accuracy,
    plot_confusion,
    plot_history,
    plot_lines,
)
from .plots.graph import draw_modules
from .plots.images import show_images, show_maps, show_predictions, show_screenshot
from .profiles import budget, profile
from .recipes import (
    AUGMENT,
    lenet_recipe,
    merged,
    resnet_recipe,
    textbook_resnet18,
    trained_lenet,
)
from .timing import seconds_per_call
from .training.checkpoint import BadCheckpoint, Checkpoint
from .training.fit import evaluate, fit, predict
from .training.history import History, TrainingStopped
from .widgets import (
    AllReduce,
    AugmentPlayground,
    AutogradGraph,
    BatchNormExplorer,
    Clinic,
    ConvExplorer,
    GradientDescent,
    GradientFlow,
    NetworkExplorer,
    PoolExplorer,
    ReceptiveField,
    ScheduleExplorer,
    TrainingMonitor,
)

# A type checker takes imports of a stub for private unless they are named here.
__all__ = [
    "AUGMENT", "KERNELS", "PATIENTS", "AllReduce", "AugmentPlayground", "AutogradGraph", "BNLeNet",
    "BadCheckpoint", "BadData", "BatchNormExplorer", "Checkpoint", "Clinic", "ConvExplorer",
    "FastResNet", "FlipAverage", "GradientDescent", "GradientFlow", "History", "ImageData",
    "ImageSet", "LaunchError", "LeNet", "Mixup", "NetworkExplorer", "PoolExplorer",
    "ReceptiveField", "ResNet", "ResidualBlock", "ScheduleExplorer", "Shard", "TrainingMonitor",
    "TrainingStopped", "budget", "check", "class_accuracy", "collectives", "color_jitter",
    "coloring_book", "confusion_matrix", "conv_out_size", "count_parameters", "cutout", "diagnose",
    "draw_modules", "evaluate", "expect_band", "fit", "get_device", "half_precision", "hint",
    "keep_warm", "launch", "lenet_recipe", "load_cifar10", "load_folder", "load_photo", "merged",
    "plot_class_accuracy", "plot_confusion", "plot_history", "plot_lines", "plot_patients",
    "pool_out_size", "predict", "process_group", "profile", "progress", "random_crop",
    "random_flip", "random_resized_crop", "read_json", "receptive_field", "resnet_recipe",
    "scaling", "seconds_per_call", "set_seed", "show_images", "show_ladder", "show_maps",
    "show_predictions", "show_screenshot", "solution", "task", "textbook_resnet18", "train_patient",
    "trained_lenet", "workers",
]
