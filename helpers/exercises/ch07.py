"""Chapter 7: residual networks."""

import random

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models.resnet import Bottleneck

from ..models import ResNet
from .exercise import Exercise, Probe, call, drawn


def noise(rng: random.Random, *shape: int) -> torch.Tensor:
    """Return normal numbers."""
    generator = torch.Generator().manual_seed(rng.randrange(2**31))
    return torch.randn(shape, generator=generator)


def by_convolution(x, out_channels, stride=1):
    """The shortcut with zeros as a 1 × 1 convolution whose weights are zeros and ones."""
    weight = torch.eye(out_channels, x.shape[1], dtype=x.dtype)
    return F.conv2d(x, weight[:, :, None, None], stride=stride)


zeros = Exercise(
    "zero_shortcut", right=by_convolution,
    hints=("There are two steps, and either may come first: take every `stride`-th place in both "
           "directions, and put maps of zeros behind those that are there.",
           "A slice with a step does the first, on the last two axes. For the second, `F.pad` "
           "takes two numbers for each axis and begins with the last axis.",
           "`F.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, 0, out_channels - x.shape[1]))`"))
zeros.case("two channels become three", call(torch.arange(1.0, 9).reshape(1, 2, 2, 2), 3),
           note="The two maps stay as they are, and one of zeros follows.")
zeros.case("every other place of an odd size",
           call(torch.arange(1.0, 16).reshape(1, 1, 3, 5), 1, stride=2))
zeros.case("two images, other channels and half the size",
           call(torch.arange(1.0, 17).reshape(2, 1, 2, 4), 2, stride=2))
zeros.hidden("any sizes and strides", drawn(6, lambda rng: call(
    noise(rng, rng.randint(1, 3), rng.randint(1, 4), rng.randint(3, 8), rng.randint(3, 8)),
    rng.randint(4, 7), rng.randint(1, 3))), weight=2)
zeros.mistake("the zeros come first", "The channels of `x` keep their places, and the empty ones "
              "follow them. `F.pad` takes, for each axis, first how many before it and then how "
              "many after it.", """
def zero_shortcut(x, out_channels, stride=1):
    return F.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, out_channels - x.shape[1], 0))
""")
zeros.mistake("a mean in place of a step", "This pools. A strided 1 × 1 kernel reads one place and "
              "passes over the others, and at an odd size it reads the last one, too.", """
def zero_shortcut(x, out_channels, stride=1):
    x = F.avg_pool2d(x, stride)
    return F.pad(x, (0, 0, 0, 0, 0, out_channels - x.shape[1]))
""")
zeros.mistake("odd sizes are rounded down", "The last place is cut off. A step of 2 over five "
              "places reads 0, 2 and 4, as the convolution on the other way does.", """
def zero_shortcut(x, out_channels, stride=1):
    h, w = x.shape[2] // stride * stride, x.shape[3] // stride * stride
    return F.pad(x[:, :, :h:stride, :w:stride], (0, 0, 0, 0, 0, out_channels - x.shape[1]))
""")
zeros.mistake("the stride on one axis only",
              "The rows are thinned out, and the columns are all there still.", """
def zero_shortcut(x, out_channels, stride=1):
    return F.pad(x[:, :, ::stride], (0, 0, 0, 0, 0, out_channels - x.shape[1]))
""")
zeros.mistake("the channels are repeated", "The new channels hold copies of the old ones. They "
              "are to be empty: what they will hold comes from g alone.", """
def zero_shortcut(x, out_channels, stride=1):
    x = x[:, :, ::stride, ::stride]
    return x[:, torch.arange(out_channels) % x.shape[1]]
""")


def heights(height):
    """The heights after the parts of ResNet-18, by layers that compute nothing but shapes."""
    x, found = torch.empty(1, 1, height, device="meta"), []
    weight = {size: torch.empty(1, 1, size, device="meta") for size in (3, 7)}
    x = F.max_pool1d(F.conv1d(x, weight[7], stride=2, padding=3), 3, stride=2, padding=1)
    found.append(x.shape[2])
    for stride in (1, 2, 2, 2):
        x = F.conv1d(x, weight[3], stride=stride, padding=1)
        found.append(x.shape[2])
    return tuple(found)


