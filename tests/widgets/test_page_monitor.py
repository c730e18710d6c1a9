"""The training monitor on its page, and on one of its own with several epochs."""

import sys

from support import ROOT
from widget_support import CHAPTER, figure, settled, slider, store

from helpers import History, TrainingMonitor


def test_the_training_monitor_reads_out_its_last_epoch(open_page, site):
    tab = open_page(CHAPTER["05"])
    fig = figure(tab)
    (record,) = store(site, CHAPTER["05"])["figures"].values()
    values = record["values"]
    assert not values["running"] and values["status"].startswith("Finished")
    assert f"validation loss {values['epochs'][-1]['val_loss']:.3f}" in fig.inner_text()
    curves = {fig.locator("path.ctr-batch").get_attribute("d")}
    for change in (lambda: slider(fig, "smoothing").press("Home"),
                   fig.get_by_role("checkbox", name="logarithmic loss").click):
        change()
        settled(tab)
        curves.add(fig.locator("path.ctr-batch").get_attribute("d"))
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
    fig, words = figure(tab), "training loss {}, accuracy {} %; validation loss {}"
    assert f"Epoch 3 of 3: {words.format('1.200', '50.0', '1.400')}" in fig.inner_text()
    slider(fig, "epoch").press("ArrowLeft")
    settled(tab)
    assert f"Epoch 2 of 3: {words.format('1.500', '40.0', '1.600')}" in fig.inner_text()
    tab.close()
