"""A card that is none: tensors that say they are on CUDA, and mix with others as CUDA's do.

    with pretended.card() as waits:
        model.to("cuda")(images.to("cuda"))
    print(waits)

The numbers are computed on the CPU, by the same draws, so that results are those of the CPU. What
raises is what would on a card: tensors of both devices in one operation, labels on the CPU under a
mask of the card, `.numpy()` of a tensor that has not been brought over. `waits` names each
operation for which Python would wait until the card has done all its work. Speed, half precision
and what the card rounds otherwise are not seen.
"""

from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from unittest.mock import patch

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from helpers.training import plain

CHECK = "_accelerator_graph_capture_health_check"
CUDA, aten = torch.device("cuda", 0), torch.ops.aten
# What takes tensors of both devices; `index` only numbers of the CPU for a tensor of the card.
_ACROSS = {aten.copy_.default, aten._to_copy.default}
_INDEXED = {aten.index.Tensor, aten.index_put_.default, aten.index_put.default,
            aten._index_put_impl_.default, aten._unsafe_index.Tensor}
# What waits for the card, to know how large its result is.
_OPEN = {aten.nonzero.default, aten.masked_select.default, aten._unique2.default,
         aten.unique_dim.default, aten.bincount.default}
# What takes no number of the CPU beside tensors of the card, either.
_STRICT = {aten.cat.default, aten.stack.default}


_waits: list[str] = []


class OnCard(torch.Tensor):
    """A tensor of the card, with its numbers in a tensor of the CPU."""

    @staticmethod
    def __new__(cls, inner: torch.Tensor):
        made = torch.Tensor._make_wrapper_subclass(
            cls, inner.size(), strides=inner.stride(), storage_offset=inner.storage_offset(),
            dtype=inner.dtype, layout=inner.layout, device="meta")
        made.inner = inner
        return made

    device = property(lambda self: CUDA)
    is_cuda = property(lambda self: True)
    is_meta = property(lambda self: False)
    is_cpu = property(lambda self: False)

    def __repr__(self, **_):
        return f"{self.inner!r}, on the card"

    def numpy(self, *, force=False):
        if force:
            return self.detach().cpu().numpy()
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to "
                        "copy the tensor to host memory first.")

    def __array__(self, *_, **__):
        return self.numpy()

    def tolist(self):
        return self.detach().cpu().tolist()

    item = tolist  # of one number

    def __float__(self):
        return float(self.item())

    def __int__(self):
        return int(self.item())

    def __index__(self):
        return self.detach().cpu().__index__()

    def __bool__(self):
        return bool(self.detach().cpu())

    def __format__(self, spec):
        return format(self.detach().cpu(), spec) if self.ndim == 0 else repr(self)

    def cuda(self, *_, **__):
        return self

    def __deepcopy__(self, memo):
        made = self.detach().clone().requires_grad_(self.requires_grad)
        if isinstance(self, torch.nn.Parameter):
            made._is_param = True
        if self.grad is not None:
            made.grad = self.grad.clone()
        memo[id(self)] = made
        return made

    def data_ptr(self):
        return self.inner.data_ptr()

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return computed(func, args, kwargs or {})


def computed(func, args, kwargs):
    """Do an operation on the CPU, after a look at where its tensors are."""
    flat, form = tree_flatten((args, kwargs))
    tensors = [one for one in flat if isinstance(one, torch.Tensor)]
    mine = [one for one in tensors if isinstance(one, OnCard)]
    others = [one for one in tensors if not isinstance(one, OnCard)]
    if mine and others and func not in _ACROSS:
        if func in _INDEXED:
            bad = not isinstance(args[0], OnCard) or (
                len(args) > 2 and not isinstance(args[2], OnCard) and args[2].ndim > 0)
        else:
            bad = any(one.ndim > 0 for one in others) or func in _STRICT
        if bad:
            raise RuntimeError("Expected all tensors to be on the same device, but found at least "
                               f"two devices, cuda:0 and cpu! ({func})")
    if waits(func, args, kwargs):
        _waits.append(str(func))
    wanted = kwargs.get("device")
    on_card = _here(wanted) if wanted is not None else bool(mine)
    if func is aten.copy_.default:
        on_card = isinstance(args[0], OnCard)
    inside = [one.inner if isinstance(one, OnCard) else
              torch.device("cpu") if isinstance(one, torch.device) else one for one in flat]
    args_inside, kwargs_inside = tree_unflatten(inside, form)
    if wanted is not None:
        kwargs_inside["device"] = torch.device("cpu")
    kwargs_inside.pop("pin_memory", None) if on_card else None
    found = func(*args_inside, **kwargs_inside)
    if func is aten._to_copy.default and any(found is one for one in inside):
        found = found.clone()
    same = {id(one.inner): one for one in mine}

    def out(value):
        if not isinstance(value, torch.Tensor) or not on_card:
            return value
        return same[id(value)] if id(value) in same else OnCard(value)

    return tree_map(out, found)


