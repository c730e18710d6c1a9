"""Chapter 2: kernels and edge filters."""

import torch
from scipy.signal import convolve2d

from .exercise import Exercise, call, drawn


def image(rng, *shape):
    """Return an image with numbers from 0 to 1."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(rng.randrange(2**31)))


true = Exercise(
    "convolve", right=lambda x, k: torch.from_numpy(convolve2d(x, k, mode="valid")),
    hints=("What PyTorch calls a convolution differs from the mathematical one in one step, before "
           "the kernel begins to slide.",
           "`kernel.flip(0)` turns the rows around. The columns have to be turned around, too.",
           "`F.conv2d(image[None, None], kernel.flip(0, 1)[None, None])[0, 0]`"))
true.case("an impulse gives back the kernel",
          call(torch.tensor([[0.0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0],
                             [0, 0, 0, 0, 0]]), torch.arange(1.0, 10).reshape(3, 3)))
true.case("a kernel that is not square",
          call(torch.arange(12.0).reshape(3, 4) ** 2, torch.tensor([[1.0, 2.0, 4.0]])))
true.hidden("the same as SciPy for other sizes", drawn(6, lambda rng: call(
    image(rng, 6, 7), image(rng, rng.randint(1, 6), rng.randint(1, 7)))))
true.mistake("the kernel is not flipped", "This is the cross-correlation, as `F.conv2d` computes "
             "it: the impulse gives the kernel upside down and mirrored.", """
def convolve(image, kernel):
    return F.conv2d(image[None, None], kernel[None, None])[0, 0]
""")
true.mistake("flipped in one direction only",
             "The rows are turned around, the columns are not.", """
def convolve(image, kernel):
    return F.conv2d(image[None, None], kernel.flip(0)[None, None])[0, 0]
""")
true.mistake("the image is padded", "The result has the size of the image: here the kernel must "
             "lie wholly on it.", """
def convolve(image, kernel):
    out = F.conv2d(image[None, None], kernel.flip(0, 1)[None, None], padding="same")
    return out[0, 0]
""")
