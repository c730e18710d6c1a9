"""Chapter 6."""

RIGHT = {
    "normalize_groups": ["""
def normalize_groups(x, groups, eps=1e-5):
    out = torch.zeros_like(x)
    size = x.shape[1] // groups
    for i in range(x.shape[0]):
        for g in range(groups):
            part = x[i, g * size:(g + 1) * size]
            mean = part.sum() / part.numel()
            var = ((part - mean) ** 2).sum() / part.numel()
            out[i, g * size:(g + 1) * size] = (part - mean) / (var + eps) ** 0.5
    return out
""", """
def normalize_groups(x, groups, eps=1e-5):
    a = np.asarray(x, np.float64)
    n, c, h, w = a.shape
    a = a.reshape(n, groups, c // groups, h, w)
    a = (a - a.mean((2, 3, 4), keepdims=True)) / np.sqrt(a.var((2, 3, 4), keepdims=True) + eps)
    return a.reshape(n, c, h, w)
""", """
def normalize_groups(x, groups, eps=1e-5):
    parts = [F.layer_norm(part, part.shape[1:], eps=eps) for part in x.chunk(groups, dim=1)]
    return torch.cat(parts, dim=1)
""", """
def normalize_groups(x, groups, eps=1e-5):
    g = x.double().unflatten(1, (groups, -1))
    var, mean = torch.var_mean(g, (2, 3, 4), correction=0, keepdim=True)
    return ((g - mean) * (var + eps).rsqrt()).flatten(1, 2)
"""],
    "freeze_statistics": ["""
def freeze_statistics(net):
    net.train()
    count = 0
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm1d) or isinstance(layer, nn.BatchNorm2d):
            layer.training = False
            count += 1
    return count
""", """
def freeze_statistics(net):
    for layer in net.modules():
        layer.training = not isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d))
    return sum(not layer.training for layer in net.modules())
""", """
def freeze_statistics(net):
    def down(layer):
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.eval()
            return 1
        return sum(down(child) for child in layer.children())
    net.train()
    return down(net)
"""],
    "fold_into_next": ["""
def fold_into_next(bn, linear):
    sigma = torch.sqrt(bn.running_var + bn.eps)
    weight = linear.weight @ torch.diag(bn.weight / sigma)
    bias = linear.bias + linear.weight @ bn.bias - weight @ bn.running_mean
    return weight, bias
""", """
def fold_into_next(bn, linear):
    w, b = linear.weight.detach().double().numpy(), linear.bias.detach().double().numpy()
    weight, bias = w.copy(), b.copy()
    for i in range(w.shape[1]):
        scale = bn.weight[i].item() / math.sqrt(bn.running_var[i].item() + bn.eps)
        weight[:, i] = w[:, i] * scale
        bias += w[:, i] * (bn.bias[i].item() - bn.running_mean[i].item() * scale)
    return weight, bias
""", """
def fold_into_next(bn, linear):
    with torch.no_grad():
        bn.eval()
        zero = torch.zeros(1, bn.num_features)
        bias = linear(bn(zero))[0]
        weight = linear(bn(torch.eye(bn.num_features))).T - bias[:, None]
    return [weight, bias]
"""],
    "merge_statistics": ["""
def merge_statistics(counts, means, variances):
    n = counts.sum()
    mean = (counts[:, None] * means).sum(0) / n
    squares = (counts[:, None] * (variances + means**2)).sum(0) / n
    return mean, squares - mean**2
""", """
def merge_statistics(counts, means, variances):
    n, mean, var = int(counts[0]), means[0], variances[0]
    for m, other, v in zip(counts[1:].tolist(), means[1:], variances[1:]):
        gap = other - mean
        var = (n * var + m * v + n * m / (n + m) * gap**2) / (n + m)
        mean = mean + gap * m / (n + m)
        n += m
    return mean, var
""", """
def merge_statistics(counts, means, variances):
    c, m, v = (np.asarray(t, np.float64) for t in (counts, means, variances))
    mean = np.average(m, axis=0, weights=c)
    return mean, np.average(v + (m - mean) ** 2, axis=0, weights=c)
"""],
    "PlainMeanNorm": ["""
class PlainMeanNorm(nn.Module):
    def __init__(self, channels, eps=1e-5):
        super().__init__()
        self.eps = eps
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("count", torch.zeros(()))
    def forward(self, x):
        if not self.training:
            mean, var = self.running_mean, self.running_var
        else:
            flat = x.transpose(0, 1).flatten(1)
            n = flat.shape[1]
            mean = flat.mean(1)
            var = ((flat - mean[:, None]) ** 2).mean(1)
            with torch.no_grad():
                k = self.count
                self.running_mean = (self.running_mean * k + mean) / (k + 1)
                self.running_var = (self.running_var * k + var * n / (n - 1)) / (k + 1)
                self.count = k + 1
        return (x - mean.view(1, -1, 1, 1)) / (var.view(1, -1, 1, 1) + self.eps).sqrt()
""", """
class PlainMeanNorm(nn.Module):
    def __init__(self, channels, eps=1e-5):
        super().__init__()
        self.eps, self.batches = eps, 0
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            self.batches += 1
            mean = x.mean((0, 2, 3))
            var = x.var((0, 2, 3), correction=0)
            self.running_mean.lerp_(mean.detach(), 1 / self.batches)
            self.running_var.lerp_(x.var((0, 2, 3)).detach(), 1 / self.batches)
        return (x - mean[None, :, None, None]) * (var + self.eps).rsqrt()[None, :, None, None]
""", """
class PlainMeanNorm(nn.Module):
    def __init__(self, channels, eps=1e-5):
        super().__init__()
        self.eps = eps
        for name, start in (("running_mean", 0.0), ("running_var", 1.0)):
            self.register_buffer(name, torch.full((channels,), start, dtype=torch.float64))
        for name in ("mean_sum", "var_sum"):
            self.register_buffer(name, torch.zeros(channels, dtype=torch.float64))
        self.register_buffer("n", torch.tensor(0))
    def forward(self, x):
        if self.training:
            mean = x.mean((0, 2, 3), keepdim=True)
            var = x.square().mean((0, 2, 3), keepdim=True) - mean.square()
            self.n += 1
            self.mean_sum += mean.detach().flatten()
            places = x.shape[0] * x.shape[2] * x.shape[3]
            self.var_sum += var.detach().flatten() * places / (places - 1)
            self.running_mean.copy_(self.mean_sum / self.n)
            self.running_var.copy_(self.var_sum / self.n)
        else:
            mean, var = self.running_mean[:, None, None], self.running_var[:, None, None]
        return (x - mean) / torch.sqrt(var + self.eps)
"""],
}

EQUIVALENT = {}