maps = Exercise(
    "answer_map_heights", right=heights,
    draw=lambda rng: {"height": rng.choice([97, 105, 131, 145, 170, 201, 215, 233, 266, 299])},
    hints=("Which of the five parts halve, and does one of them do so twice?",
           "With these kernels and paddings, a stride of 2 reads the places 0, 2, 4 and so on. "
           "How many are those of 7?",
           "Halve and round up: twice for `b1`, not at all for `b2`, once for each of the rest."))
maps.mistake("rounded down", "One of the sizes on the way is odd. A stride of 2 reads place 0 and "
             "then every other one, and of 7 places those are 0, 2, 4 and 6.",
             "answer_map_heights = lambda height: tuple(height // 2**n for n in (2, 2, 3, 4, 5))")
maps.mistake("b1 halves once", "Look at `b1` again: there are two strides in it.", """
answer_map_heights = lambda height: tuple(-(-height // 2**n) for n in (1, 1, 2, 3, 4))
""")
maps.mistake("every stage halves", "Look at how the first of the four stages is called: it comes "
             "right after a pooling, and keeps the size.", """
answer_map_heights = lambda height: tuple(-(-height // 2**n) for n in (2, 3, 4, 5, 6))
""")
maps.mistake("each part halves once", "There are five strides of 2, and they are not one for each "
             "part: `b1` has two of them, and `b2` has none.", """
answer_map_heights = lambda height: tuple(-(-height // 2**n) for n in (1, 2, 3, 4, 5))
""")


def he(weight, mode="fan_out"):
    """PyTorch's gain for ReLU, over the root of its fan."""
    fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(weight)
    return nn.init.calculate_gain("relu") / (fan_in if mode == "fan_in" else fan_out) ** 0.5


spread = Exercise(
    "he_std", right=he,
    hints=("The weights of a convolution are (out, in, height, width), those of a dense layer "
           "(out, in). How many of these numbers have to do with one output?",
           "`weight[0]` holds the products of one output. For the other mode, hold the *input* "
           "channel fixed and let the rest vary.",
           "`fan = weight[0].numel()` or `fan = weight[:, 0].numel()`, then the root of 2 / fan."))
spread.case("a 3 × 3 convolution from 16 to 32 channels, fan_in",
            call(torch.zeros(32, 16, 3, 3), "fan_in"))
spread.case("the same convolution, fan_out, which is the default", call(torch.zeros(32, 16, 3, 3)))
spread.case("a dense layer from 64 to 10", call(torch.zeros(10, 64), mode="fan_in"),
            note="A dense layer has weights (out, in), with no kernel to count.")
spread.case("a kernel of 1 × 5", call(torch.zeros(4, 3, 1, 5)),
            note="A kernel need not be square: its places are height times width.")
spread.hidden("kernels of all sizes", drawn(8, lambda rng: call(
    torch.zeros(*(rng.randint(1, 5) for _ in range(4))), rng.choice(["fan_in", "fan_out"]))),
    weight=2)
spread.hidden("one channel", call(torch.zeros(8, 1, 5, 3)), call(torch.zeros(1, 8, 5), "fan_in"))
spread.hidden("dense layers", drawn(4, lambda rng: call(
    torch.zeros(rng.randint(2, 9), rng.randint(2, 9)), rng.choice(["fan_in", "fan_out"]))))
spread.mistake("the kernel is not counted", "The places of the kernel belong to the sum, too: one "
               "output of a 3 × 3 convolution adds nine products for each channel.", """
def he_std(weight, mode="fan_out"):
    return (2 / weight.shape[1 if mode == "fan_in" else 0]) ** 0.5
""")
spread.mistake("fan_in and fan_out exchanged", "In PyTorch the weights' first axis is the outputs, "
               "and the second is the inputs.", """
def he_std(weight, mode="fan_out"):
    return (2 / (weight[0] if mode == "fan_out" else weight[:, 0]).numel()) ** 0.5
""")
spread.mistake("the variance", "This is the mean square of the weights. The standard deviation is "
               "its root.", """
def he_std(weight, mode="fan_out"):
    return 2 / (weight[0] if mode == "fan_in" else weight[:, 0]).numel()
""")
spread.mistake("1 in place of 2", "ReLU sets half of the numbers to zero, and the 2 makes up for "
               "that. Without it the mean square halves at each layer.", """
def he_std(weight, mode="fan_out"):
    return (1 / (weight[0] if mode == "fan_in" else weight[:, 0]).numel()) ** 0.5
""")


