"""A network as a list of layers and one row of weights: what a page can compute with."""

import base64
import copy
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .network_trace import Tracer
from .traits import BadValue

LIMITS = {"weights": 2_000_000, "layers": 120, "classes": 20, "numbers": 1_000_000}


def opened(model: nn.Module, height: int, width: int) -> tuple[list[dict], Tensor]:
    """Return the layers of `model` for pictures (3, height, width), and all its weights in a row.

    Works on a copy in evaluation mode on the CPU: the model, its mode, gradients and device stay.
    Raises BadValue for what the figure cannot show.
    """
    if not isinstance(model, nn.Module):
        raise BadValue(f"model must be a network, an nn.Module, not {type(model).__name__}.")
    twin = _twin(model)
    start = torch.linspace(-1.5, 1.5, 3 * height * width).reshape(1, 3, height, width)
    tracer = Tracer(start)
    for path, inside in twin.named_modules():
        inside.register_forward_pre_hook(
            lambda inside, _, path=path: tracer.modules.append((path, inside)))
        inside.register_forward_hook(lambda *_: tracer.modules.pop() and None)
    try:
        with torch.no_grad(), tracer:
            logits = twin(start)
    except BadValue:
        raise
    except Exception as problem:
        first = (str(problem).strip().splitlines() or [type(problem).__name__])[0]
        raise BadValue(f"The network does not take pictures of 3 × {height} × {width}: "
                       f"{first[:160]}") from None
    last = tracer.of(logits) if isinstance(logits, Tensor) else None
    if last is None or not tracer.nodes[last]["flat"]:
        raise BadValue("The network must return logits (N, classes), computed from the pictures.")
    weights = torch.cat([torch.zeros(0), *tracer.weights])
    nodes = _needed(tracer.nodes, last)
    _check_sizes(nodes, weights)
    again = run(nodes, weights, start)[-1].flatten()
    if not torch.allclose(again, logits.flatten(), rtol=1e-3, atol=1e-3):
        raise BadValue("The figure found layers in the network that do not give its logits: it "
                       "changes tensors in place that are used elsewhere.")
    return nodes, weights


def _twin(model: nn.Module) -> nn.Module:
    """Return a copy to look into: in evaluation mode, on the CPU, without anybody's hooks."""
    try:
        twin = copy.deepcopy(model)
    except Exception:
        raise BadValue("The network cannot be copied, and the figure does not touch the original: "
                       "make a new one and load the weights into it.") from None
    for inside in twin.modules():
        for hooks in ("_forward_hooks", "_forward_pre_hooks"):
            getattr(inside, hooks).clear()
    return twin.cpu().float().eval()


def _needed(nodes: list[dict], last: int) -> list[dict]:
    """Return the layers up to `last` that it depends on, numbered anew."""
    wanted = {last}
    for number in range(last, -1, -1):
        if number in wanted:
            wanted.update(nodes[number]["inputs"])
    place = {number: new for new, number in enumerate(sorted(wanted))}
    return [nodes[number] | {"inputs": [place[one] for one in nodes[number]["inputs"]]}
            for number in place]


def _check_sizes(nodes: list[dict], weights: Tensor) -> None:
    classes = nodes[-1]["shape"][0]
    for name, count, most in (
            ("weights", weights.numel(), LIMITS["weights"]),
            ("layers", len(nodes), LIMITS["layers"]),
            ("classes", classes, LIMITS["classes"]),
            ("numbers in its maps", sum(size(node) for node in nodes), LIMITS["numbers"])):
        if count > most:
            raise BadValue(f"The network has {count:,} {name}; the figure holds {most:,}, what a "
                           "page can compute while one waits.")
    if classes < 2:
        raise BadValue("The network must tell at least two classes apart; this one has one output.")
    if not weights.isfinite().all():
        raise BadValue("The network has weights that are not finite numbers: its training failed.")


def size(node: dict) -> int:
    """Return how many numbers a layer gives for a picture."""
    channels, height, width = node["shape"]
    return channels * height * width


def run(nodes: Sequence[dict], weights: Tensor, images: Tensor) -> list[Tensor]:
    """Return what each layer gives for normalized images (N, 3, H, W): (N, C, H, W), or (N, C)."""
    results: list[Tensor] = []
    for node in nodes:
        given = [results[number] for number in node["inputs"]]
        results.append(_layer(node, weights, *given) if given else images)
    return results


def _layer(node: dict, weights: Tensor, x: Tensor, other: Tensor | None = None) -> Tensor:
    def cut(name: str, *shape: int) -> Tensor:
        return weights[node[name]:node[name] + torch.Size(shape).numel()].reshape(shape)

    op, out = node["op"], node["shape"]
    bias = cut("bias", out[0]) if node.get("bias", -1) >= 0 else None
    if op == "conv":
        kernel = cut("weight", out[0], x.shape[1] // node["groups"], *node["kernel"])
        top, left = node["pad"]
        spans = [d * (k - 1) + 1 for d, k in zip(node["dilation"], node["kernel"], strict=True)]
        below = [(n - 1) * s + span - pad - length for n, s, span, pad, length in
                 zip(out[1:], node["stride"], spans, node["pad"], x.shape[2:], strict=True)]
        padded = F.pad(x, (left, below[1], top, below[0]))
        return F.conv2d(padded, kernel, bias, node["stride"], 0, node["dilation"],
                        node["groups"])
    if op == "linear":
        return F.linear(x, cut("weight", out[0], x.shape[1]), bias)
    if op == "norm":
        mean, var, weight = (cut(name, out[0]) for name in ("mean", "var", "weight"))
        return F.batch_norm(x, mean, var, weight, bias, eps=node["eps"])
    if op == "pool":
        return _pooled(node, x).reshape(len(x), *(out[:1] if node["flat"] else out))
    if other is not None:
        return x + other
    if op == "reshape":
        return x.reshape(len(x), *(out[:1] if node["flat"] else out))
    return {"relu": F.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid,
            "leaky": lambda x: F.leaky_relu(x, node["slope"])}[op](x)


def _pooled(node: dict, x: Tensor) -> Tensor:
    is_max, out = node["mode"] == "max", node["shape"][1:]
    if node.get("adaptive"):
        if node.get("shares"):
            return x.amax((2, 3))
        return (F.adaptive_max_pool2d if is_max else F.adaptive_avg_pool2d)(x, out)
    kernel, stride, pad = (node[name] for name in ("kernel", "stride", "pad"))

    def pooled(ceil: bool) -> Tensor:
        if is_max:
            return F.max_pool2d(x, kernel, stride, pad, node["dilation"], ceil)
        return F.avg_pool2d(x, kernel, stride, pad, ceil, node["counts_padding"],
                            node["divisor"] or None)

    floor = pooled(False)
    return floor if [*floor.shape[2:]] == out else pooled(True)


def in_base64(values: Tensor) -> str:
    """Return the bytes of some numbers as text."""
    return base64.b64encode(values.contiguous().flatten().numpy().tobytes()).decode()


def packed(weights: Tensor) -> dict[str, Any]:
    """Return weights as text: in half precision where that loses nothing."""
    half = weights.half()
    exact = bool(half.float().equal(weights))
    return {"type": "float16" if exact else "float32", "count": weights.numel(),
            "numbers": in_base64(half if exact else weights)}


def unpacked(given: dict[str, Any]) -> Tensor:
    """Undo `packed`."""
    kind = torch.float16 if given["type"] == "float16" else torch.float32
    return torch.frombuffer(bytearray(base64.b64decode(given["numbers"])), dtype=kind).float()
