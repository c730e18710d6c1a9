"""Chapter 1."""

RIGHT = {
    "jacobian": ["""
def jacobian(f, x):
    leaf = x.clone().requires_grad_()
    y = f(leaf)
    return torch.stack([torch.autograd.grad(y, leaf, v, retain_graph=True)[0]
                        for v in torch.eye(len(y))])
""", """
def jacobian(f, x):
    out = []
    x = x.detach().clone().requires_grad_(True)
    for i in range(f(x).shape[0]):
        x.grad = None
        f(x)[i].backward()
        out.append(x.grad.tolist())
    return out
""", """
import numpy as np
def jacobian(f, x):
    m, n = len(f(x)), len(x)
    rows = np.zeros((m, n))
    leaf = x.clone().requires_grad_()
    y = f(leaf)
    for i in range(m):
        y[i].backward(retain_graph=True)
        rows[i] = leaf.grad.numpy()
        leaf.grad.zero_()
    return rows
""", """
def jacobian(f, x):
    return torch.func.jacrev(f)(x)
"""],
    "neuron": ["""
def neuron(w, x, b):
    t = math.tanh(w.data * x.data + b.data)
    return type(w)(t, [(b, 1 - t**2), (x, (1 - t**2) * w.data), (w, (1 - t**2) * x.data)])
""", """
def neuron(w, x, b):
    e = math.exp(2 * (w.data * x.data + b.data))
    slope = 4 * e / (e + 1) ** 2
    return type(w)((e - 1) / (e + 1), ((w, x.data * slope), (x, w.data * slope), (b, slope)))
""", """
class Node:
    def __init__(self, data, inputs):
        self.data, self.inputs, self.grad = data, inputs, 0.0
def neuron(w, x, b):
    s = torch.tensor(w.data * x.data + b.data, dtype=torch.float64, requires_grad=True)
    t = s.tanh()
    t.backward()
    slope = s.grad.item()
    return Node(t.item(), [(v, slope * k) for v, k in ((w, x.data), (x, w.data), (b, 1))])
"""],
    "distances": ["""
def distances(a, b):
    return torch.cdist(a, b)
""", """
def distances(a, b):
    return [[math.dist(p, q) for q in b.tolist()] for p in a.tolist()]
""", """
import numpy as np
def distances(a, b):
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    return np.linalg.norm(a[:, np.newaxis, :] - b[np.newaxis], axis=-1)
""", """
def distances(a, b):
    out = torch.empty(len(a), len(b))
    for j, point in enumerate(b):
        out[:, j] = ((a - point) ** 2).sum(1) ** 0.5
    return out
"""],
    "measured_gradient": ["""
def measured_gradient(f, x, step):
    at = x.detach().clone().to(torch.float64)
    numbers, slopes = at.view(-1), []
    for i in range(len(numbers)):
        before = numbers[i].item()
        numbers[i] = before + step
        up = f(at).item()
        numbers[i] = before - step
        down = f(at).item()
        numbers[i] = before
        slopes.append((up - down) / 2 / step)
    return torch.tensor(slopes, dtype=torch.float64).view(x.shape)
""", """
import numpy as np
def measured_gradient(f, x, step):
    slopes = np.zeros(tuple(x.shape))
    for place in np.ndindex(*x.shape):
        up, down = x.double().clone(), x.double().clone()
        up[place] += step
        down[place] -= step
        slopes[place] = 0.5 * (f(up) - f(down)) / step
    return slopes
""", """
def measured_gradient(f, x, step):
    moves = torch.eye(x.numel(), dtype=torch.float64).mul(step).view(-1, *x.shape)
    rise = torch.stack([f(x.double() + m) - f(x.double() - m) for m in moves])
    return rise.div(2 * step).view_as(x)
"""],
    "cool": ["""
def cool(t, y, rate, steps):
    p = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
    for _ in range(steps):
        loss = torch.mean((p[0] * (-p[1] * t).exp() - y) ** 2)
        (slope,) = torch.autograd.grad(loss, p)
        with torch.no_grad():
            p -= rate * slope
    return p.tolist()
""", """
def cool(t, y, rate, steps):
    a, k = torch.tensor(1.0, requires_grad=True), torch.tensor(0.0, requires_grad=True)
    optimizer = torch.optim.SGD([a, k], lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        F.mse_loss(a * torch.exp(-k * t), y).backward()
        optimizer.step()
    return a.detach(), k.detach()
""", """
import numpy as np
def cool(t, y, rate, steps):
    t, y, a, k = np.asarray(t), np.asarray(y), 1.0, 0.0
    for _ in range(steps):
        e = np.exp(-k * t)
        d = 2 * (a * e - y) / len(t)
        a, k = a - rate * (d * e).sum(), k + rate * (d * a * t * e).sum()
    return a, k
"""],
}

EQUIVALENT = {}
