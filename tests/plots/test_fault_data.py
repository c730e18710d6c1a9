"""Plots of odd data show what is there, or refuse it in a sentence."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from support import noise

from helpers import History, LeNet, class_accuracy, confusion_matrix, load_photo, plot_lines
from helpers.plots.charts import plot_class_accuracy, plot_confusion, plot_history
from helpers.plots.images import show_images, show_maps, show_predictions, show_screenshot

NAN, R = float("nan"), torch.rand
ONE = History(train_loss=[1.0], train_accuracy=[0.5])
BYTES = torch.tensor([0, 1], dtype=torch.uint8)


def spoiled() -> LeNet:
    model = LeNet()
    torch.nn.init.constant_(model.fc3.bias, NAN)
    return model


REFUSED = {
    "no history": lambda: plot_history({}), "no epoch": lambda: plot_history(History()),
    "list of histories": lambda: plot_history([ONE]), "None": lambda: plot_history(None),
    "no line": lambda: plot_lines([1], {}, "x", "y"),
    "line without name": lambda: plot_lines([1, 2], [1, 2], "x", "y"),
    "short line": lambda: plot_lines([1, 2], {"a": [1]}, "x", "y"),
    "line of rows": lambda: plot_lines([1, 2], {"a": R(2, 3)}, "x", "y"),
    "log of z": lambda: plot_lines([1], {"a": [1]}, "x", "y", log="z"),
    "log of 0": lambda: plot_lines([0], {"a": [1]}, "x", "y", log="x"),
    "log of -1": lambda: plot_lines([1], {"a": [-1]}, "x", "y", log="y"),
    "logits": lambda: confusion_matrix(R(3, 4), BYTES, 4),
    "labels in rows": lambda: confusion_matrix(BYTES, torch.eye(2), 2),
    "labels (N, 1)": lambda: confusion_matrix(BYTES, BYTES[:, None], 2),
    "a class too many": lambda: confusion_matrix(BYTES, BYTES + 1, 2),
    "class -1": lambda: confusion_matrix(torch.tensor([-1]), torch.tensor([1]), 2),
    "unequal": lambda: class_accuracy(BYTES, BYTES[:1], 2),
    "no classes": lambda: confusion_matrix(BYTES, BYTES, 0),
    "names for a number": lambda: confusion_matrix(BYTES, BYTES, ["a", "b"]),
    "a number for names": lambda: plot_confusion(BYTES, BYTES, 2),
    "a string of names": lambda: plot_confusion(BYTES, BYTES, "ab"),
    "no model": lambda: plot_class_accuracy({}, ["a"]),
    "model without name": lambda: plot_class_accuracy(R(1), ["a"]),
    "percent": lambda: plot_class_accuracy({"m": [50.0, 70.0]}, ["a", "b"]),
    "a class is missing": lambda: plot_class_accuracy({"m": [0.5]}, ["a", "b"]),
    "no image": lambda: show_images(R(0, 3, 8, 8)), "no pixel": lambda: show_images(R(1, 3, 0, 0)),
    "two channels": lambda: show_images(R(1, 2, 8, 8)),
    "channels last": lambda: show_images(R(1, 8, 8, 3)),
    "nan": lambda: show_images(torch.full((1, 3, 8, 8), NAN)),
    "int64": lambda: show_images(torch.ones(1, 1, 8, 8).long()),
    "complex": lambda: show_images(torch.ones(1, 1, 8, 8, dtype=torch.complex64)),
    "no tensor": lambda: show_images(None), "words": lambda: show_images(["a"]),
    "two sizes": lambda: show_images([R(3, 8, 8), R(3, 9, 8)]),
    "a title is missing": lambda: show_images(R(2, 3, 8, 8), ["a"]),
    "a color is missing": lambda: show_images(R(2, 3, 8, 8), ["a", "b"], colors=["red"]),
    "no columns": lambda: show_images(R(2, 3, 8, 8), columns=0),
    "half columns": lambda: show_images(R(2, 3, 8, 8), columns=2.5),
    "no map": lambda: show_maps(R(0, 3, 3)), "empty map": lambda: show_maps(R(1, 0, 3)),
    "a title of a map": lambda: show_maps(R(2, 3, 3), ["a"]),
    "complex map": lambda: show_maps(torch.ones(1, 3, 3, dtype=torch.complex64)),
    "no predictions": lambda: show_predictions(LeNet(), noise(4), 0),
    "half predictions": lambda: show_predictions(LeNet(), noise(4), 2.5),
    "no data": lambda: show_predictions(LeNet(), noise(4).take(0)),
    "images alone": lambda: show_predictions(LeNet(), R(4, 3, 32, 32)),
    "one output": lambda: show_predictions(LeNet(classes=1), noise(4)),
    "more outputs": lambda: show_predictions(LeNet(classes=12), noise(4)),
    "no such screenshot": lambda: show_screenshot("../plots/tensorboard"),
    "photograph of 2.5": lambda: load_photo("camera", 2.5),
    "photograph of True": lambda: load_photo("camera", True),
    "photograph of words": lambda: load_photo("camera", "32"),
}


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED)
def test_fault_of_data_is_one_sentence_and_leaves_no_figure(call):
    with pytest.raises(ValueError, match=r"^[^\n]{20,300}$"):
        call()
    assert not plt.get_fignums()


def test_fault_bytes_are_counted_as_other_numbers_are():
    """Labels as CIFAR-10's files have them: 9 × 300 is no byte."""
    labels = torch.full((5,), 29, dtype=torch.uint8)
    assert confusion_matrix(labels, labels, 30)[29, 29] == 5
    assert confusion_matrix([1, 0], [1, 1], 2).tolist() == [[0, 0], [1, 1]]
    nothing = torch.tensor([])
    assert confusion_matrix(nothing, nothing, 2).sum() == 0
    assert class_accuracy(nothing, nothing, 2).isnan().all()


