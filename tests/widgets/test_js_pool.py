"""Pooling in JavaScript, against PyTorch."""

import torch
import torch.nn.functional as F
from widget_support import compared, draw

from helpers import PoolExplorer

POOL = PoolExplorer().limits


def or_none(compute, *arguments, **settings):
    """The one map of the result, or None where PyTorch refuses."""
    try:
        return compute(*arguments, **settings)[0, 0]
    except RuntimeError:
        return None


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


def check_counts(mine, theirs):
    assert mine == {way: list(counts) for way, counts in theirs.items()}


@compared("pool", """Object.fromEntries(Object.entries(figure.unchanged(now)).map(([way, rows]) =>
    [way, [rows.flat().filter(Boolean).length, rows.flat().length]]))""", 3, check_counts)
def test_what_a_shift_leaves_as_it_is_equals_pythons(g):
    """Of small whole numbers, so that some outputs do stay."""
    image = torch.randint(0, draw(g, 2, 5), (draw(g, 3, 9), draw(g, 3, 9)), generator=g)
    kernel = draw(g, 1, 3)
    figure = PoolExplorer(image, kernel_size=kernel, stride=draw(g, 1, 4),
                          padding=draw(g, 0, kernel // 2), ceil_mode=bool(draw(g, 0, 1)),
                          count_include_pad=bool(draw(g, 0, 1)))
    return figure.page_state(), figure.unchanged()
