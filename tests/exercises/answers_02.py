"""Chapter 2."""

RIGHT = {
    "convolve": ["""
def convolve(image, kernel):
    kh, kw = kernel.shape
    out = torch.zeros(image.shape[0] - kh + 1, image.shape[1] - kw + 1)
    height, width = image.shape
    for i in range(kh):
        for j in range(kw):
            out += kernel[i, j] * image[kh - 1 - i:height - i, kw - 1 - j:width - j]
    return out
""", """
import numpy as np
def convolve(image, kernel):
    k = np.asarray(kernel)[::-1, ::-1]
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(image), k.shape)
    return (windows * k).sum((-1, -2))
""", """
def convolve(image, kernel):
    from scipy.signal import correlate2d
    return correlate2d(image.double(), kernel.double().flip(0, 1), mode="valid").tolist()
"""],
    "corner_kernel": ["""
def corner_kernel():
    return torch.tensor([[1.0, 0, -1], [0, 0, 0], [-1, 0, 1]])
""", """
def corner_kernel():
    return [[0.1, -0.1], [-0.1, 0.1]]
""", """
import numpy as np
def corner_kernel():
    return np.outer([1, -2, 1], [-1, 0, 1])
""", """
def corner_kernel():
    kernel = torch.ones(3, 3, dtype=torch.int64)
    kernel[1], kernel[:, 1] = -2, -2
    kernel[1, 1] = 4
    return kernel
"""],
    "edge_strength": ["""
def edge_strength(images):
    x = F.pad(images, (1, 1, 1, 1), mode="replicate")[:, 0]
    along = x[:, :, 2:] - x[:, :, :-2]
    a = along[:, :-2] + 2 * along[:, 1:-1] + along[:, 2:]
    down = x[:, 2:] - x[:, :-2]
    b = down[:, :, :-2] + 2 * down[:, :, 1:-1] + down[:, :, 2:]
    return torch.hypot(a, b)
""", """
def edge_strength(images):
    k = torch.tensor(KERNELS["sobel"], dtype=torch.float64)
    out = []
    for image in F.pad(images.double(), (1, 1, 1, 1), mode="replicate"):
        a, b = F.conv2d(image[None], torch.stack([k, k.t()]).unsqueeze(1))[0]
        out.append((a**2 + b**2) ** 0.5)
    return torch.stack(out)
""", """
import numpy as np
def edge_strength(images):
    x = np.pad(np.asarray(images, dtype=float)[:, 0], ((0, 0), (1, 1), (1, 1)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    a, b = ((windows * np.asarray(KERNELS[k])).sum((-1, -2)) for k in ("sobel", "sobel_y"))
    return np.sqrt(a * a + b * b)
"""],
    "conv_layer": ["""
def conv_layer(images, weight, bias):
    n, _, h, w = images.shape
    out, _, kh, kw = weight.shape
    columns = F.unfold(images, (kh, kw))
    return (weight.reshape(out, -1) @ columns + bias[:, None]).view(n, out, h - kh + 1, w - kw + 1)
""", """
import numpy as np
def conv_layer(images, weight, bias):
    x, w = np.asarray(images, dtype=np.float64), np.asarray(weight, dtype=np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))
    return np.einsum("nchwij,ocij->nohw", windows, w) + np.asarray(bias)[:, None, None]
""", """
def conv_layer(images, weight, bias):
    n, channels, h, w = images.shape
    out, _, kh, kw = weight.shape
    result = torch.zeros(n, out, h - kh + 1, w - kw + 1)
    for o in range(out):
        for c in range(channels):
            for i in range(kh):
                for j in range(kw):
                    part = images[:, c, i:h - kh + 1 + i, j:w - kw + 1 + j]
                    result[:, o] += weight[o, c, i, j] * part
        result[:, o] += bias[o]
    return result
"""],
}

EQUIVALENT = {}