def by_autograd(x, first, second, grad):
    """The same gradient, by PyTorch."""
    x = x.detach().clone().requires_grad_()
    return torch.autograd.grad(x + F.relu(x @ first) @ second, x, grad)[0]


matrix = torch.tensor
back = Exercise(
    "residual_backward", right=by_autograd,
    hints=("`x` goes into the result on two ways. Where paths meet, what do their gradients do?",
           "Take the way through g from its end: the product with `second`, then ReLU, then the "
           "product with `first`. Each multiplies the gradient by one more thing.",
           "ReLU lets the gradient pass where its input `x @ first` was positive: multiply by "
           "`(x @ first > 0)`.",
           "`grad + ((grad @ second.T) * (x @ first > 0)) @ first.T`"))
back.case("a block of zeros hands the gradient on", call(
    matrix([[1.0, 2.0]]), torch.zeros(2, 3), torch.zeros(3, 2), matrix([[5.0, 7.0]])))
back.case("one number, ReLU open", call(
    matrix([[2.0]]), matrix([[3.0]]), matrix([[0.5]]), matrix([[10.0]])))
back.case("two images, ReLU shut in places", call(
    matrix([[1.0, 0.0], [-2.0, 0.5]]), matrix([[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]]),
    matrix([[1.0, 2.0], [3.0, -1.0], [0.0, 1.0]]), matrix([[-1.0, 1.0], [2.0, 1.0]])))
back.hidden("any sizes, as autograd has it", drawn(6, lambda rng: call(
    *(lambda n, d, h: (noise(rng, n, d), noise(rng, d, h), noise(rng, h, d), noise(rng, n, d)))(
        rng.randint(1, 4), rng.randint(2, 5), rng.randint(2, 6)))), weight=2)
back.hidden("an image of zeros", drawn(2, lambda rng: call(
    torch.zeros(2, 3), noise(rng, 3, 4), noise(rng, 4, 3), noise(rng, 2, 3))))
back.mistake("the shortcut is left out", "A block of zeros gives the gradient 0: that is a plain "
             "block. `x` itself is a part of the result.", """
def residual_backward(x, first, second, grad):
    return ((grad @ second.T) * (x @ first > 0)) @ first.T
""")
back.mistake("1 in place of the gradient", "The slope of the shortcut is 1, and a slope "
             "*multiplies* what comes back. So on that way `grad` comes as it is.", """
def residual_backward(x, first, second, grad):
    return 1 + ((grad @ second.T) * (x @ first > 0)) @ first.T
""")
BACK = """
def residual_backward(x, first, second, grad):
    return grad + grad @ second.T @ first.T"""
back.mistake("ReLU is passed over", "Where ReLU gave 0, a small change of `x` changes nothing: no "
             "gradient comes through there.", BACK)
back.mistake("ReLU lets it through at 0", "Where the input of ReLU is exactly 0, its slope counts "
             "as 0 as well.", """
def residual_backward(x, first, second, grad):
    return grad + ((grad @ second.T) * (x @ first >= 0)) @ first.T
""")
back.mistake("ReLU's result in place of its slope", "The gradient is multiplied by what ReLU has "
             "returned. It is multiplied by ReLU's *slope*, which is 1 or 0.", """
def residual_backward(x, first, second, grad):
    return grad + ((grad @ second.T) * F.relu(x @ first)) @ first.T
""")
back.mistake("ReLU looks at x", "ReLU has got `x @ first`, and not `x`: its mask is (N, H), "
             "and comes in between the two products.", BACK + " * (x > 0)")
back.mistake("the sign of the gradient is asked", "On the way back ReLU asks whether its *input* "
             "was positive, on the way forth, and not whether the gradient is.", """
def residual_backward(x, first, second, grad):
    return grad + F.relu(grad @ second.T) @ first.T
""")


def count(blocks, widths=(16, 32, 64), classes=10):
    """Build the network and count."""
    numbers = sum(p.numel() for p in ResNet(blocks, widths, classes=classes).parameters())
    return 2 + 2 * blocks * len(widths), numbers


