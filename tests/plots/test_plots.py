import matplotlib.pyplot as plt
import pytest
import torch
from sklearn.metrics import confusion_matrix as oracle

from helpers import History, LeNet, class_accuracy, confusion_matrix, plot_lines, predict
from helpers.plots.charts import plot_class_accuracy, plot_confusion, plot_history
from helpers.plots.images import show_images, show_maps, show_predictions


def history(source="CIFAR-10"):
    return History(train_loss=[2, 1], train_accuracy=[0.2, 0.5], val_loss=[2.1, 1.5],
                   val_accuracy=[0.1, 0.4], source=source)


def test_confusion_matrix_and_class_accuracy_equal_scikit_learns():
    generator = torch.Generator().manual_seed(0)
    preds, labels = torch.randint(5, (2, 400), generator=generator)
    expected = torch.as_tensor(oracle(labels, preds, labels=range(5)))
    assert confusion_matrix(preds, labels, 5).equal(expected)
    torch.testing.assert_close(class_accuracy(preds, labels, 5),
                               (expected.diag() / expected.sum(1)).float())
    with pytest.raises(ValueError, match="3 predictions but 2 labels"):
        confusion_matrix(torch.zeros(3).long(), torch.zeros(2).long(), 2)


def test_show_images_lays_out_rows():
    axes = show_images(torch.rand(5, 3, 8, 8), list("abcde"), columns=3)
    assert axes.shape == (2, 3)
    assert [ax.get_title() for ax in axes.flat] == ["a", "b", "c", "d", "e", ""]
    assert axes[0, 0].get_images()[0].get_array().shape == (8, 8, 3)
    gray = show_images(torch.zeros(1, 1, 4, 4, dtype=torch.uint8))[0, 0]
    assert gray.get_images()[0].get_array().shape == (4, 4)


@pytest.mark.parametrize("show, images, words", [
    (show_images, torch.randn(2, 3, 8, 8) * 3, "data.train.denormalize"),
    (show_images, torch.rand(3, 8, 8), r"unsqueeze\(0\)"),
    (show_maps, torch.zeros(1, 1, 3, 3), "one channel")])
def test_what_cannot_be_shown_is_explained(show, images, words):
    with pytest.raises(ValueError, match=words):
        show(images)


def test_show_predictions_names_what_the_model_says(standin):
    torch.manual_seed(0)
    model = LeNet()
    titles = [ax.get_title() for ax in show_predictions(model, standin.test, 8).flat]
    guesses = predict(model, standin.test.take(8)).argmax(1).tolist()
    for title, guess, label in zip(titles, guesses, standin.test.labels[:8].tolist(), strict=True):
        assert standin.classes[guess] in title
        assert title.startswith("✓") == (guess == label)
        assert title.endswith(f"is {standin.classes[label]}")


def test_plot_history_draws_the_values():
    axes = plot_history(history())
    assert [list(line.get_ydata()) for line in axes[0].lines] == [[2, 1], [2.1, 1.5]]
    assert [list(line.get_ydata()) for line in axes[1].lines] == [[0.2, 0.5], [0.1, 0.4]]
    assert len(plot_history({"a": history(), "b": history()})[0].lines) == 4


def test_the_stand_in_is_named_in_the_figure():
    source = "synthetic stand-in, not CIFAR-10"
    assert plot_history(history(source))[1].get_title() == source
    assert plot_history(history())[1].get_title() == ""
    labels = torch.tensor([0, 1])
    assert plot_confusion(labels, labels, ["a", "b"], source).get_title() == source


def test_plot_lines_and_bars():
    ax = plot_lines([1, 10], {"a": [1, 2], "b": [3, 4]}, "x", "y", log="xy")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log") and len(ax.lines) == 2
    bars = plot_class_accuracy({"one": torch.tensor([0.1, 0.9])}, ["a", "b"]).patches
    assert [round(b.get_height(), 3) for b in bars] == [0.1, 0.9]


def test_figures_do_not_change_the_users_style():
    before = plt.rcParams["axes.grid"]
    plot_lines([1], {"a": [1]}, "x", "y")
    assert plt.rcParams["axes.grid"] == before


def test_show_maps_has_zero_in_the_middle_of_its_colours():
    maps = torch.tensor([[[-2.0, 0.0], [0.0, 1.0]], [[-4.0, -0.0], [0.0, 8.0]]])
    axes = show_maps(maps, ["a", "b"], numbers=True)
    assert axes.shape == (1, 2) and [ax.get_title() for ax in axes.flat] == ["a", "b"]
    assert [ax.images[0].get_clim() for ax in axes.flat] == [(-2, 2), (-8, 8)]
    assert [t.get_text() for t in axes[0, 1].texts] == ["-4", "0", "0", "8"]
    same = show_maps(maps, same_scale=True)
    assert [ax.images[0].get_clim() for ax in same.flat] == [(-8, 8), (-8, 8)]


def test_photographs_are_drawn_larger_than_small_images():
    small, large = (show_images(torch.zeros(2, 3, n, n))[0, 0].figure.get_size_inches()[0]
                    for n in (32, 200))
    assert large == 8 and small < 3
