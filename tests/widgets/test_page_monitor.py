"""The training monitor on its page, and on one of its own with several epochs."""

import sys

from support import ROOT
from widget_support import OnPage

from helpers import History, TrainingMonitor


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


def test_the_training_monitor_of_several_epochs(chromium, tmp_path):
    """The smoke site trains for one epoch; here are three, on a page of their own."""
    sys.path.insert(0, str(ROOT / "tools" / "sphinx"))
    import figures

    history = History(train_loss=[2.0, 1.5, 1.2], train_accuracy=[0.2, 0.4, 0.5],
                      val_loss=[1.8, 1.6, 1.4], val_accuracy=[0.3, 0.4, 0.45],
                      seconds=[1.0, 2.0, 3.0], images=[100] * 3,
                      batch_loss=[2.3 - 0.01 * i for i in range(90)])
    view = '<script type="application/vnd.jupyter.widget-view+json">{"model_id": "m"}</script>'
    body = figures.embedded(view, {"m": {"state": TrainingMonitor(history).get_state()}})
    (tmp_path / "page.html").write_text(f"<!doctype html><meta charset=utf-8>{body}",
                                        encoding="utf-8")
    tab = chromium.new_page()
    tab.goto((tmp_path / "page.html").as_uri())
    page, words = OnPage(tab, 0), "training loss {}, accuracy {} %; validation loss {}"
    assert f"Epoch 3 of 3: {words.format('1.200', '50.0', '1.400')}" in page.fig.inner_text()
    page.slider("epoch").press("ArrowLeft")
    page.settle()
    assert f"Epoch 2 of 3: {words.format('1.500', '40.0', '1.600')}" in page.fig.inner_text()
    tab.close()
