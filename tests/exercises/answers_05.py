"""Chapter 5."""

RIGHT = {
    "loss_from_logits": ["""
def loss_from_logits(logits, labels):
    total = 0.0
    for z, label in zip(logits, labels):
        top = max(z.tolist())
        total += top + math.log(sum(math.exp(v - top) for v in z.tolist())) - z[label].item()
    return total / len(logits)
""", """
def loss_from_logits(logits, labels):
    return (logits.double().logsumexp(1) - logits[range(len(labels)), labels]).mean()
""", """
import numpy as np
def loss_from_logits(logits, labels):
    z, y = np.asarray(logits, np.float64), np.asarray(labels)
    z = z - z.max(axis=1, keepdims=True)
    logs = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return -logs[np.arange(len(y)), y].mean()
"""],
    "momentum_path": ["""
def momentum_path(w, gradient, lr, momentum, steps):
    path = torch.zeros(steps + 1, len(w))
    path[0] = w
    step = torch.zeros(len(w))
    for turn in range(steps):
        step = momentum * step - lr * gradient(path[turn])
        path[turn + 1] = path[turn] + step
    return path
""", """
def momentum_path(w, gradient, lr, momentum, steps):
    w, v, path = w.clone(), 0, []
    for _ in range(steps):
        path.append(w.tolist())
        v = v * momentum + gradient(w)
        w -= lr * v
    return np.array(path + [w.tolist()])
""", """
def momentum_path(w, gradient, lr, momentum, steps):
    gradients, path = [], [w.double()]
    for turn in range(steps):
        gradients.append(gradient(path[-1]))
        v = sum(momentum ** (turn - i) * g for i, g in enumerate(gradients))
        path.append(path[-1] - lr * v)
    return torch.stack(path)
"""],
    "count_confusions": ["""
def count_confusions(preds, labels, classes):
    table = [[0] * classes for _ in range(classes)]
    for pred, label in zip(preds.tolist(), labels.tolist()):
        table[label][pred] += 1
    return table
""", """
def count_confusions(preds, labels, classes):
    table = np.zeros((classes, classes))
    np.add.at(table, (labels.numpy(), preds.numpy()), 1)
    return table
""", """
def count_confusions(preds, labels, classes):
    rows = [((labels == row) & (preds == column)).sum()
            for row in range(classes) for column in range(classes)]
    return torch.stack(rows).view(classes, classes)
""", """
def count_confusions(preds, labels, classes):
    table = torch.zeros(classes, classes)
    table.index_put_((labels, preds), torch.ones(len(labels)), accumulate=True)
    return table
"""],
    "DenseStack": ["""
class DenseStack(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        layers = []
        for i in range(len(sizes) - 1):
            if i:
                layers.append(nn.ReLU())
            layers.append(nn.Linear(sizes[i], sizes[i + 1]))
        self.net = nn.Sequential(*layers)
    def forward(self, x):
        return self.net(x)
""", """
class DenseStack(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.n = len(sizes) - 1
        for i in range(self.n):
            setattr(self, f"fc{i}", nn.Linear(sizes[i], sizes[i + 1]))
    def forward(self, x):
        for i in range(self.n):
            x = getattr(self, f"fc{i}")(x if i == 0 else x.clamp(min=0))
        return x
""", """
class DenseStack(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.weights = nn.ParameterList(torch.randn(b, a) for a, b in zip(sizes, sizes[1:]))
        self.biases = nn.ParameterList(torch.zeros(b) for b in sizes[1:])
    def forward(self, x):
        for i, (w, b) in enumerate(zip(self.weights, self.biases)):
            x = x @ w.T + b
            if i + 1 < len(self.weights):
                x = torch.relu(x)
        return x
"""],
    "steps_to_memorize": ["""
def steps_to_memorize(model, images, labels, optimizer, target, most):
    model.train()
    steps = 0
    while steps < most:
        loss = F.cross_entropy(model(images), labels)
        if loss.item() < target:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        steps += 1
    return steps
""", """
def steps_to_memorize(model, images, labels, optimizer, target, most):
    model.train(True)
    def loss():
        return F.nll_loss(model(images).log_softmax(1), labels)
    for step in range(most):
        if not loss() >= target:
            return step
        loss().backward()
        optimizer.step()
        optimizer.zero_grad()
    return most
""", """
def steps_to_memorize(model, images, labels, optimizer, target, most, taken=0):
    model.train()
    loss = nn.CrossEntropyLoss()(model(images), labels)
    if taken == most or loss < target:
        return taken
    for p in model.parameters():
        p.grad = None
    loss.backward()
    optimizer.step()
    return steps_to_memorize(model, images, labels, optimizer, target, most, taken + 1)
"""],
}

EQUIVALENT = {}
