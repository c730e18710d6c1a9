"""Chapter 2: correlation by hand, and kernels written out."""

import pytest
import torch
import torch.nn.functional as F
from support import define

import helpers


@pytest.mark.parametrize("shape, kernel", [((6, 6), (3, 3)), ((5, 9), (1, 2)), ((7, 7), (7, 7))])
def test_corr2d_by_hand(shape, kernel):
    corr2d = define("02", "corr2d", torch=torch, image=torch.zeros(6, 6),
                    vertical=torch.zeros(3, 3))["corr2d"]
    x, k = torch.randn(shape), torch.randn(kernel)
    torch.testing.assert_close(corr2d(x, k), F.conv2d(x[None, None], k[None, None])[0, 0])


def test_kernels_written_out_are_those_of_helpers():
    names = define("02", "kernels", torch=torch, vertical=torch.tensor(helpers.KERNELS["vertical"]))
    for name in ("horizontal", "sobel", "scharr", "laplacian"):
        assert names[name].tolist() == helpers.KERNELS[name]


def test_no_kernel_learns_the_absolute_value_as_a_question_of_the_chapter_says():
    def corr(image, kernel):
        return F.conv2d(image[None, None], kernel[None, None])[0, 0]

    names = define("02", "learn", torch=torch, corr=corr, load_photo=helpers.load_photo)
    sobel = torch.tensor(helpers.KERNELS["sobel"])
    target = corr(names["gravel"], sobel).abs()
    history, losses = names["learn"](names["gravel"], target, torch.zeros(3, 3))
    assert history[-1].abs().max() < 0.1 and losses[-1] > 0.99 * losses[0]
