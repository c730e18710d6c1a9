"""Chapter 2: kernels and edge filters."""

import re

import torch
import torch.nn.functional as F
from scipy import ndimage
from scipy.signal import convolve2d
from torch import nn

from .comparing import WrongAnswer
from .exercise import Exercise, Probe, call, drawn
from .shown import brief


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
                             [0, 0, 0, 0, 0]]), torch.arange(1.0, 10).reshape(3, 3)),
          note="The result is (3, 3). At the first of the nine places the impulse lies under the "
               "kernel's last number.")
true.case("a kernel that is not square",
          call(torch.arange(12.0).reshape(3, 4) ** 2, torch.tensor([[1.0, 2.0, 4.0]])),
          note="The result is (3, 2). By hand, its first number: 0 · 4 + 1 · 2 + 4 · 1 = 6.")
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
true.mistake("flipped left to right only",
             "The columns are turned around, the rows are not.", """
def convolve(image, kernel):
    return F.conv2d(image[None, None], kernel.flip(1)[None, None])[0, 0]
""")
true.mistake("transposed",
             "`t()` exchanges rows and columns. To turn an axis around is `flip`.", """
def convolve(image, kernel):
    return F.conv2d(image[None, None], kernel.t()[None, None])[0, 0]
""")
true.mistake("the image is flipped", "That flips the answer as well. It is the kernel that is "
             "flipped.", """
def convolve(image, kernel):
    return F.conv2d(image.flip(0, 1)[None, None], kernel[None, None])[0, 0]
""")
true.mistake("two axes too many", "The axes for the batch and the channels are still there: take "
             "`[0, 0]` of the answer.", """
def convolve(image, kernel):
    return F.conv2d(image[None, None], kernel.flip(0, 1)[None, None])
""")
true.mistake("two axes too few", "`F.conv2d` works on four axes: add two to both with "
             "`[None, None]`.", """
def convolve(image, kernel):
    return F.conv2d(image, kernel.flip(0, 1))
""")
true.mistake("a negative step", "That is for lists and NumPy. `flip` turns an axis of a tensor "
             "around.", """
def convolve(image, kernel):
    return F.conv2d(image[None, None], kernel[::-1, ::-1][None, None])[0, 0]
""")
true.mistake("the image is padded", "The result has the size of the image: here the kernel must "
             "lie wholly on it.", """
def convolve(image, kernel):
    out = F.conv2d(image[None, None], kernel.flip(0, 1)[None, None], padding="same")
    return out[0, 0]
""")

maps = Exercise(
    "answer_maps", right="fcaebd",
    hints=("Begin with the upper left corner of each map: there the image is even, and only the "
           "sum of a kernel counts. Which maps have 9 there, and which 0?",
           "Two of those with 0 there are zero along whole rows or columns. Where the edge of the "
           "square is level, which of Sobel's two kernels answers?",
           "A mean of nine pixels that are 9 or 18 stays between 9 and 18. A single 1 copies "
           "pixels of the image, so its map has only 9 and 18 in it. The kernel that sharpens "
           "leaves this range."))
maps.mistake("Sobel's two kernels exchanged", "Number 2 compares left with right. In the lowest "
             "row of a map, the edge of the square is upright: there it must answer.",
             'answer_maps = "facebd"')
maps.mistake("Laplacian and sharpening exchanged", "Look at the even part in the upper left: one "
             "of the two adds up to 0, the other to 1.", 'answer_maps = "fcabed"')
maps.mistake("mean and copy exchanged", "A single 1 copies pixels: its map has no other numbers "
             "than the image. Which of the two is that?", 'answer_maps = "dcaebf"')
maps.mistake("mean and sharpening exchanged", "A mean stays between the smallest and the largest "
             "of its pixels.", 'answer_maps = "bcaefd"')
maps.mistake("copy and sharpening exchanged", "Number 6 has a single 1. What can it answer but a "
             "pixel of the image?", 'answer_maps = "fcaedb"')
maps.mistake("the other way round", "For each kernel name its map, in the order of the kernels.",
             'answer_maps = "352641"')
maps.mistake("with commas", "These are the right letters. Write them without anything between "
             "them.", 'answer_maps = "f,c,a,e,b,d"')
maps.mistake("letters in a list", "These are the right letters. Write them as one text, without "
             "commas.", 'answer_maps = list("fcaebd")')