size = Exercise(
    "cifar_resnet_size", right=count,
    hints=("Count one block first. How many parameters does it have where it keeps the number of "
           "channels? How many more where it is the first of the second or the third stage?",
           "A block from `a` to `b` channels has `9·a·b + 9·b·b` weights and four numbers for "
           "each of its `b` channels; a shortcut with a 1 × 1 convolution `a·b` and two for each "
           "channel more.",
           "Beside the blocks there are `3 · 9 · widths[0]` weights with their normalization, and "
           "a dense layer with a bias. Run through the stages and keep `before`, the channels that "
           "come in."))
size.case("ResNet-20", call(3), note="Layers are counted without the 1 × 1 convolutions. "
          "Parameters are counted with them, with two numbers for each channel of every "
          "normalization, and with the dense layer's bias.")
size.case("one block in each stage, and narrow", call(1, (2, 3, 4), 5))
size.case("the second stage as wide as the first", call(2, (4, 4, 8)), note="A block that halves "
          "the map has a 1 × 1 convolution, also where the number of channels stays.")
size.hidden("any blocks, widths and classes", drawn(6, lambda rng: call(
    rng.randint(1, 3), tuple(rng.randint(2, 9) for _ in range(3)), rng.randint(2, 12))), weight=2)
COUNT = """
def cifar_resnet_size(blocks, widths=(16, 32, 64), classes=10):
    from helpers import ResNet
    net = ResNet(blocks, widths, classes=classes)
    parts = {name: p.numel() for name, p in net.named_parameters()}
    return 6 * blocks + 2, sum(parts.values())
"""
size.mistake("parameters first", "Both numbers are right, and their order is not: layers first, "
             "then parameters.", COUNT.replace("6 * blocks + 2, sum(parts.values())",
                                               "sum(parts.values()), 6 * blocks + 2"))
size.mistake("the 1 × 1 convolutions are layers", "The parameters are right. The chapter does not "
             "count the 1 × 1 convolutions as layers.", COUNT.replace(
                 "6 * blocks + 2,", "6 * blocks + 2 + sum('downsample.0' in n for n in parts),"))
size.mistake("the normalizations are left out", "There are fewer numbers than that network has: "
             "each normalization has two for each channel, γ and β.", COUNT.replace(
                 "sum(parts.values())",
                 "sum(p.numel() for p in net.parameters() if p.dim() > 1) + classes"))
size.mistake("the shortcuts have no normalization", "The numbers of the shortcuts' normalizations "
             "are missing: two for each channel that comes out.", COUNT.replace(
                 "sum(parts.values())",
                 "sum(k for n, k in parts.items() if 'downsample.1' not in n)"))
size.mistake("6n layers", "The first convolution and the dense layer count, too.", """
def cifar_resnet_size(blocks, widths=(16, 32, 64), classes=10):
    from helpers import ResNet, count_parameters
    return 6 * blocks, count_parameters(ResNet(blocks, widths, classes=classes))
""")
size.mistake("the shortcuts are left out", "There are fewer numbers than that block has: in the "
             "second and third stage a 1 × 1 convolution brings x along, with a normalization.", """
def cifar_resnet_size(blocks, widths=(16, 32, 64), classes=10):
    from helpers import ResNet
    net = ResNet(blocks, widths, classes=classes)
    return 6 * blocks + 2, sum(p.numel() for n, p in net.named_parameters() if "down" not in n)
""")
size.mistake("every convolution has a bias", "Where a normalization follows, the convolution has "
             "no bias: `bias=False` in the block.", """
def cifar_resnet_size(blocks, widths=(16, 32, 64), classes=10):
    from helpers import ResNet
    net = ResNet(blocks, widths, classes=classes)
    return 6 * blocks + 2, sum(p.numel() + (len(p) if p.dim() == 4 else 0)
                               for p in net.parameters())
""")
size.mistake("a 1 × 1 convolution only where the channels differ", "Is the size of the map the "
             "same on both ways? In `widths=(4, 4, 8)` the second stage halves it.", """
def cifar_resnet_size(blocks, widths=(16, 32, 64), classes=10):
    from helpers import ResNet
    net, left_out = ResNet(blocks, widths, classes=classes), 0
    for block in net.blocks:
        if block.downsample and block.conv1.in_channels == block.conv1.out_channels:
            left_out += sum(p.numel() for p in block.downsample.parameters())
    return 6 * blocks + 2, sum(p.numel() for p in net.parameters()) - left_out
""")

