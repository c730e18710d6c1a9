"""Chapter 3."""

RIGHT = {
    "same_pads": ["""
def same_pads(size, kernel, stride=1, dilation=1):
    out, span, total = math.ceil(size / stride), dilation * (kernel - 1) + 1, 0
    while size + total < span or (size + total - span) // stride + 1 < out:
        total += 1
    return total // 2, (total + 1) // 2
""", """
def same_pads(size, kernel, stride=1, dilation=1):
    rest = size % stride or stride          # what the last place still has
    total = max(dilation * (kernel - 1) + 1 - rest, 0)
    return [total // 2, total - total // 2]
""", """
import numpy as np
def same_pads(size, kernel, stride=1, dilation=1):
    last = np.arange(0, size, stride)[-1]   # where the last place starts
    total = np.maximum(last + kernel + (kernel - 1) * (dilation - 1) - size, 0)
    return np.array([total // 2, total - total // 2])
"""],
    "sizes_before": ["""
def sizes_before(out, kernel, stride=1, padding=0, dilation=1):
    span = kernel + (kernel - 1) * (dilation - 1)
    return [n for n in range(1, 1000)
            if n + 2 * padding >= span and (n + 2 * padding - span) // stride + 1 == out]
""", """
def sizes_before(out, kernel, stride=1, padding=0, dilation=1):
    layer = nn.ConvTranspose1d(1, 1, kernel, stride, padding, dilation=dilation)
    n = layer(torch.zeros(1, 1, out)).shape[2]
    return tuple(n + more for more in range(stride))
""", """
def sizes_before(out, kernel, stride=1, padding=0, dilation=1):
    smallest = 1 + (out - 1) * stride + dilation * (kernel - 1) - 2 * padding
    return torch.arange(smallest, smallest + stride)
"""],
    "rows_needed": ["""
def rows_needed(layers, first, last):
    if not layers:
        return first, last
    *earlier, (k, s, p, d) = layers
    return rows_needed(earlier, first * s - p, last * s - p + d * (k - 1))
""", """
def rows_needed(layers, first, last):
    size, jump, start = 1, 1, 0
    for k, s, p, d in layers:
        size += (k - 1) * d * jump
        start -= p * jump
        jump *= s
    return [start + first * jump, start + last * jump + size - 1]
""", """
def rows_needed(layers, first, last):
    rows = {first, last}
    for k, s, p, d in layers[::-1]:
        rows = {r * s - p + d * tap for r in rows for tap in range(k)}
    return min(rows), max(rows)
"""],
    "merge_with_1x1": ["""
def merge_with_1x1(weight, bias, mix, mix_bias):
    merged = torch.zeros(len(mix), *weight.shape[1:])
    new_bias = mix_bias.clone()
    for m in range(len(mix)):
        for k in range(len(weight)):
            merged[m] += mix[m, k] * weight[k]
            new_bias[m] += mix[m, k, 0, 0] * bias[k]
    return merged, new_bias
""", """
def merge_with_1x1(weight, bias, mix, mix_bias):
    mixing = mix.flatten(1).double()
    merged = (mixing @ weight.flatten(1).double()).view(len(mix), *weight.shape[1:])
    return [merged, mixing @ bias.double() + mix_bias]
""", """
def merge_with_1x1(weight, bias, mix, mix_bias):
    merged = (mix[..., None] * weight).sum(1)
    return merged, F.linear(bias, mix.flatten(1), mix_bias)
""", """
def merge_with_1x1(weight, bias, mix, mix_bias):
    # what the two layers answer to an image of one bright pixel is the kernel, turned around
    c, kh, kw = weight.shape[1:]
    impulses = torch.zeros(c, c, 2 * kh - 1, 2 * kw - 1)
    impulses[range(c), range(c), kh - 1, kw - 1] = 1
    def both(x, b, m):
        return F.conv2d(F.conv2d(x, weight, b), mix, m)
    answers = both(impulses, None, None).flip(2, 3).transpose(0, 1)
    return answers, both(torch.zeros(1, c, kh, kw), bias, mix_bias)[0, :, 0, 0]
"""],
    "conv_by_taps": ["""
def conv_by_taps(images, kernels, stride=1, padding=0, dilation=1):
    return F.conv2d(images.double(), kernels.double(), None, stride, padding, dilation)
""", """
def conv_by_taps(images, kernels, stride=1, padding=0, dilation=1):
    n, _, h, w = images.shape
    k, _, kh, kw = kernels.shape
    columns = F.unfold(images, (kh, kw), dilation, padding, stride)
    high = (h + 2 * padding - dilation * (kh - 1) - 1) // stride + 1
    return (kernels.flatten(1) @ columns).view(n, k, high, -1)
""", """
import numpy as np
def conv_by_taps(images, kernels, stride=1, padding=0, dilation=1):
    x = np.pad(np.asarray(images), [(0, 0), (0, 0)] + [(padding, padding)] * 2)
    k = np.asarray(kernels)
    kh, kw = k.shape[2:]
    spans = (dilation * (kh - 1) + 1, dilation * (kw - 1) + 1)
    windows = np.lib.stride_tricks.sliding_window_view(x, spans, (2, 3))
    windows = windows[:, :, ::stride, ::stride, ::dilation, ::dilation]
    return np.einsum("nchwij,kcij->nkhw", windows, k)
""", """
def conv_by_taps(images, kernels, stride=1, padding=0, dilation=1):
    n, c, h, w = images.shape
    x = torch.zeros(n, c, h + 2 * padding, w + 2 * padding)
    x[:, :, padding:padding + h, padding:padding + w] = images
    kh, kw = kernels.shape[2:]
    high = (x.shape[2] - dilation * (kh - 1) - 1) // stride + 1
    wide = (x.shape[3] - dilation * (kw - 1) - 1) // stride + 1
    out = torch.zeros(n, len(kernels), high, wide)
    for i in range(high):
        for j in range(wide):
            top, left = i * stride, j * stride
            patch = x[:, :, top:top + dilation * kh:dilation, left:left + dilation * kw:dilation]
            out[:, :, i, j] = (patch[:, None] * kernels).sum((2, 3, 4))
    return out
"""],
}

EQUIVALENT = {}