numbers = Exercise(
    "answer_parameters",
    right=lambda channels, first, second, size: sum(p.numel() for p in nn.Sequential(
        nn.Conv2d(channels, first, size, device="meta"),  # draws no weights
        nn.Conv2d(first, second, size, device="meta")).parameters()),
    draw=lambda rng: {"channels": rng.choice([2, 3, 4]), "first": rng.choice([5, 6, 7, 8, 10]),
                      "second": rng.choice([9, 11, 12, 16, 20]), "size": rng.choice([3, 5, 7])},
    hints=("How many numbers has one kernel of the first layer? Its bias is one of them.",
           "A kernel is as deep as what it slides over. What does the second layer slide over?",
           "Each layer has out · (in · size · size + 1) numbers. The second one's `in` is the "
           "first one's `out`."))
_COUNT = "answer_parameters = lambda channels, first, second, size: "
numbers.mistake("no bias", "Each kernel adds a number of its own.",
                _COUNT + "first * channels * size**2 + second * first * size**2")
numbers.mistake("flat kernels", "A kernel is not flat: it has a layer for each channel that comes "
                "in.", _COUNT + "(first + second) * (size**2 + 1)")
numbers.mistake("the second layer slides over the image", "It slides over what the first has made. "
                "How many channels are these?",
                _COUNT + "(first + second) * (channels * size**2 + 1)")
numbers.mistake("a bias for each layer of a kernel", "The answers of a kernel's layers are added "
                "up first, and one number is added to the sum.",
                _COUNT + "(first * channels + second * first) * (size**2 + 1)")
numbers.mistake("one bias for a whole layer", "Each kernel makes a map, and each map has a bias of "
                "its own.", _COUNT + "first * channels * size**2 + second * first * size**2 + 2")
numbers.mistake("the second layer alone", "The numbers of both layers are asked for.",
                _COUNT + "second * (first * size**2 + 1)")
numbers.mistake("the first layer alone", "The numbers of the second layer are missing.",
                _COUNT + "first * (channels * size**2 + 1)")

numbers.mistake("kernels of one row", "A kernel of `size` × `size` has `size` squared numbers in "
                "each of its layers.",
                _COUNT + "first * (channels * size + 1) + second * (first * size + 1)")
numbers.mistake("a float", "The number is right. Count in whole numbers, without a point.",
                _COUNT + "first * (channels * size**2 + 1.0) + second * (first * size**2 + 1)")

learned = Exercise(
    "answer_learned", right=torch.tensor([[0.0, -1, 0], [0, 2, -3], [0, 0, 0]]),
    hints=("The target is a sum of three pictures, each a shifted piece of the gravel. Which "
           "single weight answers with one of them?",
           "The piece `gravel[1:-1, 1:-1]` belongs to the middle of the window. The first entry of "
           "`gravel[:-2, 1:-1]` is `gravel[0, 1]`: where in the window at the upper left corner "
           "does this pixel lie?",
           "A piece that begins at `gravel[i, j]` lies under the weight in row i, column j. Its "
           "factor in the sum is that weight."))
learned.mistake("flipped", "A kernel does not flip here: what lies to the right of the middle is "
                "weighted by the number to the right of the middle.",
                "answer_learned = [[0, 0, 0], [-3, 2, 0], [0, -1, 0]]")
learned.mistake("rows and columns exchanged", "The first entry of an index is the row, counted "
                "from the top.", "answer_learned = [[0, 0, 0], [-1, 2, 0], [0, -3, 0]]")
learned.mistake("flipped, rows and columns exchanged", "The first entry of an index is the row. "
                "And what lies above the middle is weighted by the number above the middle.",
                "answer_learned = [[0, -3, 0], [0, 2, -1], [0, 0, 0]]")
learned.mistake("the signs are left out", "Two of the three pieces are subtracted.",
                "answer_learned = [[0, 1, 0], [0, 2, 3], [0, 0, 0]]")
learned.mistake("one sign is left out", "Each of the two pieces that are subtracted has a "
                "negative weight.", "answer_learned = [[0, -1, 0], [0, 2, 3], [0, 0, 0]]")
learned.mistake("below in place of above", "`gravel[:-2]` begins with the first row. Where does "
                "that lie in the first window?",
                "answer_learned = [[0, 0, 0], [0, 2, -3], [0, -1, 0]]")
learned.mistake("left in place of right", "`gravel[1:-1, 2:]` begins in column 2. Where does that "
                "lie in the first window?",
                "answer_learned = [[0, -1, 0], [-3, 2, 0], [0, 0, 0]]")
