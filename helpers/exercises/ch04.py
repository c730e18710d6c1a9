"""Chapter 4: pooling."""

import math

import torch
import torch.nn.functional as F

from helpers.convolution import receptive_field

from .comparing import WrongAnswer, plain
from .exercise import Exercise, call, drawn, variants


def image(rng, *shape):
    """Return maps with numbers from −1 to 1."""
    generator = torch.Generator().manual_seed(rng.randrange(2**31))
    return 2 * torch.rand(shape, generator=generator) - 1


def grid(*rows):
    """Return a map (H, W) of these numbers."""
    return torch.tensor(rows, dtype=torch.float32)


def jump_of(layers):
    """Return how many input pixels lie between neighboring outputs."""
    return receptive_field(layers).jump


def stack(rng):
    """Draw four layers for which the usual mistakes give other numbers than the answer."""
    while True:
        kernels = [rng.randint(2, 6) for _ in range(4)]
        layers = [(k, rng.randint(1, min(k, 5))) for k in kernels]
        strides = [s for _, s in layers]
        answers = {jump_of(layers), sum(strides), max(strides), math.lcm(*strides),
                   receptive_field(layers).size, strides[-1]}
        if len(answers) == 6 and jump_of(layers) <= 120:
            return {"layers": layers}


shift = Exercise(
    "answer_smallest_shift", right=jump_of, draw=stack,
    hints=("Begin with the last layer alone. By how many places must its input move?",
           "That input is the output of the layer before. To move it by one place, by how many "
           "places must the input of that layer move? Go on to the picture.",
           "It is the jump of chapter 3: each stride multiplies it. The kernels do not matter."))
shift.mistake("the strides added", "One place of the second layer is not a pixel: it is as long as "
              "the first layer's stride. Such lengths do not add up, each is counted in the other.",
              "answer_smallest_shift = lambda layers: sum(s for _, s in layers)")
shift.mistake("the largest stride", "The layer with this stride does not stand alone: what it "
              "counts in are places of the layers before it.",
              "answer_smallest_shift = lambda layers: max(s for _, s in layers)")
shift.mistake("the least common multiple", "It would do if all layers counted in pixels of the "
              "picture. The second counts in outputs of the first.",
              "answer_smallest_shift = lambda layers: math.lcm(*(s for _, s in layers))")
shift.mistake("the receptive field", "This is how many pixels an output sees. How far it is to its "
              "neighbor is another question.",
              "answer_smallest_shift = lambda layers: 1 + sum((k - 1) * math.prod("
              "s for _, s in layers[:n]) for n, (k, _) in enumerate(layers))")
shift.mistake("the windows multiplied", "How large a window is does not matter here: think of how "
              "far it moves.",
              "answer_smallest_shift = lambda layers: math.prod(k for k, _ in layers)")
shift.mistake("the last stride only", "By this the last layer's *input* must move. Of what does "
              "it consist?", "answer_smallest_shift = lambda layers: layers[-1][1]")


def three_poolings(row):
    """Pool by PyTorch."""
    x = torch.tensor([row], dtype=torch.float32)
    mean, real = (F.avg_pool1d(x, 2, 2, 1, count_include_pad=counted)[0].tolist()
                  for counted in (True, False))
    return [F.max_pool1d(x, 2, 2, 1)[0].tolist(), mean, real]


def row_of_six(rng):
    """Draw six numbers, negative at both ends."""
    inside = rng.sample([n for n in range(-9, 10) if n], 4)
    return {"row": [-rng.randint(1, 4) * 2, *inside, -rng.randint(5, 9)]}


wrong_pools = variants("""
def answer_three_poolings(row):
    x = torch.tensor([row], dtype=torch.float32)
    return [y[0].tolist() for y in ({max}, {counted}, {real})]
""", max="F.max_pool1d(x, 2, 2, 1)", counted="F.avg_pool1d(x, 2, 2, 1)",
    real="F.avg_pool1d(x, 2, 2, 1, count_include_pad=False)")