def waits(func, args, kwargs) -> bool:
    """Whether Python goes on only when the card has done its work."""
    if func is aten._to_copy.default:
        there = kwargs.get("device")
        back = isinstance(args[0], OnCard)
        return there is not None and back != _here(there) and not kwargs.get("non_blocking")
    if func is aten.copy_.default:
        to, source, *rest = args
        return isinstance(to, OnCard) != isinstance(source, OnCard) and not any(rest)
    masks = args[1] if func in _INDEXED else ()
    return func in _OPEN or any(one is not None and one.dtype == torch.bool for one in masks)


def _here(device) -> bool:
    """Whether a device is the card; below Python, PyTorch takes it for `meta`."""
    return torch.device(device).type in ("cuda", "meta")


class _Mode(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        wanted = kwargs.get("device")
        if any(issubclass(kind, OnCard) for kind in types) or (
                wanted is not None and _here(wanted)):
            return computed(func, args, kwargs)
        return func(*args, **kwargs)


class _Numbered(TorchFunctionMode):
    """Gives the card its number, which PyTorch would ask the driver for."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        args, kwargs = tree_map(lambda one: CUDA if _is_card(one) else one, (args, kwargs or {}))
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") == CUDA:
            return func(*args, **{**kwargs, "device": "cpu"}).to(CUDA)  # as it does inside
        return func(*args, **kwargs)


def _is_card(value) -> bool:
    return (isinstance(value, str) and value == "cuda") or (
        isinstance(value, torch.device) and value.type == "cuda")


def _saved(save):
    def wrapped(value, *args, **kwargs):
        return save(_brought(value, lambda one: one.detach().cpu()
                             if isinstance(one, OnCard) else one), *args, **kwargs)
    return wrapped


def _loaded(load):
    def wrapped(*args, map_location=None, **kwargs):
        there = map_location is not None and torch.device(map_location).type == "cuda"
        found = load(*args, map_location="cpu", **kwargs)
        return _brought(found, lambda one: one.to(CUDA)) if there else found
    return wrapped


def _brought(value, change):
    return tree_map(lambda one: change(one) if isinstance(one, torch.Tensor) else one, value)


@contextmanager
def card(capability: tuple[int, int] = (9, 0)):
    """Let this process have one card of this generation; give the list of what waited for it."""
    cuda = torch.cuda
    _waits.clear()
    with ExitStack() as stack:
        for name, value in (("is_available", lambda: True), ("device_count", lambda: 1),
                            ("get_device_name", lambda *_: "none, but pretended"),
                            ("get_device_capability", lambda *_: capability),
                            ("_lazy_init", lambda: None), ("current_device", lambda: 0),
                            ("synchronize", lambda *_: None),
                            ("get_rng_state_all", lambda: []), ("mem_get_info", lambda *_: (1, 2)),
                            ("set_rng_state_all", lambda *_: None),
                            ("is_bf16_supported", lambda *_, **__: capability[0] >= 8),
                            ("get_device_properties", lambda *_: SimpleNamespace(
                                name="none, but pretended", major=capability[0], total_memory=1,
                                minor=capability[1]))):
            stack.enter_context(patch.object(cuda, name, value))
        # asks the driver whether the card is recording
        stack.enter_context(patch.object(torch.optim.Optimizer, CHECK, lambda self: None,
                                         create=True))
        stack.enter_context(patch.object(plain, "_NUMBERS", (*plain._NUMBERS, OnCard)))
        stack.enter_context(patch.object(torch, "save", _saved(torch.save)))
        stack.enter_context(patch.object(torch, "load", _loaded(torch.load)))
        stack.enter_context(_Numbered())
        stack.enter_context(_Mode())
        yield _waits
