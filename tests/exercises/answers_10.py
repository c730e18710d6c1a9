"""Chapter 10."""

RIGHT = {
    "loss_factors": ["""
def loss_factors(counts):
    return torch.tensor(counts, dtype=torch.float64) * len(counts) / sum(counts)
""", """
def loss_factors(counts):
    return np.array(counts) / np.mean(counts)
""", """
def loss_factors(counts):
    found, total = [], 0
    for n in counts:
        total += n
    for n in counts:
        found.append(n / (total / len(counts)))
    return tuple(found)
"""],
    "share_of": ["""
def share_of(count, world, rank, seed, epoch):
    from torch.utils.data import DistributedSampler
    sampler = DistributedSampler(range(count), world, rank, seed=seed)
    sampler.set_epoch(epoch)
    return list(sampler)
""", """
def share_of(count, world, rank, seed, epoch):
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed + epoch))
    each = math.ceil(count / world)
    return order[torch.arange(rank, each * world, world) % count]
""", """
def share_of(count, world, rank, seed, epoch):
    generator = torch.Generator()
    generator.manual_seed(epoch + seed)
    order = torch.randperm(count, generator=generator).tolist()
    padded = list(order)
    while len(padded) % world != 0:
        padded.append(padded[len(padded) - count])
    return [image for place, image in enumerate(padded) if place % world == rank]
"""],
    "ddp_speed_up": ["""
def ddp_speed_up(ranks, images, per_image, latency, transfer):
    alone = images * per_image
    hidden = 2 * alone / 3 / ranks
    exchange = 2 * (ranks - 1) * latency + 2 * (ranks - 1) / ranks * transfer
    return alone / (alone / ranks + max(0, exchange - hidden))
""", """
def ddp_speed_up(ranks, images, per_image, latency, transfer):
    if ranks == 1:
        return 1
    forward = images * per_image / ranks / 3
    backward, exchange = 2 * forward, sum([latency + transfer / ranks] * (2 * ranks - 2))
    step = forward + (backward if backward > exchange else exchange)
    return images * per_image / step
""", """
def ddp_speed_up(ranks, images, per_image, latency, transfer):
    def step(p):
        compute = torch.tensor(images / p * per_image, dtype=torch.float64)
        exchange = torch.tensor(2 * (p - 1) * (latency + transfer / p), dtype=torch.float64)
        return compute / 3 + torch.maximum(compute * 2 / 3, exchange)
    return step(1) / step(ranks)
"""],
    "ring_after": ["""
def ring_after(parts, steps):
    world, now = len(parts), [list(row) for row in parts]
    for step in range(steps):
        mail = [(r, (r - step) % world, now[r][(r - step) % world]) for r in range(world)]
        for r, part, value in mail:
            right = (r + 1) % world
            if step < world - 1:
                now[right][part] = now[right][part] + value
            else:
                now[right][part] = value
    return torch.tensor([[float(v) for v in row] for row in now])
""", """
def ring_after(parts, steps):
    now, world = parts.clone().double(), len(parts)
    ranks = torch.arange(world)
    for step in range(steps):
        mine = (ranks - 1 - step) % world
        come = now[(ranks - 1) % world, mine]
        now[ranks, mine] = come + (now[ranks, mine] if step + 1 < world else 0)
    return now
""", """
def ring_after(parts, steps):
    if steps == 0:
        return np.array(parts)
    before, world = ring_after(parts, steps - 1), len(parts)
    now = before.copy()
    for rank in range(world):
        part = (rank - steps) % world
        come = before[rank - 1, part]
        now[rank, part] = before[rank, part] + come if steps < world else come
    return now
"""],
}

EQUIVALENT = {}