poolings = Exercise(
    "answer_three_poolings", right=three_poolings, draw=row_of_six,
    hints=("Write the row with one padded place at each end. Where do the windows begin?",
           "Four windows: (padding, first), (second, third), (fourth, fifth), (last, padding). "
           "What stands in the padding of a maximum, and what in that of a mean?",
           "For the maximum the padding is −∞ and never wins. In the second list the outer windows "
           "are halves of the outer numbers; in the third the outer numbers themselves."))
poolings.mistake("zeros under the maximum", "A zero won at an end where only negative numbers "
                 "stand. The padding of max pooling never wins.",
                 wrong_pools(max="F.max_pool1d(F.pad(x, (1, 1)), 2, 2)"))
poolings.mistake("the two means turned around", "Where the zeros count, the sum is divided by two, "
                 "also at the ends. Your second list divides by one there.", wrong_pools(
                     counted="F.avg_pool1d(x, 2, 2, 1, count_include_pad=False)",
                     real="F.avg_pool1d(x, 2, 2, 1)"))
poolings.mistake("the padding forgotten", "Without padding three windows would lie side by side. "
                 "With one place more at each end they begin at other pairs.", wrong_pools(
                     max="F.max_pool1d(x, 2)", counted="F.avg_pool1d(x, 2)",
                     real="F.avg_pool1d(x, 2)"))
poolings.mistake("steps of one", "The windows move by 2, so no number stands in two of them.",
                 wrong_pools(max="F.max_pool1d(x, 2, 1, 1)", counted="F.avg_pool1d(x, 2, 1, 1)",
                             real="F.avg_pool1d(x, 2, 1, 1, count_include_pad=False)"))
poolings.mistake("the padding counted both times", "Your third list divides by two at the ends, "
                 "too. Where padding does not count, how many numbers has the window there?",
                 wrong_pools(real="F.avg_pool1d(x, 2, 2, 1)"))
poolings.mistake("the padding counted neither time", "Your second list divides by one at the "
                 "ends. There a zero of the padding counts as a number: how many has the window?",
                 wrong_pools(counted="F.avg_pool1d(x, 2, 2, 1, count_include_pad=False)"))


FOUR = grid([1, 2, 8, 3], [5, 16, 7, 4], [9, 14, 10, 11], [13, 12, 15, 6])  # maxima in all corners
WIDE = grid([1, 2, 3, 4, 12, 6], [7, 8, 9, 10, 11, 5])


def swapped_in_pairs(x):
    """Swap the rows of each pair."""
    order = torch.arange(len(x))
    return x[order + 1 - 2 * (order % 2)]


def pooled(f, x):
    """Return the maxima and the means of x's twin, and the places where it is x."""
    given = x.clone()
    y = f(given)
    if not torch.equal(given, x):
        raise WrongAnswer("it has changed `x`: work on a copy.")
    if (y := plain(y)) is None:
        return [None] * 3
    y = torch.as_tensor(y).float()
    same = (y == x).nonzero().tolist() if y.shape == x.shape else None
    return [F.max_pool2d(y[None], 2)[0], F.avg_pool2d(y[None], 2)[0], same]


twins = Exercise(
    "twin", right=swapped_in_pairs,
    hints=("Within a 2 × 2 window, max pooling and average pooling do not know who stands where. "
           "Which changes of places stay inside the windows?",
           "If rows 0 and 1 change places, and 2 and 3, and so on, each number stays in its "
           "window, and none stays where it was.",
           "`x.view(h // 2, 2, w)` has the pairs of rows on its second axis: `.flip(1)` turns them "
           "around, and `.reshape(h, w)` puts all together."))
twins.probe("the same maxima", "F.max_pool2d(twin(x), 2), for x of 4 × 4,",
            note="Does a number leave its 2 × 2 window?")(lambda f: pooled(f, FOUR)[0])
twins.probe("the same means", "F.avg_pool2d(twin(x), 2), for x of 4 × 4,",
            note="Does a number leave its 2 × 2 window, or come twice?")(
                lambda f: pooled(f, FOUR)[1])