learned.mistake("nine numbers in a row", "These are the right numbers. Write them as three rows of "
                "three.", "answer_learned = [0, -1, 0, 0, 2, -3, 0, 0, 0]")


def answer_to(f, rows, columns):
    """Return the largest answer of the kernel to a dark image with a bright part, sign aside."""
    kernel = f()
    if kernel is None:
        raise WrongAnswer("`corner_kernel()` is None: is a `return` missing?")
    kernel = torch.as_tensor(kernel).detach().double()
    if kernel.dim() != 2 or not 1 <= min(kernel.shape) <= max(kernel.shape) <= 3:
        raise WrongAnswer(f"`corner_kernel()` is {brief(kernel)}, expected a kernel (kh, kw) of at "
                          "most 3 × 3.")
    picture = torch.full((8, 8), 0.25, dtype=torch.float64)
    picture[rows, columns] = 1.25
    return F.conv2d(picture[None, None], kernel[None, None]).abs().max().item()


corner = Exercise(
    "corner_kernel", right=lambda: torch.tensor([[1.0, -2, 1], [-2, 4, -2], [1, -2, 1]]),
    hints=("An upright edge is the same in every row: the kernel sees only the sum of each of its "
           "columns. What must these sums be?",
           "Every row and every column must add up to 0. Begin with two rows and two columns: "
           "choose one number, and the others follow.",
           "A column times a row, as for Sobel's kernel: here both are a difference, such as "
           "1, −1."))
NONE, ALL, LOW, HIGH = slice(0), slice(None), slice(4), slice(4, None)
for place, rows, columns, why in [
        ("an even image", NONE, NONE, "What do all its numbers add up to?"),
        ("an upright edge", ALL, HIGH, "Along an upright edge all rows of the window are the same: "
         "what does each *column* of the kernel add up to?"),
        ("an upright edge, dark on the right", ALL, LOW, "What does each *column* of the kernel "
         "add up to?"),
        ("a level edge", HIGH, ALL, "Along a level edge all columns of the window are the same: "
         "what does each *row* of the kernel add up to?")]:
    corner.case(f"no answer to {place}", Probe(
        f"the largest answer to {place}",
        lambda f, rows=rows, columns=columns: answer_to(f, rows, columns)), note=why)
corner.case("an answer to a corner", Probe(
    "there is an answer to a corner", lambda f: answer_to(f, HIGH, HIGH) > 1e-4))
corner.hidden("an answer to all four corners, and to none of the level edges",
              Probe("an answer to each corner", lambda f: [
                  answer_to(f, rows, columns) > 1e-4 for rows in (LOW, HIGH)
                  for columns in (LOW, HIGH)]),
              Probe("the largest answer to a level edge", lambda f: answer_to(f, LOW, ALL)))
_KERNEL = "def corner_kernel():\n    return torch.tensor({})"
corner.mistake("an edge detector", "This finds upright edges. Its columns do not add up to 0 each.",
               _KERNEL.format("[[-1.0, 0, 1], [-1, 0, 1], [-1, 0, 1]]"))
corner.mistake("Sobel's kernel", "This, too, finds upright edges. Look at the sum of each column.",
               _KERNEL.format("[[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]"))
corner.mistake("only the sum of all is 0", "So it is silent on an even image, as the Laplacian is. "
               "But at an edge each row and each column counts by itself.",
               _KERNEL.format("[[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]"))
corner.mistake("a picture of the corner", "Where a kernel looks like the corner, it answers to the "
               "corner most, but to edges as well: each row and each column must add up to 0.",
               _KERNEL.format("[[-1.0, -1, -1], [-1, 1, 1], [-1, 1, 1]]"))
corner.mistake("level edges are still seen", "Each column adds up to 0, but not each row.",
               _KERNEL.format("[[-1.0, -1, -1], [0, 0, 0], [1, 1, 1]]"))
corner.mistake("nothing but zeros", "This is silent everywhere, also at corners.",
               "def corner_kernel():\n    return torch.zeros(3, 3)")


def _strength(images):
    return torch.stack([torch.hypot(*(torch.from_numpy(
        ndimage.sobel(one.double().numpy(), axis=axis, mode="nearest")) for axis in (1, 0)))
        for one in images[:, 0]])


