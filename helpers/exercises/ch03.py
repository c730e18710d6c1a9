"""Chapter 3: stride, padding, dilation."""

import random

import torch
import torch.nn.functional as F

from helpers.convolution import receptive_field

from .comparing import plain
from .exercise import Exercise, call, drawn, variants
from .naming import defined_by


def image(rng, *shape):
    """Return images with numbers from −1 to 1."""
    generator = torch.Generator().manual_seed(rng.randrange(2**31))
    return 2 * torch.rand(shape, generator=generator) - 1


def places(n, k, s=1, p=0, d=1):
    """Return how many windows PyTorch finds, 0 where none fits."""
    span = d * (k - 1) + 1
    return 0 if n + 2 * p < span else len(torch.empty(n + 2 * p).unfold(0, span, s))


def shape_by_pytorch(height, width, kernel, stride, padding, dilation):
    """Let PyTorch count the windows of both layers."""
    return (1, 16, *(places(places(size, kernel, stride, padding), 3, d=dilation)
                     for size in (height, width)))


wrong_sizes = variants("""
def answer_two_layers(height, width, kernel, stride, padding, dilation):
    def size(n):
        first = {first}
        return {second}
    high, wide = size(height), size(width)
    return {shape}
""", first="(n + 2 * padding - kernel) // stride + 1", second="first - 2 * dilation",
    shape="1, 16, high, wide")


def two_layers(rng):
    """Draw numbers until no known mistake has the result of another, or the right one."""
    while True:
        numbers = {"height": rng.randint(24, 40), "width": rng.randint(24, 40),
                   "kernel": rng.randint(3, 6), "stride": rng.choice((2, 3)),
                   "padding": rng.choice((1, 2)), "dilation": rng.choice((2, 3))}
        answers = {count(**numbers) for count in (shape_by_pytorch, *WRONG)}
        if len(answers) == len(WRONG) + 1:
            return numbers


two = Exercise(
    "answer_two_layers", right=shape_by_pytorch, draw=two_layers,
    hints=("Two of the four numbers need no counting. Which?",
           "Go through height and width one after the other, and through the layers in turn: what "
           "comes out of the first is the size for the second.",
           "The first layer: `(height + 2 * padding - kernel) // stride + 1`. The second spans "
           "`2 * dilation + 1` pixels, at stride 1 and without padding."))
two.mistake("the places after the first", "Both layers come out one too small. A kernel that fits "
            "once has one place, not none.", wrong_sizes(
                first="(n + 2 * padding - kernel) // stride", second="first - 2 * dilation - 1"))
two.mistake("padding at one end", "Padding is added at both ends of an axis: how many pixels is "
            "that?", wrong_sizes(first="(n + padding - kernel) // stride + 1"))
two.mistake("the dilation left out", "The second layer counts as a plain 3 × 3. How many pixels "
            "does it span with the gaps?", wrong_sizes(second="first - 3 + 1"))
two.mistake("a span of kernel times dilation", "Three numbers have two gaps between them, so "
            "the span is smaller than 3 · d.", wrong_sizes(second="first - 3 * dilation + 1"))
two.mistake("the size divided by the stride", "This is size over stride, as if each pixel could "
            "start a window. Where does the last one start?", wrong_sizes(first="n // stride"))
two.mistake("height and width turned around", "The numbers are there, in the wrong order: images "
            "are (N, C, height, width).", wrong_sizes(shape="1, 16, wide, high"))
two.mistake("the channels of the first layer", "Height and width are right. A layer puts out one "
            "channel for each of its kernels.", wrong_sizes(shape="1, 8, high, wide"))
two.mistake("the first layer only", "This is what comes out of the first layer. The second one "
            "has still to slide over it.", wrong_sizes(second="first", shape="1, 8, high, wide"))
two.mistake("the number of images left out", "These three are right. A batch of one image has a "
            "first axis, too, of length 1.", wrong_sizes(shape="16, high, wide"))
two.mistake("the channels last", "The numbers are right, and PyTorch has the channels before "
            "height and width.", wrong_sizes(shape="1, high, wide, 16"))
WRONG = [defined_by(mistake.code, two.name) for mistake in two.mistakes]


