"""Chapter 9."""

RIGHT = {
    "trapezoid": ["""
def trapezoid(t, total, up, down):
    return max(0.0, min((t + 1) / up, 1.0, (total - t) / down))
""", """
def trapezoid(t, total, up, down):
    if t >= total:
        return 0
    if t >= total - down:
        return torch.tensor((total - t) / down)
    return torch.tensor(1.0) if t >= up else torch.linspace(0, 1, up + 1)[t + 1]
""", """
def trapezoid(t, total, up, down):
    shares = np.concatenate([np.arange(1, up + 1) / up, np.ones(total - up - down),
                             np.linspace(1, 0, down + 1)])
    return shares[min(t, len(shares) - 1)]
"""],
    "smoothed_loss": ["""
def smoothed_loss(logits, labels, epsilon):
    log_p = F.log_softmax(logits, dim=1)
    right = log_p.gather(1, labels[:, None])[:, 0]
    others = log_p.sum(1) - right
    return -((1 - epsilon) * right + epsilon / (logits.shape[1] - 1) * others).mean()
""", """
def smoothed_loss(logits, labels, epsilon):
    total = 0.0
    for row, label in zip(logits.double(), labels.tolist()):
        log_p = row - torch.logsumexp(row, 0)
        for k, value in enumerate(log_p):
            share = 1 - epsilon if k == label else epsilon / (len(row) - 1)
            total = total - share * value
    return float(total / len(logits))
""", """
def smoothed_loss(logits, labels, epsilon):
    k = logits.shape[1]
    return F.cross_entropy(logits, labels, label_smoothing=epsilon * k / (k - 1))
""", """
def smoothed_loss(logits, labels, epsilon):
    x = np.asarray(logits, dtype=np.float64)
    x = x - x.max(1, keepdims=True)
    log_p = x - np.log(np.exp(x).sum(1, keepdims=True))
    target = np.where(np.arange(x.shape[1]) == np.asarray(labels)[:, None], 1 - epsilon,
                      epsilon / (x.shape[1] - 1))
    return -(target * log_p).sum() / len(x)
"""],
    "gradient_in_parts": ["""
def gradient_in_parts(model, images, labels, size):
    total = [torch.zeros_like(p) for p in model.parameters()]
    for start in range(0, len(images), size):
        x, y = images[start:start + size], labels[start:start + size]
        loss = F.cross_entropy(model(x), y, reduction="sum")
        for t, g in zip(total, torch.autograd.grad(loss, list(model.parameters()))):
            t += g
    return [t / len(images) for t in total]
""", """
def gradient_in_parts(model, images, labels, size):
    for p in model.parameters():
        p.grad = None
    for x, y in zip(images.split(size), labels.split(size)):
        (F.cross_entropy(model(x), y, reduction="sum") / len(images)).backward()
    return tuple(p.grad.double() for p in model.parameters())
""", """
def gradient_in_parts(model, images, labels, size):
    model.zero_grad()
    for x, y in zip(images, labels):
        (F.cross_entropy(model(x[None]), y[None]) / len(images)).backward()
    return [p.grad for p in model.parameters()]
"""],
    "adamw_step": ["""
def adamw_step(w, gradient, m, v, t, lr, weight_decay):
    m = torch.lerp(m, gradient, 0.1)
    v = v * 0.999 + gradient.square() * (1 - 0.999)
    step = (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)) ** 0.5 + 1e-8)
    return w * (1 - lr * weight_decay) - lr * step, m, v
""", """
def adamw_step(w, gradient, m, v, t, lr, weight_decay):
    w, m, v = w.clone(), m.clone(), v.clone()
    m.mul_(0.9).add_(gradient, alpha=0.1)
    v.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
    w.mul_(1 - lr * weight_decay)
    root = v.sqrt().div_((1 - 0.999**t) ** 0.5).add_(1e-8)
    return w.addcdiv_(m, root, value=-lr / (1 - 0.9**t)), m, v
""", """
def adamw_step(w, gradient, m, v, t, lr, weight_decay):
    w, g, m, v = (np.asarray(a, dtype=np.float64) for a in (w, gradient, m, v))
    m = m + 0.1 * (g - m)
    v = v + 0.001 * (g * g - v)
    step = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return [w - lr * (step + weight_decay * w), m, v]
"""],
}

EQUIVALENT = {}
