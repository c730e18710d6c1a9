"""Chapter 8."""

RIGHT = {
    "shift_each": ["""
def shift_each(images, down, right):
    n, c, h, w = images.shape
    out = torch.zeros_like(images)
    for i in range(n):
        for row in range(h):
            for column in range(w):
                a, b = row - int(down[i]), column - int(right[i])
                if 0 <= a < h and 0 <= b < w:
                    out[i, :, row, column] = images[i, :, a, b]
    return out
""", """
def shift_each(images, down, right):
    out = []
    for x, d, r in zip(images, down.tolist(), right.tolist()):
        h, w = x.shape[1:]
        d, r = max(-h, min(h, d)), max(-w, min(w, r))
        out.append(F.pad(x, (r, -r, d, -d)))
    return torch.stack(out).double()
""", """
def shift_each(images, down, right):
    n, c, h, w = images.shape
    rows = torch.arange(h) - down[:, None]
    columns = torch.arange(w) - right[:, None]
    there = ((rows >= 0) & (rows < h))[:, :, None] & ((columns >= 0) & (columns < w))[:, None]
    rows, columns = rows.clamp(0, h - 1), columns.clamp(0, w - 1)
    picked = images[torch.arange(n)[:, None, None], :, rows[:, :, None], columns[:, None]]
    return (picked * there[..., None]).permute(0, 3, 1, 2).numpy()
"""],
    "ask_all": ["""
@torch.no_grad()
def ask_all(model, images, changes):
    was = model.training
    model.train(False)
    total = 0
    for change in changes:
        total = total + F.softmax(model(change(images)), dim=-1)
    if was:
        model.train()
    return total / len(changes)
""", """
def ask_all(model, images, changes):
    before, all_probabilities = model.training, []
    try:
        model.eval()
        with torch.inference_mode():
            for change in changes:
                logits = model(change(images)).double()
                all_probabilities.append(logits.exp() / logits.exp().sum(1, keepdim=True))
    finally:
        model.train(before)
    return torch.stack(all_probabilities, 2).mean(2)
""", """
def ask_all(model, images, changes):
    before = model.training
    model.eval()
    found = sum(model(change(images)).softmax(1).detach().numpy() for change in changes)
    model.training = before
    for part in model.children():
        part.train(before)
    return found / len(changes)
"""],
    "fill_boxes": ["""
def fill_boxes(images, boxes):
    out = images.clone()
    h, w = images.shape[2:]
    for i, (top, left, height, width) in enumerate(boxes.tolist()):
        a, b = max(top, 0), min(max(top + height, 0), h)
        c, d = max(left, 0), min(max(left + width, 0), w)
        out[i, :, a:b, c:d] = images[i].mean((1, 2))[:, None, None]
    return out
""", """
def fill_boxes(images, boxes):
    n, c, h, w = images.shape
    rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    top, left, height, width = (boxes[:, k].view(-1, 1, 1) for k in range(4))
    inside = (rows >= top) & (columns >= left) & (rows < top + height) & (columns < left + width)
    inside = inside[:, None].double()
    return inside * images.mean((2, 3), keepdim=True) + (1 - inside) * images
""", """
def fill_boxes(images, boxes):
    import numpy as np
    out, pad = images.numpy().copy(), 8
    for x, (top, left, height, width) in zip(out, boxes.tolist()):
        color = x.mean((1, 2), keepdims=True)
        wide = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
        wide[:, pad + top:pad + top + height, pad + left:pad + left + width] = color
        x[:] = wide[:, pad:-pad, pad:-pad]
    return out
"""],
    "brighten_normalized": ["""
def brighten_normalized(images, factors, mean, std):
    out = []
    for image, factor in zip(images, factors):
        pixels = image * std[:, None, None] + mean[:, None, None]
        pixels = (pixels * factor).clamp(max=1)
        out.append((pixels - mean[:, None, None]) / std[:, None, None])
    return torch.stack(out)
""", """
def brighten_normalized(images, factors, mean, std):
    white = ((1 - mean) / std)[:, None, None]
    black = (mean / std)[:, None, None]
    f = factors[:, None, None, None].double()
    return torch.minimum((images + black) * f - black, white.double())
""", """
def brighten_normalized(images, factors, mean, std):
    import numpy as np
    x = np.moveaxis(images.numpy(), 1, 3) * std.numpy() + mean.numpy()
    x = np.clip(x * factors.numpy()[:, None, None, None], 0, 1)
    return np.moveaxis((x - mean.numpy()) / std.numpy(), 3, 1)
"""],
    "mixup_loss": ["""
def mixup_loss(model, images, labels, partner, share):
    log = model(torch.lerp(images[partner], images, share)).log_softmax(1)
    total = 0.0
    for i in range(len(images)):
        total -= share * log[i, labels[i]] + (1 - share) * log[i, labels[partner[i]]]
    return total / len(images)
""", """
def mixup_loss(model, images, labels, partner, share):
    logits = model(images * share + images[partner] * (1 - share)).double()
    targets = torch.zeros_like(logits)
    each = torch.arange(len(images))
    targets[each, labels] += share
    targets[each, labels[partner]] += 1 - share
    return F.cross_entropy(logits, targets)
""", """
def mixup_loss(model, images, labels, partner, share):
    other, loss = images.index_select(0, partner), nn.CrossEntropyLoss(reduction="none")
    logits = model(other + share * (images - other))
    a, b = loss(logits, labels), loss(logits, labels.index_select(0, partner))
    return (b + share * (a - b)).mean()
"""],
}

EQUIVALENT = {}