def pads_by_search(size, kernel, stride=1, dilation=1):
    """Add pixels one by one until there are enough places."""
    total = 0
    while places(size + total, kernel, stride, 0, dilation) < -(-size // stride):
        total += 1
    return total // 2, total - total // 2


pads = Exercise(
    "same_pads", right=pads_by_search,
    hints=("How many pixels must the padded row have at least, so that a kernel of this span has "
           "`out` places at this stride? Put the formula for `out` the other way around.",
           "The last place starts at `(out - 1) * stride` and needs `span` pixels from there. What "
           "the row lacks is the padding; a row that is long enough lacks nothing.",
           "`total = max((out - 1) * stride + span - size, 0)`, and "
           "`math.ceil(size / stride)` is `-(-size // stride)`. Put `total // 2` before the row."))
pads.case("a kernel of 3 keeps the size", call(7, 3))
pads.case("of an odd number the extra pixel comes last", call(9, 4))
pads.case("stride 2", call(8, 3, stride=2), call(9, 3, stride=2),
          note="How many places are asked for here, and where does the last one start?")
pads.case("dilation", call(10, 3, dilation=3))
pads.case("nothing to add", call(6, 2, stride=3))
pads.hidden("any settings", drawn(60, lambda rng: call(
    rng.randint(8, 40), rng.randint(1, 6), stride=rng.randint(1, 5),
    dilation=rng.randint(1, 3))), weight=2)
wrong_pads = variants("""
def same_pads(size, kernel, stride=1, dilation=1):
    span = {span}
    total = {total}
    return {both}
""", span="dilation * (kernel - 1) + 1",
    total="max((-(-size // stride) - 1) * stride + span - size, 0)",
    both="total // 2, total - total // 2")
pads.mistake("the extra pixel comes first", "Of an odd number of pixels one end gets one more. By "
             "PyTorch's and TensorFlow's convention that is the right end.",
             wrong_pads(both="total - total // 2, total // 2"))
pads.mistake("half of the odd pixel is lost", "Both ends get the same here. With an odd total "
             "that is one pixel too few: look at the kernel of 4.",
             wrong_pads(both="total // 2, total // 2"))
pads.mistake("the padding of stride 1", "This keeps the size at stride 1, whatever the stride is. "
             "With a stride the last place starts earlier, and less is needed.",
             wrong_pads(total="span - 1"))
pads.mistake("padded to the size itself", "With a stride this pads until `size` places fit. How "
             "many does SAME ask for?",
             wrong_pads(total="max((size - 1) * stride + span - size, 0)"))
pads.mistake("the dilation left out", "The kernel counts as `kernel` pixels wide. With dilation "
             "it spans more.", wrong_pads(span="kernel"))
pads.mistake("less than nothing", "Where the row is longer than needed the difference is "
             "negative. Padding cannot take pixels away.",
             wrong_pads(total="(-(-size // stride) - 1) * stride + span - size"))
pads.mistake("size over stride rounded down", "A size that the stride does not divide gets one "
             "place too few: SAME rounds size / stride up.",
             wrong_pads(total="max((size // stride - 1) * stride + span - size, 0)"))


counts = Exercise(
    "answer_read_counts", right="EBDC",
    hints=("Draw nine pixels, and the places of the kernel below them. How many places are there, "
           "and which pixels does the first one read?",
           "All counts of a line together are the number of products that read a pixel. Without "
           "padding that is 3 for each output.",
           "The first place of E reads pixels 0, 2 and 4, the second 1, 3 and 5. The first place "
           "of D has one of its three numbers in the padding."))
counts.mistake("the padding overlooked", "Without padding only one place reads the first pixel. "
               "Line 2 says how many do there.", "answer_read_counts = 'EADC'")
counts.mistake("the two strides turned around", "With padding the first place starts at −1: pixel "
               "1 is its end, and the beginning of the next.", "answer_read_counts = 'EBCD'")
counts.mistake("the two at stride 1 turned around", "Look at pixel 0: in one of the two layers a "
               "place reads it that starts in the padding.", "answer_read_counts = 'BEDC'")
counts.mistake("dilation taken for a stride", "With dilation the kernel is spread out, and still "
               "moves by one pixel.", "answer_read_counts = 'CBDE'")
counts.mistake("the gaps overlooked", "Without gaps two places would read pixel 1, one as its "
               "first, one as its second. Line 1 has a 1.", "answer_read_counts = 'ABDC'")
counts.mistake("four strings", "The letters are right. Write them as one string, such as "
               '"ABCD".', "answer_read_counts = ['E', 'B', 'D', 'C']")
counts.mistake("commas in the string", "The letters are right. Write them without commas, such "
               'as "ABCD".', "answer_read_counts = 'E,B,D,C'")


def sizes_by_search(out, kernel, stride=1, padding=0, dilation=1):
    """Try every size."""
    return [n for n in range(1, 300) if places(n, kernel, stride, padding, dilation) == out]


def settings_of_a_layer(rng):
    """Draw a layer whose smallest image has at least one pixel."""
    kernel, dilation = rng.randint(1, 5), rng.randint(1, 3)
    return call(rng.randint(1, 12), kernel, stride=rng.randint(1, 4), dilation=dilation,
                padding=rng.randint(0, dilation * (kernel - 1) // 2))


before = Exercise(
    "sizes_before", right=sizes_by_search,
    hints=("Rounding down gives several sizes the same output. How many sizes can share one?",
           "The smallest is the one in which the last place ends exactly at the last padded pixel, "
           "with nothing cut off. Where does place number `out - 1` start?",
           "`smallest = (out - 1) * stride + span - 2 * padding`; up to `stride - 1` pixels more "
           "are cut off."))
before.case("stride 1 leaves no choice", call(5, 3))
before.case("stride 2, padding 1", call(16, 3, stride=2, padding=1),
            note="Put your first and your last size into the formula for `out`: do both give 16?")
before.case("the first layer of a ResNet", call(112, 7, stride=2, padding=3))
before.case("a stride of 4", call(54, 11, stride=4))
before.case("dilation", call(3, 3, stride=3, dilation=4))
before.hidden("any settings", drawn(8, settings_of_a_layer), weight=2)
wrong_before = variants("""
def sizes_before(out, kernel, stride=1, padding=0, dilation=1):
    span = {span}
    smallest = {smallest}
    return {sizes}
""", span="dilation * (kernel - 1) + 1", smallest="(out - 1) * stride + span - 2 * padding",
    sizes="list(range(smallest, smallest + stride))")
before.mistake("only the smallest", "This is the size that `nn.ConvTranspose2d` gives back. "
               "Larger ones, of which the stride cuts something off, have the same output.",
               wrong_before(sizes="[smallest]"))
before.mistake("one size too many", "The last of these sizes has one more place: a whole stride "
               "of pixels is room for another step.",
               wrong_before(sizes="list(range(smallest, smallest + stride + 1))"))
before.mistake("out steps, not out places", "Between `out` places lie `out - 1` steps. This "
               "begins a whole stride too late.",
               wrong_before(smallest="out * stride + span - 2 * padding"))
before.mistake("the padding added", "The padding is part of what the kernel slides over, so the "
               "image itself is smaller by it, at both ends.",
               wrong_before(smallest="(out - 1) * stride + span + 2 * padding"))
before.mistake("padding at one end", "The padding is taken off once. It was added at both ends.",
               wrong_before(smallest="(out - 1) * stride + span - padding"))
before.mistake("the dilation left out", "The kernel counts as `kernel` pixels wide. With dilation "
               "it spans more.", wrong_before(span="kernel"))
before.mistake("a span of kernel times dilation", "A kernel has one gap fewer than it has "
               "numbers: of 3 numbers, two gaps.", wrong_before(span="dilation * kernel"))
before.mistake("the largest first", "The sizes are right. They should rise.",
               wrong_before(sizes="list(range(smallest, smallest + stride))[::-1]"))


def rows_by_formula(layers, first, last):
    """Put together the fields of the first and of the last output."""
    field = receptive_field(layers)
    return (field.start + first * field.jump,
            field.start + last * field.jump + field.size - 1)


def layers_of(rng):
    """Draw up to five layers, and which outputs are wanted."""
    layers = [(rng.randint(1, 5), rng.randint(1, 3), rng.randint(0, 2), rng.randint(1, 3))
              for _ in range(rng.randint(0, 5))]
    first = rng.randint(0, 9)
    return call(layers, first, first + rng.randint(0, 9))


rows = Exercise(
    "rows_needed", right=rows_by_formula,
    hints=("Begin with one layer. In which row does the kernel of output row `first` start, and in "
           "which does that of output row `last` end?",
           "The rows that the last layer needs are what the layer before it must put out. So walk "
           "through the layers from the last to the first, with new rows each time.",
           "For each layer: `first * stride - padding` is where it starts; for the end, the kernel "
           "at `last * stride - padding` reaches `dilation * (kernel - 1)` rows further."))
rows.case("one 3 × 3", call([(3, 1, 0, 1)], 4, 6))
rows.case("stride 2 with padding 1", call([(3, 2, 1, 1)], 0, 9),
          note="The padding lies above row 0. It moves both rows up, and nothing is cut off.")
rows.case("a dilated layer", call([(3, 1, 0, 4)], 10, 10),
          note="One output row: its kernel begins in row 10. Where does its third number lie?")
rows.case("LeNet's convolutions and poolings",
          call([(5, 1, 0, 1), (2, 2, 0, 1), (5, 1, 0, 1), (2, 2, 0, 1)], 2, 4),
          note="Which layer is undone first, that next to the image or that next to the output?")
rows.case("a stem, then a dilated layer with padding", call([(7, 2, 3, 1), (3, 1, 2, 2)], 5, 7))
rows.hidden("any stack", drawn(40, layers_of), weight=2)
wrong_rows = variants("""
def rows_needed(layers, first, last):
    for kernel, stride, padding, dilation in {order}:
        first = {first}
        last = {last}
    return first, last
""", order="reversed(layers)", first="first * stride - padding",
    last="last * stride - padding + dilation * (kernel - 1)")
rows.mistake("the layers in the order of the image", "With one layer it is right, with more it is "
             "not: you start from the output, so the layer next to the output comes first.",
             wrong_rows(order="layers"))
rows.mistake("the end is a start", "`last` is where the last kernel starts. It reads further than "
             "that.", wrong_rows(last="last * stride - padding"))
rows.mistake("one row too many", "A kernel of 3 that starts in row 4 ends in row 6: it has two "
             "gaps, not three.", wrong_rows(last="last * stride - padding + dilation * kernel"))
rows.mistake("the row after the last", "The last row is one that is read, not the end of a "
             "slice.", wrong_rows(last="last * stride - padding + dilation * (kernel - 1) + 1"))
rows.mistake("the dilation left out", "The kernels count as `kernel` rows high. With dilation "
             "they span more.", wrong_rows(last="last * stride - padding + kernel - 1"))
rows.mistake("the padding only at the start", "The padding above the image moves all places up, "
             "the last one as well.", wrong_rows(last="last * stride + dilation * (kernel - 1)"))
rows.mistake("cut off at row 0", "Rows above the image were asked for as well: they are negative "
             "and lie in the padding.",
             wrong_rows().replace("return first, last", "return max(first, 0), last"))
rows.mistake("the padding left out", "The first kernel starts in the padding, above row 0: with "
             "padding all rows lie further up.",
             wrong_rows(first="first * stride", last="last * stride + dilation * (kernel - 1)"))
rows.mistake("the padding multiplied by the stride", "The padding is counted in rows of this "
             "layer's input. Only the steps between outputs are `stride` of them long.",
             wrong_rows(first="(first - padding) * stride",
                        last="(last - padding) * stride + dilation * (kernel - 1)"))


def merged_by_pytorch(weight, bias, mix, mix_bias):
    """Take the kernels for images, and mix their channels by PyTorch's own 1 × 1 convolution."""
    merged = F.conv2d(weight.transpose(0, 1), mix).transpose(0, 1)
    return merged, F.conv2d(bias[None, :, None, None], mix, mix_bias)[0, :, 0, 0]


def numbers(*rows, shape):
    """Return a tensor of these numbers."""
    return torch.tensor(rows, dtype=torch.float32).view(shape)


merge = Exercise(
    "merge_with_1x1", right=merged_by_pytorch,
    hints=("Write down output channel 0 of the second layer as a sum over channels of the first, "
           "and each of these as its kernel slid over the image, plus its bias.",
           "Sliding is linear: a weighted sum of what kernels answer is the answer of the weighted "
           "sum of the kernels. The biases of the first layer are weighted in the same way, and "
           "the bias of the second is added.",
           "With `mixing = mix[:, :, 0, 0]`, of shape (M, K): "
           '`torch.einsum("mk,kcij->mcij", mixing, weight)` and `mixing @ bias + mix_bias`.'))
merge.case("two kernels of 1 × 2 on one channel",
           call(numbers(1, 2, 3, 4, shape=(2, 1, 1, 2)), torch.tensor([1.0, 10.0]),
                numbers(1, 0, 2, 1, shape=(2, 2, 1, 1)), torch.tensor([0.0, 100.0])))
merge.case("two channels, 3 × 3",
           call(torch.arange(36.0).view(2, 2, 3, 3), torch.tensor([1.0, -1.0]),
                numbers(1, 2, -1, 3, shape=(2, 2, 1, 1)), torch.tensor([5.0, 7.0])))
merge.case("three kernels, one channel that comes out",
           call(numbers(1, 2, 3, 4, 5, 6, shape=(3, 1, 2, 1)), torch.tensor([1.0, 10.0, 100.0]),
                numbers(1, -1, 2, shape=(1, 3, 1, 1)), torch.tensor([7.0])))


@merge.probe("one layer gives what two in turn gave", "F.conv2d(x, *merge_with_1x1(…))",
             note="The shapes must be those of a layer: weights (M, C, kh, kw), bias (M,).")
def _in_place_of_two(f):
    rng = random.Random(3)
    weight, bias = f(image(rng, 4, 3, 3, 2), image(rng, 4), image(rng, 4, 4, 1, 1), image(rng, 4))
    return F.conv2d(image(rng, 2, 3, 5, 6), plain(weight).float(), plain(bias).float())


def two_layers_to_merge(rng):
    """Draw layers with as many channels here as nowhere else."""
    k, c, m = rng.sample(range(1, 7), 3)
    weight = image(rng, k, c, rng.randint(1, 4), rng.randint(1, 4))
    return call(weight, image(rng, k), image(rng, m, k, 1, 1), image(rng, m))


merge.hidden("more kernels, or fewer, than channels that come out",
             drawn(5, two_layers_to_merge), weight=2)
wrong_merge = variants("""
def merge_with_1x1(weight, bias, mix, mix_bias):
    mixing = mix[:, :, 0, 0]
    merged = {merged}
    return merged, {both}
""", merged='torch.einsum("mk,kcij->mcij", mixing, weight)', both="mixing @ bias + mix_bias")
merge.mistake("the first bias is lost", "The weights are right. The first layer's bias went "
              "through the second layer, too.", wrong_merge(both="mix_bias"))
merge.mistake("the first bias is not mixed", "The weights are right. The two biases are added as "
              "they are, but the first one is multiplied by the second layer's weights.",
              wrong_merge(both="bias + mix_bias"))
merge.mistake("the second bias is lost", "The weights are right. The second layer adds a bias of "
              "its own at the end.", wrong_merge(both="mixing @ bias"))
merge.mistake("the mixture is transposed", "The 1 × 1 weights are (out, in), as all weights of "
              "convolutions are: each row holds the weights of one output channel.",
              wrong_merge(merged='torch.einsum("km,kcij->mcij", mixing, weight)',
                          both="mixing.t() @ bias + mix_bias"))
merge.mistake("the mixture of the kernels is transposed", "The bias is right. The 1 × 1 weights "
              "are (out, in): each row holds the weights of one output channel.",
              wrong_merge(merged='torch.einsum("km,kcij->mcij", mixing, weight)'))
merge.mistake("the bias first", "Both are right, and their order is not: weights first, then the "
              "bias.", wrong_merge().replace("merged, mixing @ bias + mix_bias",
                                             "mixing @ bias + mix_bias, merged"))
merge.mistake("the weights alone", "The weights are right. The layer needs a bias as well: return "
              "both.", wrong_merge().replace("merged, mixing @ bias + mix_bias", "merged"))
merge.mistake("the mean in place of the sum", "A convolution adds up what its channels give. "
              "These are their means.",
              wrong_merge(merged='torch.einsum("mk,kcij->mcij", mixing, weight) / mixing.shape[1]',
                          both="mixing @ bias / mixing.shape[1] + mix_bias"))


def by_pytorch(images, kernels, stride=1, padding=0, dilation=1):
    """What `F.conv2d` gives."""
    return F.conv2d(images, kernels, None, stride, padding, dilation)


def images_and_kernels(rng):
    """Draw a call with other channels, heights and widths."""
    channels = rng.randint(1, 4)
    kernels = image(rng, rng.randint(1, 4), channels, rng.randint(1, 3), rng.randint(1, 3))
    images = image(rng, rng.randint(1, 3), channels, rng.randint(7, 10), rng.randint(7, 10))
    return call(images, kernels, stride=rng.randint(1, 3), padding=rng.randint(0, 2),
                dilation=rng.randint(1, 3))


taps = Exercise(
    "conv_by_taps", right=by_pytorch,
    hints=("Take a kernel with a single number, at (0, 1). Which pixels of the padded image does "
           "it read, over all places? Write them as one slice.",
           "For the number at (i, j) the slice begins at row `i * dilation` and column "
           "`j * dilation`, and has the steps of the stride. At stride 1 each slice is "
           "`H - dilation * (kh - 1)` rows high, with H of the padded image.",
           "Such a slice is (N, C, rows, columns). `kernels[:, :, i, j]` is (K, C), and mixes the "
           "channels as a 1 × 1 convolution does: "
           '`torch.einsum("kc,nchw->nkhw", kernels[:, :, i, j], seen)`. Add up all `kh * kw`.'))
taps.case("one image, one kernel of 2 × 2",
          call(torch.arange(9.0).view(1, 1, 3, 3), numbers(1, 10, 100, 1000, shape=(1, 1, 2, 2))),
          note="There are four slices, and each has the shape of the output, 2 × 2.")
taps.case("padding 1 on an image that is not square",
          call(numbers(1, 2, 3, 4, 5, 6, shape=(1, 1, 2, 3)),
               numbers(1, 10, 100, shape=(1, 1, 1, 3)), padding=1))
taps.case("stride 2", call(torch.arange(20.0).view(1, 1, 4, 5),
                           numbers(1, 10, 100, 1000, shape=(1, 1, 2, 2)), stride=2))
taps.case("dilation 2", call(torch.arange(12.0).view(1, 1, 3, 4),
                             numbers(1, 10, 100, 1000, shape=(1, 1, 2, 2)), dilation=2),
          note="The kernel spans 3 × 3 here, so the slices are 1 × 2.")
taps.case("two images of two channels, two kernels", call(torch.arange(16.0).view(2, 2, 2, 2),
                                                          torch.arange(16.0).view(2, 2, 2, 2)))
taps.hidden("any images and kernels", drawn(6, images_and_kernels), weight=2)
wrong_taps = variants("""
def conv_by_taps(images, kernels, stride=1, padding=0, dilation=1):
    kernels = {kernels}
    kh, kw = kernels.shape[2:]
    x = F.pad(images, {pad})
    high, wide = x.shape[2] - {d} * (kh - 1), x.shape[3] - {d} * (kw - 1)
    out = 0
    for i in range(kh):
        for j in range(kw):
            seen = x[:, :, i * {d} : i * {d} + high : {s}, j * {d} : j * {d} + wide : {s}]
            out = out + torch.einsum("{mixed}", kernels[:, :, i, j], seen)
    return out{after}
""", kernels="kernels", pad="(padding,) * 4", d="dilation", s="stride", mixed="kc,nchw->nkhw",
    after="")
taps.mistake("the kernels are flipped", "This is the convolution of mathematics. `F.conv2d` lays "
             "the kernel on the image as it is.", wrong_taps(kernels="kernels.flip(2, 3)"))
taps.mistake("padding on one axis", "`F.pad` takes left, right, top and bottom, in this order. "
             "Only left and right were given.", wrong_taps(pad="(padding, padding)"))
taps.mistake("padding on two sides of four", "Padding belongs at both ends of both axes: left, "
             "right, top, bottom.", wrong_taps(pad="(padding, 0, padding, 0)"))
taps.mistake("slices without an end", "A slice that runs on to the border is longer the earlier "
             "it begins. Each should end where the last place reads, so that all have the shape of "
             "the output.", wrong_taps().replace(" + high", " + len(x[0, 0])").replace(
                 " + wide", " + len(x[0, 0, 0])"))
taps.mistake("the stride left out", "The slices take every pixel. At stride s the next place is s "
             "pixels further on.", wrong_taps(s="1"))
taps.mistake("the dilation left out", "The numbers of the kernel lie next to each other here, "
             "whatever the dilation.", wrong_taps(d="1"))
taps.mistake("channels averaged", "One channel is right, two are half of what they should be: the "
             "channels of a kernel are added up.", wrong_taps(after=" / images.shape[1]"))
taps.mistake("out and in turned around", "The kernels are (out, in, kh, kw): the sum goes over "
             "their second axis, and the first is kept.",
             wrong_taps(kernels="kernels.transpose(0, 1)", mixed="kc,nchw->nkhw"))
