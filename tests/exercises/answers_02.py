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
}

EQUIVALENT = {}