bugs = Exercise(
    "answer_block_bugs", right=(1, 3, 2),
    hints=("For each block ask three things. Is `x` still what it was when it is added? Which "
           "numbers can `g` take? Is every layer used, and used once?",
           "A writes in place twice. One of the two writes over something that is still needed.",
           "In B, g should be able to lower a number as well as raise it. In C, read the numbers "
           "in the names."))
bugs.mistake("the harmless ReLU of A", "B and C are right. In A, line 2 writes over what `conv1` "
             "has computed, and no one else reads that. Which line writes over `x`?",
             "answer_block_bugs = (2, 3, 2)")
bugs.mistake("the addition of A", "B and C are right. In A, line 4 adds what is in `x`. Is that "
             "still what came in?", "answer_block_bugs = (4, 3, 2)")
bugs.mistake("the last ReLU of B", "A and C are right. In B, the ReLU after the addition is that "
             "of the paper. What does the one before it take from g?",
             "answer_block_bugs = (1, 4, 2)")
bugs.mistake("the end of C", "A and B are right. In C, the last line is that of the paper. Which "
             "normalization has got the numbers of two layers?",
             "answer_block_bugs = (1, 3, 3)")


class TheirBottleneck(Bottleneck):
    """torchvision's block, called as ours."""

    def __init__(self, in_channels, inner, stride=1):
        out, downsample = 4 * inner, None
        if stride != 1 or in_channels != out:
            downsample = nn.Sequential(nn.Conv2d(in_channels, out, 1, stride, bias=False),
                                       nn.BatchNorm2d(out))
        super().__init__(in_channels, inner, stride, downsample)
        nn.init.zeros_(self.bn3.weight)


def filled(block):
    """Give each parameter numbers of its own, the same for every block of these names."""
    block = block.double()
    with torch.no_grad():
        for number, (_, p) in enumerate(sorted(block.named_parameters())):
            p.copy_(torch.sin(1.7 * torch.arange(p.numel()) + number).view(p.shape))
    return block


def waves(*shape):
    """Return numbers between -1 and 1 that do not repeat."""
    numbers = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
    return torch.cos(0.7 * numbers).view(shape)


neck = Exercise(
    "BottleneckBlock", right=TheirBottleneck, tolerance=1e-4,
    hints=("Begin with `ResidualBlock`. Which three convolutions take the place of the two, and "
           "from how many to how many channels does each go?",
           "`conv1` goes from in_channels to inner, `conv2` from inner to inner with the stride "
           "and a padding of 1, `conv3` from inner to 4 · inner. The shortcut compares in_channels "
           "with 4 · inner.",
           "`nn.init.zeros_(self.bn3.weight)` at the end of `__init__`. In `forward` ReLU comes "
           "after `bn1`, after `bn2` and after the addition: three times."))


LAYERS = ("conv1", "bn1", "conv2", "bn2", "conv3", "bn3", "downsample")


def layers(*settings):
    """Return looks at the layers one by one, and at their names."""
    block = f"BottleneckBlock{settings}"

    def shapes(name):
        def look(cls):
            layer = getattr(cls(*settings), name)
            return "None" if layer is None else {
                key: tuple(p.shape) for key, p in layer.named_parameters()}
        return Probe(f"{block}.{name}, by names and shapes,", look)

    return (*map(shapes, LAYERS), Probe(
        f"layers with parameters in {block}", lambda cls: " ".join(sorted(
            name for name, layer in cls(*settings).named_children() if [*layer.parameters()]))))


neck.case("the layers, where the shapes stay", *layers(8, 2))
neck.case("the layers, where the channels change", *layers(6, 2))
neck.case("the first numbers of the normalizations", *(
    Probe(f"BottleneckBlock(6, 2).{name}.weight", lambda cls, name=name: getattr(
        cls(6, 2), name).weight) for name in ("bn1", "bn2")),
    note="Only the last normalization of g begins with a γ of 0.")


@neck.probe("it begins as ReLU", "BottleneckBlock(8, 2)(tensor from −2 to 2)",
            note="With the last γ at 0, nothing comes from the three convolutions.")