edges = Exercise(
    "edge_strength", right=_strength, tolerance=1e-4,
    hints=("One call of `F.conv2d` can use both kernels. Which shape must the weights have, and "
           "what is the shape of the result?",
           "Pad the images, then slide weights (2, 1, 3, 3) over them: (N, 2, H, W). Square, add "
           "up the two maps, take the root.",
           '`weight = torch.tensor([KERNELS["sobel"], KERNELS["sobel_y"]])[:, None]`, and at the '
           "end `maps.square().sum(dim=1).sqrt()`."))
edges.case("one bright pixel", call(torch.tensor([[[[0.0, 0, 0], [0, 1, 0], [0, 0, 0]]]])),
           note="The result is (1, 3, 3). At a neighbor in the same row Sobel's answer is ±2, at "
                "one across a corner both answers are ±1: the root of 2.")
edges.case("a white image has no edges", call(torch.ones(1, 1, 3, 4)),
           note="The result is (1, 3, 4), all 0. Where do other numbers stand? Look at what "
                "surrounds the image.")
edges.case("two images", call(torch.tensor([[[[0.0, 1, 2]]], [[[2.0, 2, 0]]]])),
           note="The result is (N, H, W), a map for each image.")
edges.hidden("any images", drawn(5, lambda rng: call(
    image(rng, rng.randint(1, 3), 1, rng.randint(1, 7), rng.randint(2, 8)))))
_EDGES = """
def edge_strength(images):
    images = F.pad(images, (1, 1, 1, 1), mode="replicate")
    k = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    maps = F.conv2d(images, torch.stack([k, k.t()])[:, None])
    return maps.square().sum(dim=1).sqrt()
"""
edges.mistake("a frame of zeros", "Zeros around the image make an edge of their own.",
              _EDGES.replace(', mode="replicate"', ""))
edges.mistake("no frame", "Each map has lost two rows and two columns. Pad the images first.",
              re.sub(r"    images = .*\n", "", _EDGES))
edges.mistake("no root", "These are the squares of the strength.", _EDGES.replace(".sqrt()", ""))
edges.mistake("absolute values added", "Twice as strong in both directions is not four times: the "
              "root of the sum of the squares is asked for.",
              _EDGES.replace("square", "abs").replace(".sqrt()", ""))
edges.mistake("one direction only", "Edges in the other direction are missing.",
              _EDGES.replace("[k, k.t()]", "[k]"))
edges.mistake("a mean in place of the sum", "The mean of the two squares makes every edge weaker.",
              _EDGES.replace("sum(", "mean("))
edges.mistake("the answers added", "Where one answer is positive and the other negative, they "
              "cancel. Square each of them first.",
              _EDGES.replace(".square().sum(dim=1).sqrt()", ".sum(dim=1).abs()"))
edges.mistake("weights without channels", "The weights of `F.conv2d` have four axes, (out, in, kh, "
              "kw): here (2, 1, 3, 3).", _EDGES.replace("[:, None]", ""))
edges.mistake("lists for weights", "`torch.tensor` makes a tensor of lists.",
              _EDGES.replace("torch.stack([k, k.t()])[:, None]", "[k.tolist(), k.t().tolist()]"))
edges.mistake("out and in exchanged", "Two kernels for one channel: the weights are (2, 1, 3, 3). "
              "`[None]` puts the 1 in front.", _EDGES.replace("[:, None]", "[None]"))
edges.mistake("the images added up", "dim=0 counts the images. The two maps of an image lie along "
              "dim=1.", _EDGES.replace("dim=1", "dim=0"))
edges.mistake("the channel is still there", "The result has no axis of channels: (N, H, W).",
              _EDGES.replace("dim=1", "dim=1, keepdim=True"))

layer = Exercise(
    "conv_layer", right=F.conv2d, tolerance=1e-4,
    hints=("Take one place in the kernel, row i and column j. Over which part of the images does "
           "this weight slide?",
           "Over `images[:, :, i:i + height, j:j + width]`, (N, C, height, width). Each kernel "
           "multiplies it by its own C weights, and the channels are added up.",
           "Give the window the shape (N, 1, C, height, width) and the weights of this place (out, "
           "C, 1, 1). Their product is summed over the channels, dim=2, and added to the result."))