twins.probe("none in its place", "(twin(x) == x).nonzero(), for x of 4 × 4,",
            note="Each number must have another place than before.")(lambda f: pooled(f, FOUR)[2])
twins.probe("a map that is not square", "[maxima, means, places], for x of 2 × 6,",
            note="Height and width are even, and need not be equal.")(lambda f: pooled(f, WIDE))
twins.probe("other sizes", "[maxima, means, places]", hidden=True, weight=2)(
    lambda f: [pooled(f, torch.randperm(h * w, generator=torch.Generator().manual_seed(h))
                      .view(h, w).float()) for h, w in ((2, 2), (2, 6), (8, 4), (10, 6))])
twins.mistake("the whole map is turned around", "The same numbers, but they have moved to other "
              "windows. Each must stay in its own.", "twin = lambda x: x.flip(0, 1)")
twins.mistake("moved by one place", "Half of the numbers have crossed into the next window. A "
              "change of places must stay inside.", "twin = lambda x: x.roll(1, 1)")
twins.mistake("each window transposed", "Maxima and means are right, but two numbers of each "
              "window, those on its diagonal, stand where they stood.",
              "twin = lambda x: x.view(len(x) // 2, 2, -1, 2).transpose(1, 3).reshape(x.shape)")
twins.mistake("the maxima, repeated", "The maxima are right, and the means are too large: a "
              "window holds its largest number four times.",
              "twin = lambda x: F.interpolate(F.max_pool2d(x[None, None], 2), len(x))[0, 0]")
twins.mistake("the means, repeated", "The means are right. But a window in which all four numbers "
              "are the mean has lost its maximum.",
              "twin = lambda x: F.interpolate(F.avg_pool2d(x[None, None], 2), len(x))[0, 0]")
twins.mistake("the maximum, and the mean of the rest", "Maxima and means are right. Where the "
              "maximum was in this corner before, it stands where it stood.", """
def twin(x):
    most, mean = F.max_pool2d(x[None], 2)[0], F.avg_pool2d(x[None], 2)[0]
    y = ((4 * mean - most) / 3).repeat_interleave(2, 0).repeat_interleave(2, 1)
    y[::2, ::2] = most
    return y
""")
twins.mistake("swapped without a copy", "Some numbers come twice: when the second rows are "
              "written, the first ones are overwritten already.", """
def twin(x):
    y = x.clone()
    y[::2], y[1::2] = y[1::2], y[::2]
    return y
""")
twins.mistake("the map itself", "It has the same maxima and means, and all of its numbers "
              "stand where they stood.", "twin = lambda x: x.clone()")
twins.mistake("whole windows changed places", "Pairs of rows have changed places as pairs. The "
              "two rows of a pair should.",
              "twin = lambda x: x.view(-1, 2, x.shape[1]).flip(0).view(x.shape)")


def mean_by_pytorch(x, kernel, stride, padding):
    """PyTorch has an argument for it."""
    return F.avg_pool2d(x, kernel, stride, padding, count_include_pad=False)