def _(cls):
    torch.manual_seed(1)
    return cls(8, 2).eval()(torch.linspace(-2, 2, 8).view(1, 8, 1, 1))


@neck.probe("other weights, in training", "block(x)", note="Compare the order with that of the "
            "chapter's block: where do the three ReLUs stand, and where is the addition?")
def _(cls):
    return filled(cls(8, 2))(waves(2, 8, 2, 3))


@neck.probe("other weights and a stride of 2", "BottleneckBlock(6, 2, stride=2)(x)",
            note="The stride belongs to the 3 × 3 convolution and to the shortcut.")
def _(cls):
    return filled(cls(6, 2, stride=2)).eval()(waves(2, 6, 3, 5))


@neck.probe("gradients and running statistics", "block after a step back", hidden=True, weight=2)
def _(cls):
    found = []
    for settings in ((12, 3), (5, 2, 2)):
        block = filled(cls(*settings))
        x = waves(2, settings[0], 4, 3).requires_grad_()
        out = block(x)
        (out * waves(*out.shape)).sum().backward()
        found += [x.grad, *(p.grad for _, p in sorted(block.named_parameters())),
                  *(b for _, b in sorted(block.named_buffers()))]
    return found


WHOLE = """
class BottleneckBlock(nn.Module):
    def __init__(self, in_channels, inner, stride=1):
        super().__init__()
        out = 4 * inner
        self.conv1 = nn.Conv2d(in_channels, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        nn.init.zeros_(self.bn3.weight)
        self.downsample = None
        if stride != 1 or in_channels != out:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        g = F.relu(self.bn1(self.conv1(x)))
        g = F.relu(self.bn2(self.conv2(g)))
        g = self.bn3(self.conv3(g))
        x = x if self.downsample is None else self.downsample(x)
        return F.relu(x + g)
"""
for name, words, old, new in (
        ("ReLU before the addition", "What comes from the convolutions is cut off at 0 before it "
         "is added: the block could only raise numbers, and its own result may be negative.",
         "F.relu(x + g)", "x + F.relu(g)"),
        ("no ReLU after the addition", "The result has negative numbers. In this block, as in the "
         "chapter's, the last ReLU comes after the addition.", "F.relu(x + g)", "x + g"),
        ("no ReLU in the middle", "A ReLU is missing between two convolutions. With nothing "
         "between them, the two are no more than one.",
         "g = F.relu(self.bn2(self.conv2(g)))", "g = self.bn2(self.conv2(g))"),
        ("the last γ starts at 1", "All layers are there, and at the start the block is not ReLU: "
         "which number should begin at 0?", "        nn.init.zeros_(self.bn3.weight)\n", ""),
        ("all three γ start at 0", "With two of them at 0, none of these γ ever gets a "
         "gradient: the block stays ReLU. Only the last one begins at 0.",
         "nn.init.zeros_(self.bn3.weight)",
         "[nn.init.zeros_(bn.weight) for bn in (self.bn1, self.bn2, self.bn3)]"),
        ("two γ start at 0", "With two of them at 0, neither γ ever gets a "
         "gradient: the block stays ReLU. Only the last one begins at 0.",
         "nn.init.zeros_(self.bn3.weight)",
         "[nn.init.zeros_(bn.weight) for bn in (self.bn2, self.bn3)]"),
        ("the shortcut looks at inner", "The shortcut has to fit what the block returns, and that "
         "is 4 · inner channels: compare in_channels with these.",
         "in_channels != out:", "in_channels != inner:"),
        ("the stride in the first convolution", "All is right up to a stride of 2. There it is the "
         "first 1 × 1 convolution that strides, as in the paper: it never sees three quarters of "
         "the places.", "inner, 1, bias=False)", "inner, 1, stride, bias=False)"),
        ("out_channels is taken for inner", "The last convolution goes from inner to four times as "
         "many channels.", "out = 4 * inner", "out = inner"),
        ("a bias in each convolution", "A normalization follows each convolution, and takes its "
         "mean away again: a bias there does nothing.", "bias=False", "bias=True")):
    code = WHOLE.replace(old, new)
    if "strides" in words:
        code = code.replace("3, stride,", "3,")
    neck.mistake(name, words, code)