layer.case("one channel, one kernel", call(
    torch.tensor([[[[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]]]), torch.tensor([[[[1.0, 10], [0, 0]]]]),
    torch.tensor([0.0])),
    note="By hand, upper left: 1 · 1 + 10 · 2 = 21. The result has the shape (N, out, H', W').")
layer.case("two channels, one kernel, a bias", call(
    torch.tensor([[[[1.0, 2, 3]], [[4.0, 5, 6]]]]), torch.tensor([[[[1.0, 2]], [[3.0, 0]]]]),
    torch.tensor([100.0])),
    note="The kernel is 1 high and 2 wide. By hand, the first number: 1 · 1 + 2 · 2 from the first "
         "channel, 3 · 4 from the second, and the bias, 100.")
layer.case("two images, two channels, two kernels", call(
    torch.tensor([[[[1.0, 2]], [[3.0, 4]]], [[[5.0, 6]], [[7.0, 8]]]]),
    torch.tensor([[[[1.0]], [[10.0]]], [[[100.0]], [[0.0]]]]), torch.tensor([0.5, 0.25])),
    note="Images do not mix. Each kernel makes its own map, from all channels.")
layer.hidden("any sizes", drawn(6, lambda rng: (lambda c, out, kh, kw: call(
    image(rng, rng.randint(1, 3), c, kh + rng.randint(0, 4), kw + rng.randint(0, 4)) - 0.5,
    image(rng, out, c, kh, kw) - 0.5, image(rng, out)))(*(rng.randint(1, 4) for _ in range(4)))),
    weight=2.0)
_LAYER = "def conv_layer(images, weight, bias):\n    return "
layer.mistake("a flipped kernel", "PyTorch does not flip its kernels: what lies in the upper "
              "left of the window is multiplied by the number in the upper left.",
              _LAYER + "F.conv2d(images, weight.flip(2, 3), bias)")
layer.mistake("channels averaged", "The answers of a kernel's layers are added up, not averaged.",
              _LAYER + "F.conv2d(images, weight / images.shape[1], bias)")
layer.mistake("no bias", "Each kernel adds its own number to its map.",
              _LAYER + "F.conv2d(images, weight)")
layer.mistake("the bias along the columns", "`+ bias` aligns the biases with the last axis. They "
              "belong to the maps: `bias[:, None, None]`.",
              _LAYER + "F.conv2d(images, weight) + bias")
layer.mistake("the bias along the rows", "`bias[:, None]` aligns the biases with the rows. They "
              "belong to the maps, which is one axis farther: `bias[:, None, None]`.",
              _LAYER + "F.conv2d(images, weight) + bias[:, None]")
layer.mistake("images against kernels", "Every image meets every kernel. That needs an axis of "
              "its own for the kernels, of length 1 in the images: (N, 1, C, height, width).", """
def conv_layer(images, weight, bias):
    kh, kw = weight.shape[2:]
    h, w = images.shape[2] - kh + 1, images.shape[3] - kw + 1
    return bias[:, None, None] + sum(
        images[:, :, i:i + h, j:j + w] * weight[:, :, i, j, None, None]
        for i in range(kh) for j in range(kw))
""")
layer.mistake("one row and one column too few", "n pixels and a kernel of k give n − k + 1 places.",
              _LAYER + "F.conv2d(images, weight, bias)[:, :, :-1, :-1]")
layer.mistake("the bias of each channel", "The bias is added once to a map, not once for each "
              "channel that comes in.", _LAYER + "F.conv2d(images, weight, bias * images.shape[1])")
layer.mistake("the bias at each place of the kernel", "The bias is added once to each number of a "
              "map, and not with each weight.",
              _LAYER + "F.conv2d(images, weight, bias * weight[0, 0].numel())")
layer.mistake("out and in exchanged", "The first axis of the weights counts the kernels, the "
              "second the channels that come in.",
              _LAYER + "F.conv2d(images, weight.transpose(0, 1), bias)")
layer.mistake("the first channel alone", "A kernel has a layer for each channel, and all of them "
              "count.", _LAYER + "F.conv2d(images[:, :1], weight[:, :1], bias)")
layer.mistake("images with a frame", "Nothing is padded here: the kernel must lie wholly on the "
              "image.", _LAYER + 'F.conv2d(images, weight, bias, padding="same")')
layer.mistake("the last place only", "Each place of the kernel adds to the result; the one that "
              "comes last must not replace what was there.", """
def conv_layer(images, weight, bias):
    last = torch.zeros_like(weight)
    last[:, :, -1, -1] = weight[:, :, -1, -1]
    return F.conv2d(images, last, bias)
""")
