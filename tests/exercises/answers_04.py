"""Chapter 4."""

RIGHT = {
    "twin": ["""
def twin(x):
    y = x.clone()
    y[:, 0::2], y[:, 1::2] = x[:, 1::2], x[:, 0::2]
    return y
""", """
def twin(x):
    h, w = x.shape
    windows = F.unfold(x[None, None], 2, stride=2)          # one column for each window
    return F.fold(windows.roll(1, 1), (h, w), 2, stride=2)[0, 0]
""", """
import numpy as np
def twin(x):
    y = np.array(x, dtype=np.float64)
    for i in range(0, y.shape[0], 2):
        for j in range(0, y.shape[1], 2):
            y[i:i + 2, j:j + 2] = y[i:i + 2, j:j + 2][::-1, ::-1].copy()
    return y
"""],
    "mean_without_padding": ["""
def mean_without_padding(x, kernel, stride, padding):
    return nn.AvgPool2d(kernel, stride, padding, count_include_pad=False)(x.double())
""", """
def mean_without_padding(x, kernel, stride, padding):
    sums, counts = (F.avg_pool2d(y, kernel, stride, padding, divisor_override=1)
                    for y in (x, torch.ones(1, 1, *x.shape[2:])))
    return sums / counts
""", """
import numpy as np
def mean_without_padding(x, kernel, stride, padding):
    padded = np.pad(np.asarray(x), [(0, 0), (0, 0)] + [(padding,) * 2] * 2,
                    constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), (2, 3))
    return np.nanmean(windows[:, :, ::stride, ::stride], (-1, -2))
""", """
def mean_without_padding(x, kernel, stride, padding):
    def starts(size):
        return range(-padding, size + padding - kernel + 1, stride)
    rows = [torch.stack([x[:, :, max(i, 0):i + kernel, max(j, 0):j + kernel].mean((2, 3))
                         for j in starts(x.shape[3])], -1) for i in starts(x.shape[2])]
    return torch.stack(rows, -2)
"""],
    "class_maps": ["""
def class_maps(maps, weight, bias):
    return F.linear(maps.movedim(1, -1), weight, bias).movedim(-1, 1)
""", """
import numpy as np
def class_maps(maps, weight, bias):
    scores = np.tensordot(np.asarray(maps), np.asarray(weight), (1, 1))      # (N, H, W, K)
    return np.moveaxis(scores + np.asarray(bias), -1, 1)
""", """
def class_maps(maps, weight, bias):
    n, c, h, w = maps.shape
    out = torch.zeros(n, len(weight), h, w, dtype=torch.float64)
    for k in range(len(weight)):
        out[:, k] = bias.flatten()[k]
        for channel in range(c):
            out[:, k] += weight[k, channel] * maps[:, channel]
    return out
"""],
    "adaptive_max": ["""
def adaptive_max(x, height, width):
    return nn.AdaptiveMaxPool2d((height, width))(x.double())
""", """
def adaptive_max(x, height, width):
    def along_last(x, n):
        size = x.shape[-1]
        return torch.stack([x[..., i * size // n:math.ceil((i + 1) * size / n)].amax(-1)
                            for i in range(n)], -1)
    return along_last(along_last(x, width).transpose(2, 3), height).transpose(2, 3)
""", """
import numpy as np
def adaptive_max(x, height, width):
    n, c, h, w = x.shape
    out = np.full((n, c, height, width), -np.inf)
    x = np.asarray(x)
    for i in range(height):
        for j in range(width):
            for r in range(int(np.floor(i * h / height)), int(np.ceil((i + 1) * h / height))):
                for s in range(int(np.floor(j * w / width)), int(np.ceil((j + 1) * w / width))):
                    out[:, :, i, j] = np.maximum(out[:, :, i, j], x[:, :, r, s])
    return out
"""],
    "max_pool_backward": ["""
def max_pool_backward(x, upstream, kernel, stride):
    _, places = F.max_pool2d(x[None], kernel, stride, return_indices=True)
    grad = torch.zeros(x.numel()).index_add(0, places.flatten(), upstream.flatten())
    return grad.view(x.shape)
""", """
def max_pool_backward(x, upstream, kernel, stride):
    x = x.clone().requires_grad_()
    pooled = F.max_pool2d(x[None], kernel, stride)[0]
    return torch.autograd.grad((pooled * upstream).sum(), x)[0]
""", """
import numpy as np
def max_pool_backward(x, upstream, kernel, stride):
    x, grad = np.asarray(x), np.zeros(x.shape)
    for (i, j), g in np.ndenumerate(np.asarray(upstream)):
        best = None
        for r in range(i * stride, i * stride + kernel):
            for c in range(j * stride, j * stride + kernel):
                if best is None or x[r, c] > x[best]:
                    best = r, c
        grad[best] += g
    return grad
""", """
def max_pool_backward(x, upstream, kernel, stride):
    h, w = x.shape
    columns = F.unfold(x[None, None], kernel, stride=stride)                 # (1, k * k, L)
    won = F.one_hot(columns.argmax(1), kernel**2).movedim(-1, 1)
    return F.fold(won * upstream.flatten(), (h, w), kernel, stride=stride)[0, 0]
"""],
}

EQUIVALENT = {}
