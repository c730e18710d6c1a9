"""The gradients by layer and the training monitor in the browser."""

import re

import pytest
from widget_support import PHONE, number

from helpers import GradientFlow, History, TrainingMonitor
from helpers.widgets import DEPTHS


def check_flow(page) -> int:
    """Compare what is read out and drawn with Python's numbers; return the layer."""
    page.settle()
    mine, told = page.mine, " ".join(page.fig.get_by_role("status").all_inner_texts())
    layer, depth = map(int, re.search(r"Layer (\d+) of (\d+)", told).groups())
    spoken = page.slider("layer").get_attribute("aria-valuetext")
    assert depth == mine.depth and spoken == f"layer {layer} of {depth}"
    for kind in ("plain", "residual"):
        shown, norms = mine.kind in ("both", kind), mine.norms(kind)
        found = [number(n) for n in re.findall(rf"{kind} (\d[\d.]*\d(?:e−?\d+)?|\d)", told)]
        expected = [norms[layer - 1].item(), (norms[0] / norms[-1]).item(), mine.loss(kind)]
        assert found == pytest.approx(expected if shown else [], rel=5.1e-3)
        assert page.fig.locator(f".ctr-flow path.ctr-{kind}").count() == shown
        assert (page.fig.locator(f".ctr-flow .ctr-mark-{kind}").count() >= 2) == shown
        check_network(page, kind, layer)
    return layer


def check_network(page, kind: str, layer: int) -> None:
    """Compare the bars and the pulse, shares of the largest gradient, with Python's numbers."""
    norms = page.mine.norms(kind)
    shares = (norms / norms.max()).tolist()
    pulse = page.all(f".ctr-networks circle.ctr-pulse-{kind}", "Number(e.getAttribute('r'))")
    bars = page.all(f".ctr-networks rect.ctr-pulse-{kind}", "Number(e.getAttribute('height'))")
    if page.mine.kind not in ("both", kind):
        assert not pulse and not bars
        return
    assert pulse == pytest.approx([15 * shares[layer - 1] ** 0.5])
    assert bars == pytest.approx([26 * share if i >= layer else 0
                                  for i, share in enumerate(shares, 1)])
    ends = [number(one.split(": ")[1]) for one in page.all(".ctr-end", "e.textContent")]
    shown = [one for one in ("plain", "residual") if page.mine.kind in ("both", one)]
    assert ends == pytest.approx([page.mine.norms(one)[end].item() for one in shown
                                  for end in (0, -1)], rel=5.1e-3)
    arcs = page.fig.locator(".ctr-shortcut").count()
    assert arcs == (page.mine.depth / 2 if "residual" in shown else 0)


def test_gradients_by_depth_layer_norm_and_weights(alone):
    page = alone(GradientFlow())
    mine = page.mine
    check_flow(page)
    page.box("batch norm").press("Space")
    page.choose("weights", "He")
    mine.norm, mine.weights = "batch norm" if mine.norm == "none" else "none", "He"
    for way, depth in ((lambda: page.slider("depth").press("Home"), DEPTHS[0]),
                       (lambda: page.click_at("depth", 0.99), DEPTHS[-1])):
        way()
        mine.depth = depth
        check_flow(page)
        assert page.slider("depth").get_attribute("aria-valuetext") == f"{depth} layers"
    for kind in ("plain", "residual"):
        page.choose("show", kind)
        mine.kind = kind
        check_flow(page)
    page.slider("layer").press("End")
    assert check_flow(page) == mine.depth
    box = page.fig.locator(".ctr-flow > svg").last.bounding_box()
    for share, low, high in ((0.02, 1, 1), (0.5, 25, 40), (0.999, 64, 64)):
        page.tab.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        assert low <= check_flow(page) <= high


@pytest.mark.parametrize("width", [390, 320])
def test_gradients_are_read_by_a_finger(alone, width):
    page = alone(GradientFlow(16), **PHONE | {"width": width})
    chart = page.fig.locator(".ctr-flow > svg").last
    size = chart.bounding_box()
    for share, layer in ((0.97, page.mine.depth), (0.02, 1)):
        chart.tap(position={"x": share * size["width"], "y": size["height"] / 2})
        assert check_flow(page) == layer
    assert page.fits()


