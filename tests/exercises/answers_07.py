"""Chapter 7."""

NECK = """
class BottleneckBlock(nn.Module):
    def __init__(self, in_channels, inner, stride=1):
        super().__init__()
        self.downsample = None
        if in_channels != 4 * inner or stride > 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, 4 * inner, kernel_size=1, stride=stride, bias=False),
                nn.BatchNorm2d(4 * inner))
        sizes = [(in_channels, inner, 1), (inner, inner, 3), (inner, 4 * inner, 1)]
        for number, (a, b, k) in enumerate(sizes, 1):
            setattr(self, f"conv{number}", nn.Conv2d(
                a, b, k, stride if k == 3 else 1, padding="same" if stride == 1 else k // 2,
                bias=False))
            setattr(self, f"bn{number}", nn.BatchNorm2d(b))
        torch.nn.init.constant_(self.bn3.weight, 0)

    def forward(self, x):
        g = torch.relu(self.bn1(self.conv1(x)))
        g = self.bn2(self.conv2(g)).clamp(min=0)
        g = self.bn3(self.conv3(g))
        return (g + (self.downsample(x) if self.downsample else x)).relu()
"""

RIGHT = {
    "zero_shortcut": ["""
def zero_shortcut(x, out_channels, stride=1):
    n, c, h, w = x.shape
    out = torch.zeros(n, out_channels, -(-h // stride), -(-w // stride))
    out[:, :c] = x[..., ::stride, ::stride]
    return out
""", """
def zero_shortcut(x, out_channels, stride=1):
    x = F.max_pool2d(x, 1, stride)
    n, c, h, w = x.shape
    return torch.cat([x, x.new_zeros(n, out_channels - c, h, w)], dim=1).double()
""", """
def zero_shortcut(x, out_channels, stride=1):
    import numpy as np
    x = x.numpy()[:, :, ::stride, ::stride]
    return np.pad(x, ((0, 0), (0, out_channels - x.shape[1]), (0, 0), (0, 0)))
"""],
    "he_std": ["""
def he_std(weight, mode="fan_out"):
    import math
    out, into, *kernel = weight.shape
    return math.sqrt(2 / (math.prod(kernel) * (into if mode == "fan_in" else out)))
""", """
def he_std(weight, mode="fan_out"):
    fan = weight.numel() / (weight.shape[0] if mode == "fan_in" else weight.shape[1])
    return torch.tensor(2 / fan).sqrt()
""", """
def he_std(weight, mode="fan_out"):
    import numpy as np
    axis = {"fan_in": 0, "fan_out": 1}[mode]
    return np.sqrt(2 / np.prod(np.delete(np.array(weight.shape), axis)))
"""],
    "residual_backward": ["""
def residual_backward(x, first, second, grad):
    x = x.clone().requires_grad_()
    (x + torch.relu(x @ first) @ second).backward(grad)
    return x.grad
""", """
def residual_backward(x, first, second, grad):
    out = []
    for row, g in zip(x.double(), grad.double()):
        open_ = torch.diag((first.double().T @ row > 0).double())
        slope = torch.eye(len(row)) + first.double() @ open_ @ second.double()
        out.append(slope @ g)
    return torch.stack(out)
""", """
def residual_backward(x, first, second, grad):
    import numpy as np
    x, first, second, grad = (np.asarray(t) for t in (x, first, second, grad))
    back = np.einsum("ab,cb->ac", grad, second)
    back[x @ first <= 0] = 0
    return grad + np.einsum("ac,bc->ab", back, first)
"""],
    "cifar_resnet_size": ["""
def cifar_resnet_size(blocks, widths=(16, 32, 64), classes=10):
    a, b, c = widths
    pair = lambda i, o: 9 * i * o + 2 * o
    total = pair(3, a) + 2 * blocks * pair(a, a)
    for i, o in ((a, b), (b, c)):
        total += pair(i, o) + (2 * blocks - 1) * pair(o, o) + i * o + 2 * o
    return 6 * blocks + 2, total + (c + 1) * classes
""", """
def cifar_resnet_size(blocks, widths=(16, 32, 64), classes=10):
    convs = [(3, widths[0], 3)]
    for stage, width in enumerate(widths):
        for block in range(blocks):
            before = widths[stage - 1] if stage and not block else width
            convs += [(before, width, 3), (width, width, 3)]
            convs += [(before, width, 1)] if stage and not block else []
    layers = sum(k == 3 for _, _, k in convs) + 1
    return [layers, sum(i * o * k * k + 2 * o for i, o, k in convs) + classes * (width + 1)]
""", """
def cifar_resnet_size(blocks, widths=(16, 32, 64), classes=10):
    from helpers import ResNet
    net = ResNet(blocks, widths, classes=classes)
    return (sum(p.dim() > 1 for n, p in net.named_parameters() if "down" not in n),
            sum(p.numel() for p in net.parameters()))
"""],
    "BottleneckBlock": [NECK, """
from torchvision.models.resnet import Bottleneck
def BottleneckBlock(in_channels, inner, stride=1):
    down = None
    if stride != 1 or in_channels != 4 * inner:
        down = nn.Sequential(nn.Conv2d(in_channels, 4 * inner, 1, stride, bias=False),
                             nn.BatchNorm2d(4 * inner))
    block = Bottleneck(in_channels, inner, stride, down)
    block.bn3.weight.data.fill_(0)
    return block
""", NECK.replace("torch.relu", "F.relu").replace(
        "return (g + (self.downsample(x) if self.downsample else x)).relu()",
        """if self.downsample is not None:
            return F.relu(torch.add(g, self.downsample(x)))
        return F.relu(torch.add(g, x))""")],
}

EQUIVALENT = {}