def test_fault_more_runs_than_colours_are_all_drawn():
    assert len(plot_history({str(n): ONE for n in range(9)})[0].lines) == 9


def test_fault_the_stand_in_is_named_wherever_it_stands():
    other = History(train_loss=[1.0], train_accuracy=[0.5], source="a synthetic stand-in")
    assert plot_history({"a": ONE, "b": other})[1].get_title() == "a synthetic stand-in"


def test_fault_a_run_that_broke_in_validation_is_drawn():
    broken = History(train_loss=[3, 2], train_accuracy=[0.1, 0.2], val_loss=[2.5],
                     val_accuracy=[0.2])
    assert [len(line.get_xdata()) for line in plot_history(broken)[0].lines] == [2, 1]


def test_fault_tensors_of_any_type_are_drawn():
    lines = {"grad": torch.ones(2, requires_grad=True), "half": torch.ones(2).bfloat16(),
             "mixed": [torch.ones((), requires_grad=True), 2], "nan": [NAN, NAN]}
    assert len(plot_lines(torch.arange(2), lines, "x", "y").lines) == 4
    for images in (R(1, 3, 8, 8).bfloat16(), R(1, 3, 8, 8, requires_grad=True), R(1, 1, 8, 8) > 0.5,
                   np.zeros((1, 3, 8, 8)), [R(3, 8, 8)], R(1, 4, 8, 8).half()):
        shown = show_images(images, [7])[0, 0]
        assert shown.get_title() == "7" and shown.images[0].get_array().shape[:2] == (8, 8)
    titles = torch.tensor([1, 2])
    assert show_images(R(2, 3, 8, 8), titles)[0, 1].get_title() == "2"


def test_fault_maps_with_nan_keep_their_scale_and_show_where():
    maps = torch.tensor([[[NAN, 1.0], [-2.0, float("inf")]]])
    image = show_maps(maps, numbers=True)[0, 0].images[0]
    assert image.get_clim() == (-2, 2)
    assert image.get_array().mask.tolist() == [[True, False], [False, True]]
    gray, white = image.to_rgba(np.ma.array([NAN, 0.0], mask=[True, False]))
    assert gray[:3].tolist() == pytest.approx([0.6] * 3) and white[:3].min() > 0.95


def test_fault_classes_without_images_and_one_class_alone():
    labels = torch.tensor([0, 0])
    axes = plot_confusion(labels, labels, ["a", "b"])
    assert [text.get_text() for text in axes.texts] == ["100", "0", "", ""]
    assert plot_confusion(labels, labels, ["a"]).texts[0].get_text() == "100"
    bars = plot_class_accuracy({"m": class_accuracy(labels, labels, 2)}, ["a", "b"]).patches
    assert bars[0].get_height() == 1 and np.isnan(bars[1].get_height())


def test_fault_a_model_that_says_nan_names_no_class():
    assert show_predictions(spoiled(), noise(1))[0, 0].get_title() == "✗ nan nan %\nis a"