def test_the_pulse_comes_back_when_one_presses_play_and_stops_at_the_first_layer(alone):
    page = alone(GradientFlow(8))
    check_flow(page)
    assert page.value("layer") == 1, "it waits"
    page.button("play").click()
    page.tab.wait_for_function("document.querySelector('.ctr-end').textContent.includes('…')")
    layer = "Number(document.querySelector('[aria-label=layer]').value)"
    page.tab.wait_for_function(f"{layer} < 6 && {layer} > 2")
    page.button("stop").click()
    here = check_flow(page)
    assert 1 < here < 7
    page.button("play").click()
    page.tab.wait_for_function(f"{layer} === 1")
    page.tab.wait_for_function("[...document.querySelectorAll('button')].some((b) =>"
                               "b.innerText === '▶ play')")
    assert check_flow(page) == 1
    calm = alone(GradientFlow(8, kind="plain"), reduced_motion="reduce")
    assert not calm.button("play").count()
    calm.slider("layer").fill("5")
    assert check_flow(calm) == 5


def test_the_training_monitor_reads_out_its_last_epoch(on_page):
    page = on_page("05", TrainingMonitor)
    assert not page.mine.running and page.mine.status.startswith("Finished")
    last = page.mine.epochs[-1]
    assert f"validation loss {last['val_loss']:.3f}" in page.fig.inner_text()
    curves = {page.fig.locator("path.ctr-batch").get_attribute("d")}
    for change in (lambda: page.slider("smoothing").press("Home"),
                   page.box("logarithmic loss").click):
        change()
        page.settle()
        curves.add(page.fig.locator("path.ctr-batch").get_attribute("d"))
    assert len(curves) == 3


def test_the_training_monitor_of_several_epochs(alone):
    """The smoke site trains for one epoch; here are three, on a page of their own."""
    history = History(train_loss=[2.0, 1.5, 1.2], train_accuracy=[0.2, 0.4, 0.5],
                      val_loss=[1.8, 1.6, 1.4], val_accuracy=[0.3, 0.4, 0.45],
                      seconds=[1.0, 2.0, 3.0], images=[100] * 3,
                      batch_loss=[2.3 - 0.01 * i for i in range(90)])
    page = alone(TrainingMonitor(history))
    words = "training loss {}, accuracy {} %; validation loss {}"
    assert f"Epoch 3 of 3: {words.format('1.200', '50.0', '1.400')}" in page.fig.inner_text()
    page.slider("epoch").press("ArrowLeft")
    page.settle()
    assert f"Epoch 2 of 3: {words.format('1.500', '40.0', '1.600')}" in page.fig.inner_text()
    assert not page.fig.locator("table").count(), "there is nothing to race against"


def test_runs_are_raced_and_read_at_an_epoch(alone):
    def history(*accuracies: float) -> History:
        losses = [2 - one for one in accuracies]
        return History(train_loss=losses, train_accuracy=[*accuracies], val_loss=losses,
                       val_accuracy=[*accuracies], seconds=[1.0] * len(losses),
                       images=[9] * len(losses))

    monitor = TrainingMonitor(runs={"early": history(0.5, 0.55, 0.56), "late":
                                    history(0.2, 0.5, 0.7, 0.8)})
    page = alone(monitor)

    def ranking() -> list[list[str]]:
        page.settle()
        return page.all("table tr", "[...e.cells].map((cell) => cell.innerText)")[1:]

    assert ranking() == [["late", "4", "80.0 %"], ["early", "3", "56.0 %"]]
    page.slider("epoch").fill("2")
    assert ranking() == [["early", "2", "55.0 %"], ["late", "2", "50.0 %"]]
    key = page.text(".ctr-key")
    assert "early, validation" in key and page.fig.locator("path.ctr-run-0").count() == 3
    page.slider("epoch").fill("4")
    page.button("play").click()
    marks = "document.querySelectorAll('.ctr-boxes circle.ctr-val').length"
    page.tab.wait_for_function(f"{marks} > 0 && {marks} < 6")
    page.tab.wait_for_function(f"{marks} === 8")
    page.tab.wait_for_function("[...document.querySelectorAll('button')].some((b) =>"
                               "b.innerText === '▶ play')")
    assert ranking()[0][0] == "late" and page.value("epoch") == 4
    narrow = alone(monitor, reduced_motion="reduce", **PHONE | {"width": 320})
    assert narrow.fits() and not narrow.button("play").count()


def test_one_epoch_is_no_lone_dot_but_says_what_is_to_come(alone):
    page = alone(TrainingMonitor(History(train_loss=[2.0], train_accuracy=[0.25], val_loss=[1.9],
                                         val_accuracy=[0.3], seconds=[1.0], images=[9])))
    loss, accuracy = page.all(".ctr-soon", "e.innerText")
    assert "training 2, validation 1.9" in loss and "training 25 %, validation 30 %" in accuracy
    assert "From the second one on" in accuracy and not page.fig.locator("circle").count()
    assert not page.slider("epoch").is_visible() and not page.button("play").is_visible()
    empty = alone(TrainingMonitor())
    assert "as soon as it is measured" in empty.text(".ctr-boxes")
