"""A setting that a figure does not have is refused, wherever it is named, and changes nothing."""

import ipywidgets
import numpy as np
import pytest
import torch
import traitlets

from helpers import (
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
from helpers.widgets import AllReduce, BadValue

# What PyTorch has and the figure lacks, what others call it, and misspelt ones.
FOREIGN = {
    ConvExplorer: ["padding_mode", "groups", "bias", "output_padding", "kernel_size", "strde"],
    PoolExplorer: ["dilation", "divisor_override", "return_indices", "cell_mode", "kernel"],
    BatchNormExplorer: ["eps", "momentum", "affine", "track_running_stats", "mode", "batchsize"],
    GradientFlow: ["width", "padding_mode", "dept"],
    AugmentPlayground: ["p", "degrees", "fill", "padding_type", "flips", "scale"],
    ScheduleExplorer: ["T_max", "milestones", "last_epoch", "cycle_momentum", "epoch"],
    AllReduce: ["world_size", "op", "group", "process", "bandwidth"],
    GradientDescent: ["dampening", "weight_decay", "rate", "T_max", "start", "schedules"],
    Clinic: ["illness", "choice", "patient_s"],
    NetworkExplorer: ["layer", "kernel", "target_class", "channel"],
    ReceptiveField: ["output_padding", "padding_mode", "ceil_mode", "kernel", "sizes"],
    TrainingMonitor: ["model", "smooth", "curves"],
}
NAMED = [pytest.param(kind, name, id=f"{kind.__name__}-{name}")
         for kind, names in FOREIGN.items() for name in names]
each_kind = pytest.mark.parametrize("kind", FOREIGN, ids=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind, name", NAMED)
def test_fault_f4_what_a_figure_lacks_is_refused(kind, name):
    figure = kind()
    before = figure.get_state()
    for way in (lambda: kind(**{name: 1}), lambda: setattr(figure, name, 1),
                lambda: figure.set_trait(name, 1)):
        with pytest.raises(BadValue, match=f"^{kind.__name__} has no setting {name}; it has "
                                           r"\w+(, \w+)+\.( Did you mean \w+\?)?$"):
            way()
    assert figure.get_state() == before and not hasattr(figure, name)


@each_kind
def test_fault_f4_values_of_no_kind_are_refused_by_every_setting(kind):
    figure = kind()
    before = figure.get_state()
    for name in kind.settings():
        for value in (object(), float("nan"), torch.full((2,), -7.0)):
            with pytest.raises(BadValue, match=r"^[^\n]{20,400}$"):
                setattr(figure, name, value)
    assert figure.get_state() == before


@each_kind
def test_fault_f4_what_is_computed_or_constant_is_no_setting(kind):
    figure = kind()
    fixed = [name for name in (*kind.class_trait_names(constant=True), "output", "field", "steps",
                               "next_batch", "to_html")
             if hasattr(figure, name) and name not in kind.settings()]
    assert {"card", "to_html"} <= {*fixed} and {*fixed} & {"limits", "cases"}
    for name in fixed:
        with pytest.raises(BadValue, match=f"has no setting {name}; it has"):
            setattr(figure, name, {})
        with pytest.raises(BadValue, match=f"has no setting {name}; it has"):
            kind(**{name: {}})


def test_a_near_name_is_guessed():
    with pytest.raises(BadValue, match=r"Did you mean stride\?$"):
        ConvExplorer(strid=2)
    with pytest.raises(BadValue, match=r"Did you mean processes\?$"):
        AllReduce().processe = 3


def test_fault_f4_a_graph_refuses_inputs_that_its_function_does_not_take():
    for inputs in ({"x": 1.0, "stp": 3}, {"y": 1.0}, {}):
        with pytest.raises(BadValue, match=r"arguments of the function, \(x\): .*step\.$"):
            AutogradGraph(lambda x: x * x, **inputs)
    graph = AutogradGraph(lambda x: x * x, x=3.0)
    with pytest.raises(BadValue, match="arguments of the function"):
        graph.inputs = {"y": 2.0}
    with pytest.raises(BadValue, match="has no setting function"):
        graph.function = torch.sin
    assert graph.inputs == {"x": 3.0}


def test_fault_f4_linked_settings_are_refused_as_assigned_ones_are():
    figure, slider = PoolExplorer(), ipywidgets.IntSlider(value=2, min=1, max=9)
    for link in (traitlets.link, traitlets.dlink, ipywidgets.jslink, ipywidgets.jsdlink):
        with pytest.raises(TypeError, match=r"PoolExplorer.*dilation"):
            link((slider, "value"), (figure, "dilation"))
    traitlets.link((slider, "value"), (figure, "kernel_size"))
    slider.value = 3
    with pytest.raises(BadValue, match="kernel_size must be a whole number from 1 to 6, not 9"):
        slider.value = 9
    assert figure.kernel_size == 3


def test_numbers_of_numpy_and_pytorch_are_numbers():
    assert ConvExplorer(stride=np.int64(2), padding=torch.tensor(1)).stride == 2
    assert BatchNormExplorer(gamma=np.float32(0.5)).gamma == 0.5


@pytest.mark.parametrize("figure, name, change", [
    (ReceptiveField(), "layers", lambda layers: layers[0].__setitem__(0, 99)),
    (AutogradGraph(lambda x: x * x, x=3.0), "inputs", lambda inputs: inputs.update(x=9.0)),
    (ConvExplorer(), "input", lambda image: image.zero_())], ids=["layers", "inputs", "input"])
def test_what_is_read_is_a_copy(figure, name, change):
    before = figure.get_state()
    change(getattr(figure, name))
    assert figure.get_state() == before
