"""Convolution and pooling in JavaScript, against PyTorch."""

import torch
import torch.nn.functional as F
from widget_support import compared, draw

from helpers import ConvExplorer, PoolExplorer

CONV, POOL = (kind().limits for kind in (ConvExplorer, PoolExplorer))


def or_none(compute, *arguments, **settings):
    """The one map of the result, or None where PyTorch refuses."""
    try:
        return compute(*arguments, **settings)[0, 0]
    except RuntimeError:
        return None


@compared("conv", "figure.convProblem(now) ? null : figure.conv2d(now)", 1, refused=(0.05, 0.6))
def test_convolution_equals_pytorchs(g):
    image = torch.randn(draw(g, 1, 16), draw(g, 1, 16), generator=g, dtype=torch.float64)
    kernel = torch.randn(draw(g, 1, 7), draw(g, 1, 7), generator=g, dtype=torch.float64)
    settings = {"stride": draw(g, 1, 4), "padding": draw(g, 0, 4), "dilation": draw(g, 1, 4)}
    now = {"input": image.tolist(), "kernel": kernel.tolist(), "limits": CONV, **settings}
    return now, or_none(F.conv2d, image[None, None], kernel[None, None], **settings)


@compared("pool", "figure.poolProblem(now) ? null : figure.pool2d(now)", 2, refused=(0.05, 0.7))
def test_pooling_equals_pytorchs(g):
    image = torch.randn(draw(g, 1, 10), draw(g, 1, 10), generator=g, dtype=torch.float64)
    settings = {"kernel_size": draw(g, 1, 6), "stride": draw(g, 1, 6), "padding": draw(g, 0, 3),
                "ceil_mode": bool(draw(g, 0, 1))}
    is_max, included = bool(draw(g, 0, 1)), {"count_include_pad": bool(draw(g, 0, 1))}
    now = {"input": image.tolist(), "mode": "max" if is_max else "average", "limits": POOL,
           **settings, **included}
    pool, settings = (F.max_pool2d, settings) if is_max else (F.avg_pool2d, settings | included)
    return now, or_none(pool, image[None, None], **settings)