def maps_to_average(rng):
    """Draw maps and settings that PyTorch allows."""
    kernel = rng.randint(2, 5)
    x = image(rng, rng.randint(1, 3), rng.randint(1, 3), rng.randint(5, 8), rng.randint(5, 8))
    return call(x, kernel, rng.randint(1, 3), rng.randint(0, kernel // 2))


real = Exercise(
    "mean_without_padding", right=mean_by_pytorch,
    hints=("`F.avg_pool2d` gives sum / (kernel · kernel). What is wanted is sum / (number of real "
           "pixels in the window). How can one count these?",
           "The same pooling of a map of ones gives, at each place, which fraction of the window "
           "is real.",
           "Divide the pooled `x` by the pooled `torch.ones_like(x)`."))
real.case("a map of ones stays one", call(torch.ones(1, 1, 3, 3), 3, 1, 1))
real.case("a map with zeros in it", call(grid([8, 0, 4, 0], [0, 0, 2, 6])[None, None], 2, 2, 1),
          note="A zero that stands in the map is a number as any other: it counts.")
real.case("two images, stride 2", call(torch.arange(18.0).view(2, 1, 3, 3), 3, 2, 1))
real.case("without padding", call(torch.arange(4.0).view(1, 1, 2, 2), 2, 1, 0))
real.hidden("any settings", drawn(12, maps_to_average), weight=2)
wrong_mean = variants("""
def mean_without_padding(x, kernel, stride, padding):
    {lines}
""")
real.mistake("the padding counts", "This is PyTorch's default: the zeros of the padding are "
             "counted as pixels, and the corner of a map of ones comes out as 4/9.",
             wrong_mean(lines="return F.avg_pool2d(x, kernel, stride, padding)"))
real.mistake("zeros of the map do not count", "You divide by the number of pixels that are not "
             "zero. A zero in the map is a pixel, too; only the padding is none.", wrong_mean(
                 lines="a, b = (F.avg_pool2d(y, kernel, stride, padding) for y in (x, 1.0 * (x != 0"
                 ")))\n    return a / b.clamp(min=1e-9)"))
real.mistake("the border repeated", "The padding holds copies of the border pixels here, and they "
             "count: a pixel at the border has more weight than its neighbor.", wrong_mean(
                 lines='y = F.pad(x, (padding,) * 4, mode="replicate")\n'
                 "    return F.avg_pool2d(y, kernel, stride)"))
real.mistake("no padding at all", "Without the padding there are fewer windows, and none lies over "
             "the border.", wrong_mean(lines="return F.avg_pool2d(x, kernel, stride)"))
real.mistake("the stride left out", "Without `stride` the windows of a pooling move by their own "
             "size.", wrong_mean(
                 lines="a, b = (F.avg_pool2d(y, kernel, padding=padding) for y in "
                 "(x, torch.ones_like(x)))\n    return a / b"))
real.mistake("steps of one", "The windows move by 1, whatever the stride.", wrong_mean(
                 lines="a, b = (F.avg_pool2d(y, kernel, 1, padding) for y in "
                 "(x, torch.ones_like(x)))\n    return a / b"))
real.mistake("the sum in place of the mean", "Each output is the sum over its window. It still has "
             "to be divided by the number of real pixels.", wrong_mean(
                 lines="return F.avg_pool2d(x, kernel, stride, padding) * kernel**2"))


def maps_by_pytorch(maps, weight, bias):
    """A dense layer at every place is a 1 × 1 convolution."""
    return F.conv2d(maps, weight[:, :, None, None], bias)


def maps_and_weights(rng):
    """Draw maps, and a dense layer for them."""
    c, k = rng.randint(2, 6), rng.randint(2, 6)
    maps = image(rng, rng.randint(1, 3), c, rng.randint(1, 5), rng.randint(1, 5))
    return call(maps, image(rng, k, c), image(rng, k))


where = Exercise(
    "class_maps", right=maps_by_pytorch,
    hints=("The mean is a sum, divided; the dense layer is a weighted sum. Which of the two is "
           "done first does not change the result. What is left if the mean comes last?",
           "The dense layer, applied to the C numbers of each place. Its bias is added at each "
           "place, since the mean of equal numbers is that number.",
           '`torch.einsum("kc,nchw->nkhw", weight, maps) + bias[:, None, None]`'))
where.case("one place only", call(grid([2, 3]).view(1, 2, 1, 1), grid([1, 10], [1, -1]),
                                  torch.tensor([0.0, 5.0])))
where.case("two places", call(grid([1, 2], [3, 4]).view(1, 2, 1, 2), grid([1, 10], [1, -1]),
                              torch.tensor([0.0, 6.0])),
           note="The places hold the channels 1, 3 and 2, 4. Each is an input of the dense layer.")
where.case("two images, three classes, 2 × 2 places",
           call(torch.arange(16.0).view(2, 2, 2, 2), grid([1, 0], [0, 1], [-1, 1]),
                torch.tensor([4.0, 0.0, 8.0])))


@where.probe("their mean is what the head says", "class_maps(maps, weight, bias).mean((2, 3))")
def _mean_of_maps(f):
    maps, weight, bias = torch.arange(12.0).view(1, 2, 2, 3), grid([1, 2], [3, -4]), grid(5, 6)
    return plain(f(maps, weight, bias)).mean((2, 3))


where.hidden("any sizes", drawn(8, maps_and_weights), weight=2)
wrong_maps = variants("""
def class_maps(maps, weight, bias):
    scores = {scores}
    return {result}
""", scores='torch.einsum("kc,nchw->nkhw", weight, maps)', result="scores + bias[:, None, None]")
where.mistake("the bias left out", "The maps are right up to a number for each class: the mean of "
              "your maps is the logit without its bias.", wrong_maps(result="scores"))
where.mistake("the bias divided", "The bias is shared out over the places. Then its mean is only "
              "one of these shares: it must be whole at each place.",
              wrong_maps(result="scores + bias[:, None, None] / scores[0, 0].numel()"))
where.mistake("the sum is the logit", "These maps add up to the logits. Their mean should be the "
              "logits.", wrong_maps(result="(scores + bias[:, None, None]) / scores[0, 0].numel()"))
where.mistake("the logits, repeated", "The mean was taken first, so all places are equal, and the "
              "maps say nothing about where.", wrong_maps(
                  scores="F.linear(maps.mean((2, 3)), weight, bias)[:, :, None, None]",
                  result="scores.expand(-1, -1, *maps.shape[2:])"))
where.mistake("the classes last", "The numbers are right. The classes take the place of the "
              "channels: (N, K, H, W).",
              wrong_maps(result="(scores + bias[:, None, None]).permute(0, 2, 3, 1)"))
where.mistake("the bias along a wrong axis", "A bias of shape (K,) meets the last axis, which "
              "holds the columns. It belongs to axis 1.", wrong_maps(result="scores + bias"))
where.mistake("negative numbers cut off", "Evidence *against* a class is negative, and counts in "
              "the mean.", wrong_maps(result="F.relu(scores + bias[:, None, None])"))
where.mistake("a softmax over the classes", "These are probabilities at each place. Logits are the "
              "numbers before a softmax, and the mean of probabilities is not their softmax.",
              wrong_maps(result="(scores + bias[:, None, None]).softmax(1)"))


def adaptive_by_pytorch(x, height, width):
    """What PyTorch gives."""
    return F.adaptive_max_pool2d(x, (height, width))


def maps_to_adapt(rng):
    """Draw maps, and sizes smaller and larger than theirs."""
    x = image(rng, rng.randint(1, 2), rng.randint(1, 3), rng.randint(3, 9), rng.randint(3, 9))
    return call(x - 2, rng.randint(1, 10), rng.randint(1, 10))


adaptive = Exercise(
    "adaptive_max", right=adaptive_by_pytorch,
    hints=("First write down the windows of 7 rows for 3 outputs: where does each begin, and "
           "before which row does it end?",
           "Window i begins at `i * size // n`. Rounded up, `a / b` is `-(-a // b)`, or "
           "`math.ceil(a / b)`.",
           "A window of rows and columns is a slice of `x`; `.amax((2, 3))` takes its maximum for "
           "each image and channel. `torch.stack` joins the columns, then the rows."))
adaptive.case("7 columns for 3", call(grid([1, 2, 9, 3, 8, 4, 10])[None, None], 1, 3),
              note="The windows hold columns 0 to 2, 2 to 4 and 4 to 6: two stand in two of them.")
adaptive.case("8 columns for 5", call(grid([1, 2, 3, 9, 4, 5, 8, 6])[None, None], 1, 5),
              note="The windows begin at columns 0, 1, 3, 4, 6 and end before 2, 4, 5, 7, 8: two "
                   "are wider than the others.")
adaptive.case("a map that is not square, for 2 × 3",
              call(grid([-9, -8, -7, -6], [-5, -1, -4, -9], [-3, -9, -9, -8], [-9, -7, -2, -9],
                        [-6, -9, -9, -5])[None, None], 2, 3))
adaptive.case("two images of two channels, 4 columns for 2",
              call(torch.arange(32.0).view(2, 2, 2, 4), 1, 2))
adaptive.case("more places than pixels", call(grid([3, 1])[None, None], 1, 3))
adaptive.hidden("any sizes", drawn(8, maps_to_adapt), weight=2)
wrong_adaptive = variants("""
def adaptive_max(x, height, width):
    def windows(size, n):
        return [slice({start}, {stop}) for i in range(n)]
    rows = [torch.stack([x[:, :, r, c].{summary} for c in windows(x.shape[{last}], width)], -1)
            for r in windows(x.shape[{first}], height)]
    return torch.stack(rows, -2)
""", start="i * size // n", stop="-(-(i + 1) * size // n)", summary="amax((2, 3))", first=2, last=3)
adaptive.mistake("windows of one width", "All windows are size // n wide, so what is left over at "
                 "the end is in none of them.",
                 wrong_adaptive(start="i * (size // n)", stop="(i + 1) * (size // n)"))
adaptive.mistake("one width, rounded up", "The windows begin where they should, but are all of "
                 "one width. Count where each one ends.",
                 wrong_adaptive(stop="i * size // n - (-size // n)"))
adaptive.mistake("the last pixel included", "A window ends *before* the pixel that you have "
                 "counted, as a slice does.", wrong_adaptive(stop="-(-(i + 1) * size // n) + 1"))
adaptive.mistake("a zero wins", "The maxima are right where they are positive. Where all numbers "
                 "of a window are negative, 0 came out: what did the result begin with?",
                 wrong_adaptive(summary="amax((2, 3)).clamp(min=0)"))
adaptive.mistake("the ends rounded down", "These windows do not overlap: each ends where the next "
                 "begins. The ends are rounded up.", wrong_adaptive(stop="(i + 1) * size // n"))
adaptive.mistake("the beginnings rounded up", "Window i begins at i · size / n rounded down: a "
                 "pixel that lies in two windows by a part belongs to both.",
                 wrong_adaptive(start="-(-i * size // n)"))
adaptive.mistake("height and width turned around", "The windows of the rows were counted by the "
                 "width of `x`, those of the columns by its height. `x` is (N, C, H, W).",
                 wrong_adaptive(first=3, last=2))
adaptive.mistake("the maximum over the channels", "Pooling treats each channel alone: your maximum "
                 "goes over the channels as well.",
                 wrong_adaptive(summary="amax((1, 2, 3))[:, None].expand(-1, x.shape[1])"))
adaptive.mistake("the maximum over everything", "Pooling treats each image and each channel alone: "
                 "your maximum goes over all of them.",
                 wrong_adaptive(summary="max().expand(x.shape[:2])"))
adaptive.mistake("one pixel too many", "Where the size divides evenly, your windows take a pixel "
                 "of the next. To round up is not to round down and add one.",
                 wrong_adaptive(stop="(i + 1) * size // n + 1"))


def gradient_by_pytorch(x, upstream, kernel, stride):
    """What autograd gives."""
    x = x.clone().requires_grad_()
    with torch.enable_grad():
        F.max_pool2d(x[None], kernel, stride)[0].backward(upstream)
    return x.grad


def map_and_gradient(rng):
    """Draw a map with equal numbers in it, and the gradient of what is made of it."""
    h, w = rng.randint(4, 7), rng.randint(4, 7)
    kernel, stride = rng.randint(2, 3), rng.randint(1, 3)
    x = (4 * image(rng, h, w)).round()
    upstream = image(rng, (h - kernel) // stride + 1, (w - kernel) // stride + 1)
    return call(x, upstream, kernel, stride)


back = Exercise(
    "max_pool_backward", right=gradient_by_pytorch,
    hints=("Go through the windows as on the way there. Which pixel does the gradient of a window "
           "go to, and what if another window sends it something, too?",
           "`window.argmax()` counts row by row through the window, and gives the first of "
           "equal numbers. Divided by `kernel`, it gives the row; the rest is the column.",
           "With `row, column = divmod(int(window.argmax()), kernel)`, add `upstream[i, j]` to "
           "`grad[i * stride + row, j * stride + column]`, which began as zeros."))
back.case("two windows side by side", call(grid([1, 2, 8, 7], [3, 4, 5, 6]), grid([10, 20]), 2, 2))
back.case("windows that overlap",
          call(grid([1, 2, 3], [4, 9, 5], [6, 7, 8]), grid([1, 10], [100, 1000]), 2, 1),
          note="The 9 wins all four windows. What do four windows give it together?")
back.case("equal numbers", call(grid([5, 5, 1], [5, 2, 3], [0, 3, 3]), grid([1, 10], [100, 1000]),
                                2, 1),
          note="Of equal numbers the first one gets all, row by row.")
back.case("negative numbers, and a row that is never read",
          call(grid([-4, -3, -9], [-2, -8, -7], [-1, -1, -1]), grid([1]), 2, 2))
back.hidden("any maps, and gradients of both signs", drawn(10, map_and_gradient), weight=2)
wrong_back = variants("""
def max_pool_backward(x, upstream, kernel, stride):
    grad = torch.zeros_like(x)
    for i in range(upstream.shape[0]):
        for j in range(upstream.shape[1]):
            top, left = i * stride, j * stride
            window = x[top:top + kernel, left:left + kernel]
            place = grad[top:top + kernel, left:left + kernel]
            {lines}
    return grad
""")
ARGMAX = "row, column = divmod(int(window.argmax()), kernel)\n            "
back.mistake("overwritten, not added", "A pixel that wins several windows gets the gradient of the "
             "last one only. Gradients from several sides add up.",
             wrong_back(lines=ARGMAX + "place[row, column] = upstream[i, j]"))
back.mistake("the windows side by side", "They lie next to each other here, whatever the stride. "
             "Where does window number i begin?", wrong_back(lines=ARGMAX + (
                 "place[row, column] += upstream[i, j]")).replace("* stride", "* kernel"))
back.mistake("looked up by the value", "The largest number is looked up in the whole map, and may "
             "stand elsewhere, too. Look for it in its own window.", wrong_back(
                 lines="row, column = (x == window.max()).nonzero()[0]\n            "
                 "grad[row, column] += upstream[i, j]"))
back.mistake("all equal numbers get the gradient", "Where the largest number comes twice, both got "
             "the whole gradient: more comes out than went in. PyTorch gives it to the first.",
             wrong_back(lines="place += (window == window.max()) * upstream[i, j]"))
back.mistake("equal numbers share", "To share fairly would be a choice, too. PyTorch gives all to "
             "the first, row by row.", wrong_back(
                 lines="best = (window == window.max()).float()\n            "
                 "place += best / best.sum() * upstream[i, j]"))
back.mistake("the last of equal numbers wins", "Of equal numbers you take the last. `argmax`, and "
             "PyTorch's pooling, take the first, row by row.", wrong_back(
                 lines="last = window.numel() - 1 - int(window.flatten().flip(0).argmax())\n"
                 "            place[last // kernel, last % kernel] += upstream[i, j]"))
back.mistake("one for each win", "This counts how many windows each pixel wins. Each window has a "
             "gradient of its own, which it hands on.",
             wrong_back(lines=ARGMAX + "place[row, column] += 1"))
back.mistake("shared by the whole window", "So does the mean hand on its gradient: evenly. "
             "From a maximum all of it goes to the winner.",
             wrong_back(lines="place += upstream[i, j] / kernel**2"))
back.mistake("the place counted in rows of the map", "`argmax` of a window counts in rows of the "
             "window, and these are `kernel` long. You divide by the width of the map.",
             wrong_back(lines="row, column = divmod(int(window.argmax()), x.shape[1])\n"
                         "            grad[top + row, left + column] += upstream[i, j]"))
