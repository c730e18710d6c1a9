"""Chapter 10: data parallelism. Nothing here starts a process."""

import torch
from torch.utils.data import DistributedSampler

from .exercise import Exercise, call, drawn

# 10.1


def of_mean(counts):
    """Return each count in units of the mean count."""
    counts = torch.as_tensor(counts).double()
    return (counts / counts.mean()).tolist()


factors = Exercise(
    "loss_factors", right=of_mean,
    hints=("Write down the gradient of the whole batch of 64 as a sum over images, and the plain "
           "mean over 40 and 24. How much does an image of each rank count in either?",
           "In the whole an image counts 1 / n. In the plain mean over P ranks it counts "
           "1 / (P · nᵣ). By what must the second be multiplied to become the first?",
           "`P * counts[r] / sum(counts)` for each rank r, with `P = len(counts)`."))
factors.case("equal shares need nothing", call([32, 32]),
             note="Of equal shares the plain mean is right as it is, so each factor is 1.")
factors.case("40 and 24 images", call([40, 24]),
             note="For the mean over P ranks to be right, the factors must add up to P.")
factors.case("four ranks, the last with few", call([30, 30, 30, 6]),
             note="For the mean over P ranks to be right, the factors must add up to P.")
factors.hidden("any shares", drawn(10, lambda rng: call(
    [rng.randint(1, 60) for _ in range(rng.randint(1, 8))])), weight=2)
factors.mistake("shares of the batch", "These factors add up to 1. They would be right if DDP "
                "added up; but it divides by the number of ranks as well.", """
def loss_factors(counts):
    return [n / sum(counts) for n in counts]
""")
factors.mistake("upside down", "A rank with few images gets a large factor here. But its images "
                "count too much already.", """
def loss_factors(counts):
    return [sum(counts) / len(counts) / n for n in counts]
""")
factors.mistake("no factors", "All ranks count the same: that is the plain mean, which is off as "
                "soon as the shares differ.", """
def loss_factors(counts):
    return [1.0 for n in counts]
""")
factors.mistake("the number of images", "Each loss is multiplied by its number of images, so the "
                "mean over ranks is a sum over images, divided by P only. By what else?", """
def loss_factors(counts):
    return list(counts)
""")
factors.mistake("measured by the largest share", "Relative to each other the factors are right. "
                "All together are too small: even one image less in one rank shortens every step.",
                """
def loss_factors(counts):
    return [n / max(counts) for n in counts]
""")


# 10.2


def link(rng):
    """Draw a network, a number of ranks and what joins them."""
    return {"parameters": rng.choice((500_000, 1_000_000, 2_000_000, 4_000_000)),
            "ranks": rng.choice((8, 16, 32, 64)), "gigabytes_per_second": rng.choice((4, 5, 10)),
            "microseconds": rng.choice((20, 35, 45))}


def ring_ms(parameters, ranks, gigabytes_per_second, microseconds):
    """Return the milliseconds of a ring, step by step."""
    part = 4 * parameters / ranks
    step = microseconds * 1e-6 + part / (gigabytes_per_second * 1e9)
    return 1000 * sum(step for phase in ("add", "pass on") for _ in range(ranks - 1))


NUMBERS = "lambda parameters, ranks, gigabytes_per_second, microseconds: "
ring = Exercise(
    "answer_ring_milliseconds", right=ring_ms, draw=link, tolerance=4e-3,
    hints=("How many steps does the ring take, and how many bytes does a rank send in one of them?",
           "A step takes the time that a message takes to begin, and its bytes divided by the "
           "bytes per second. There are 2 (P − 1) steps.",
           "`2 * (ranks - 1) * (microseconds / 1e3 + 4 * parameters / ranks / "
           "(gigabytes_per_second * 1e6))`: with 1e6 bytes a millisecond in 1 GB/s."))
ring.mistake("half of the steps", "That is the time until each rank has *one* complete part. They "
             "still have to go around.", "answer_ring_milliseconds = " + NUMBERS +
             "(ranks - 1) * (microseconds / 1e3 + 4 * parameters / ranks / "
             "(gigabytes_per_second * 1e6))")
ring.mistake("the latency of one message", "Each of the 2 (P − 1) messages takes its time to "
             "begin, not only the first.", "answer_ring_milliseconds = " + NUMBERS +
             "microseconds / 1e3 + 2 * (ranks - 1) * 4 * parameters / ranks / "
             "(gigabytes_per_second * 1e6)")
ring.mistake("no latency", "These are the bytes alone. Each message also takes its time to begin.",
             "answer_ring_milliseconds = " + NUMBERS + "2 * (ranks - 1) * 4 * parameters / ranks / "
             "(gigabytes_per_second * 1e6)")
ring.mistake("a message with all gradients", "In each step a rank sends one part, a P-th of the "
             "gradients, and not all of them.", "answer_ring_milliseconds = " + NUMBERS +
             "2 * (ranks - 1) * (microseconds / 1e3 + 4 * parameters / (gigabytes_per_second * "
             "1e6))")
ring.mistake("numbers, not bytes", "A number of 32 bits has four bytes.",
             "answer_ring_milliseconds = " + NUMBERS + "2 * (ranks - 1) * (microseconds / 1e3 + "
             "parameters / ranks / (gigabytes_per_second * 1e6))")
ring.mistake("one step too many in each half", "Each half has P − 1 steps: with two ranks, one "
             "message adds up, and one brings back.", "answer_ring_milliseconds = " + NUMBERS +
             "2 * ranks * (microseconds / 1e3 + 4 * parameters / ranks / "
             "(gigabytes_per_second * 1e6))")
ring.mistake("seconds", "That is the time in seconds. Milliseconds were asked.",
             "answer_ring_milliseconds = " + NUMBERS + "2 * (ranks - 1) * (microseconds / 1e6 + "
             "4 * parameters / ranks / (gigabytes_per_second * 1e9))")


# 10.3


def by_sampler(count, world, rank, seed, epoch):
    """Return the share that PyTorch's sampler gives."""
    sampler = DistributedSampler(range(count), num_replicas=world, rank=rank, seed=seed)
    sampler.set_epoch(epoch)
    return [*sampler]


def any_share(rng):
    """Return a call for any rank of a world."""
    world = rng.randint(1, 6)
    return call(rng.randint(1, 20), world, rng.randrange(world), rng.randrange(100),
                rng.randrange(30))


share = Exercise(
    "share_of", right=by_sampler,
    hints=("Three steps: draw the order, make it longer, take every `world`-th of it. Which of "
           "these depends on the rank?",
           "`generator = torch.Generator().manual_seed(seed + epoch)`, and "
           "`torch.randperm(count, generator=generator).tolist()`. Each rank gets count / world of "
           "them, rounded up.",
           "`(order * world)[:each * world][rank::world]`, where `each` is count / world, rounded "
           "up: `order * world` repeats a list."))
share.case("eight images, two ranks", call(8, 2, 0, 0, 0), call(8, 2, 1, 0, 0),
           note="Compare with `DistributedSampler(range(8), num_replicas=2, rank=0, seed=0)`.")
share.case("seven images, two ranks", call(7, 2, 0, 0, 0), call(7, 2, 1, 0, 0),
           note="Both ranks must get four. Where does the eighth come from?")
share.case("another epoch, another seed", call(7, 2, 1, 0, 3), call(7, 2, 1, 4, 3),
           note="The seed of the order is seed + epoch.")
share.case("more ranks than images", call(3, 8, 7, 5, 1), call(1, 6, 5, 0, 0),
           note="The order may have to be repeated more than once.")
share.hidden("any shares", drawn(30, any_share), weight=2)
share.mistake("one is dropped", "The ranks do not get equally many: where the numbers do not fit, "
              "some rank ends early, and the others wait for it.", """
def share_of(count, world, rank, seed, epoch):
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed + epoch))
    return order[rank::world].tolist()
""")
share.mistake("blocks", "Each rank gets a piece in one block. As shares that is as good, but here "
              "rank r takes every `world`-th, beginning with the r-th.", """
def share_of(count, world, rank, seed, epoch):
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed + epoch)).tolist()
    each = math.ceil(count / world)
    return (order * world)[rank * each:(rank + 1) * each]
""")
share.mistake("an order for each rank", "The rank is in the seed, so each rank draws an order of "
              "its own. Then some images are taken by several, and others by nobody.", """
def share_of(count, world, rank, seed, epoch):
    generator = torch.Generator().manual_seed(seed + epoch + rank)
    order = torch.randperm(count, generator=generator).tolist()
    return (order * world)[:math.ceil(count / world) * world][rank::world]
""")
share.mistake("the same order in each epoch", "The epoch is not in the seed: every epoch has the "
              "order of the first, as if `set_epoch` had been forgotten.", """
def share_of(count, world, rank, seed, epoch):
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed)).tolist()
    return (order * world)[:math.ceil(count / world) * world][rank::world]
""")
share.mistake("the last one repeated", "The order is filled up with its last image. It should be "
              "filled up from its beginning.", """
def share_of(count, world, rank, seed, epoch):
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed + epoch)).tolist()
    order += order[-1:] * (-count % world)
    return order[rank::world]
""")
share.mistake("the rest is left out", "The order is cut to a number that fits, so some images are "
              "left out in this epoch. Here it is to be made longer.", """
def share_of(count, world, rank, seed, epoch):
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed + epoch))
    return order[:count // world * world][rank::world].tolist()
""")
share.mistake("filled up once only", "The order is made longer by its own beginning once. With "
              "more than twice as many ranks as images that does not reach.", """
def share_of(count, world, rank, seed, epoch):
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed + epoch)).tolist()
    order += order[:-count % world]
    return order[rank::world]
""")


# 10.4

ddp = Exercise(
    "answer_ddp_lines", right=(15, 11, 9, 16),
    hints=("A: which line is carried out by one rank only, and calls something to which all ranks "
           "must come?",
           "B: through which object must the images go, so that DDP knows of the step? `net` and "
           "`model` have the same weights.",
           "C: the order is drawn from the seed and from a number that somebody has to tell the "
           "sampler. D: which line writes?"))
ddp.mistake("A at the file", "B and C are found. Writing a file sends no messages, so nobody waits "
            "there. Who asks the others for something, and they do not come?",
            "answer_ddp_lines = (16, 11, 9, 15)")
ddp.mistake("B at backward", "A, C and D are found. Line 13 is as it should be; it averages only "
            "what went *forward* through DDP.", "answer_ddp_lines = (15, 13, 9, 16)")
ddp.mistake("B at the seed", "A, C and D are found. Line 3 gives all ranks the same first weights, "
            "and DDP would do so as well. What lets them go apart afterwards?",
            "answer_ddp_lines = (15, 3, 9, 16)")
ddp.mistake("B at the wrapping", "A, C and D are found. Line 5 is as it should be: it makes a "
            "network that averages. Which line does not use it?",
            "answer_ddp_lines = (15, 5, 9, 16)")
ddp.mistake("C before the epochs", "A, B and D are found. Below line 8 it would run once, before "
            "all epochs. The missing line has to run once in each epoch.",
            "answer_ddp_lines = (15, 11, 8, 16)")
ddp.mistake("C at the sampler", "A, B and D are found. Line 7 is as it should be. The missing line "
            "has to run once in each epoch.", "answer_ddp_lines = (15, 11, 7, 16)")
ddp.mistake("C within the batches", "A, B and D are found. Below line 10 the sampler would be told "
            "with every batch, and in the first epoch too late: the order is drawn where the "
            "loop over the batches begins.", "answer_ddp_lines = (15, 11, 10, 16)")
ddp.mistake("the order of the lines", "These are the right lines, by number. Give them in the "
            "order of the symptoms: A, B, C, D.", "answer_ddp_lines = (9, 11, 15, 16)")


# 10.5


def cluster(rng):
    """Draw machines, and the recipe for one GPU."""
    return {"machines": rng.choice((2, 4)), "gpus": rng.choice((2, 4)),
            "batch_size": rng.choice((32, 48, 64)), "accumulate": rng.choice((3, 5)),
            "recipe_batch": rng.choice((200, 250)), "recipe_rate": rng.choice((0.05, 0.1))}


def scaled(machines, gpus, batch_size, accumulate, recipe_batch, recipe_rate):
    """Return the images of one step, one by one, and the rate for each of them added up."""
    images = len([None for _ in range(machines) for _ in range(gpus) for _ in range(accumulate)
                  for _ in range(batch_size)])
    return images, images * (recipe_rate / recipe_batch)


RECIPE = "lambda machines, gpus, batch_size, accumulate, recipe_batch, recipe_rate: "
large = Exercise(
    "answer_large_batch", right=scaled, draw=cluster, tolerance=5e-3,
    hints=("Whose number is the `batch_size` of a `DataLoader` under DDP: that of a rank, of a "
           "machine, or of all?",
           "An image belongs to a step if its gradient is in it: from how many ranks, and from how "
           "many batches of each?",
           "`n = machines * gpus * batch_size * accumulate`, and the rate is "
           "`recipe_rate * n / recipe_batch`."))
large.mistake("the ranks of one machine", "This counts the GPUs of one machine. The gradients are "
              "averaged over the ranks of all of them.", "answer_large_batch = " + RECIPE +
              "(gpus * batch_size * accumulate, "
              "recipe_rate * gpus * batch_size * accumulate / recipe_batch)")
large.mistake("one batch of each rank", "Each rank goes through several batches before the "
              "optimizer steps, and the gradients of all of them are in the step.",
              "answer_large_batch = " + RECIPE + "(machines * gpus * batch_size, "
              "recipe_rate * machines * gpus * batch_size / recipe_batch)")
large.mistake("`batch_size` as that of all ranks", "In a `DataLoader` under DDP `batch_size` is "
              "that of one rank.", "answer_large_batch = " + RECIPE + "(batch_size * accumulate, "
              "recipe_rate * batch_size * accumulate / recipe_batch)")
large.mistake("the rate as it was", "The number of images is right. The rule says that the rate "
              "grows with it.", "answer_large_batch = " + RECIPE +
              "(machines * gpus * batch_size * accumulate, recipe_rate)")
large.mistake("a rate by the number of ranks", "The number of images is right. But the rate is "
              "multiplied by how many ranks there are. The recipe is not one for batches of "
              "`batch_size`: compare the images of a step.", "answer_large_batch = " + RECIPE +
              "(machines * gpus * batch_size * accumulate, recipe_rate * machines * gpus)")
large.mistake("the rate upside down", "The number of images is right. But the rate falls here "
              "where the batch grows.", "answer_large_batch = " + RECIPE +
              "(machines * gpus * batch_size * accumulate, "
              "recipe_rate * recipe_batch / (machines * gpus * batch_size * accumulate))")
large.mistake("the square root", "The number of images is right. The rate follows the root of the "
              "batch here. There is such a rule, too, but the linear one was asked.",
              "answer_large_batch = " + RECIPE + "(machines * gpus * batch_size * accumulate, "
              "recipe_rate * (machines * gpus * batch_size * accumulate / recipe_batch) ** 0.5)")


# 10.6


def by_clock(ranks, images, per_image, latency, transfer):
    """Return the speed-up by two clocks that start together where backward begins."""
    begin = images / ranks * per_image / 3
    computed = begin + images / ranks * per_image * 2 / 3
    sent = begin
    for _ in range(2 * (ranks - 1)):
        sent += latency + transfer / ranks
    return images * per_image / max(computed, sent)


speed = Exercise(
    "ddp_speed_up", right=by_clock,
    hints=("Three times make a step: forward, backward, exchange. Which two run side by side, and "
           "what is the time of two that do?",
           "The exchange: 2 (P − 1) messages, each a P-th of the gradients. A message takes "
           "`latency + transfer / ranks`.",
           "`share = images * per_image / ranks`, "
           "`step = share / 3 + max(share * 2 / 3, exchange)`, and the speed-up is "
           "`images * per_image / step`."))
speed.case("one rank sends nothing", call(1, 64, 0.01, 0.001, 0.1),
           note="One rank is as fast as one device: it sends 2 (P − 1) = 0 messages.")
speed.case("an exchange that hides behind backward", call(4, 240, 0.01, 0.001, 0.1),
           note="While backward is going on, sending costs no time.")
speed.case("an exchange that takes longer", call(4, 24, 0.01, 0.001, 0.1),
           note="Here a rank computes 0.02 s forward and 0.04 s backward. How many seconds does "
                "the exchange take, and which of the three does it run beside?")
speed.case("slower than one", call(8, 8, 0.01, 0.001, 0.1),
           note="More ranks may be slower than one device. Then the speed-up is below 1.")
speed.case("7.5 images for each rank", call(4, 30, 0.02, 0.0005, 0.05),
           note="A share need not be a whole number. Here the exchange is hidden, so four ranks "
                "are four times as fast.")
speed.hidden("any network and link", drawn(30, lambda rng: call(
    rng.randint(1, 16), rng.randint(8, 200), rng.uniform(0.001, 0.02), rng.uniform(0, 0.002),
    rng.uniform(0, 0.2))), weight=2)
speed.mistake("nothing is hidden", "Compute and exchange are added up. But DDP sends while "
              "backward goes on: of two that run side by side, only the longer one counts.", """
def ddp_speed_up(ranks, images, per_image, latency, transfer):
    share = images * per_image / ranks
    return ranks * share / (share + 2 * (ranks - 1) * (latency + transfer / ranks))
""")
speed.mistake("hidden behind forward, too", "The exchange hides behind all of the compute. But in "
              "the forward pass there is no gradient yet that could be sent.", """
def ddp_speed_up(ranks, images, per_image, latency, transfer):
    share = images * per_image / ranks
    return ranks * share / max(share, 2 * (ranks - 1) * (latency + transfer / ranks))
""")
speed.mistake("half of the messages", "P − 1 messages bring the sums only to one complete part in "
              "each rank. As many again take the parts around.", """
def ddp_speed_up(ranks, images, per_image, latency, transfer):
    share = images * per_image / ranks
    exchange = (ranks - 1) * (latency + transfer / ranks)
    return ranks * share / (share / 3 + max(share * 2 / 3, exchange))
""")
speed.mistake("messages with all gradients", "Each message takes the time of the whole vector. In "
              "a ring it is a P-th of it.", """
def ddp_speed_up(ranks, images, per_image, latency, transfer):
    share = images * per_image / ranks
    exchange = 2 * (ranks - 1) * (latency + transfer)
    return ranks * share / (share / 3 + max(share * 2 / 3, exchange))
""")
speed.mistake("every rank has the whole batch", "Here each rank computes `images` images. They are "
              "those of all ranks together.", """
def ddp_speed_up(ranks, images, per_image, latency, transfer):
    whole = images * per_image
    exchange = 2 * (ranks - 1) * (latency + transfer / ranks)
    return whole / (whole / 3 + max(whole * 2 / 3, exchange))
""")
speed.mistake("whole images only", "The share is rounded. Here it is `images / ranks`, also where "
              "that is no whole number.", """
def ddp_speed_up(ranks, images, per_image, latency, transfer):
    share = images // ranks * per_image
    exchange = 2 * (ranks - 1) * (latency + transfer / ranks)
    return images * per_image / (share / 3 + max(share * 2 / 3, exchange))
""")
speed.mistake("the time of a step", "This is how long a step takes. The speed-up is the time of "
              "one rank, divided by it.", """
def ddp_speed_up(ranks, images, per_image, latency, transfer):
    share = images * per_image / ranks
    exchange = 2 * (ranks - 1) * (latency + transfer / ranks)
    return share / 3 + max(share * 2 / 3, exchange)
""")


# 10.7


def by_distance(parts, steps):
    """Return what each rank has, from how far each part has come, without playing the steps."""
    world = len(parts)
    added, passed = min(steps, world - 1), max(0, steps - (world - 1))

    def held(rank, part):
        # Rank `part` begins to pass on its part; then it goes from rank to rank.
        far = (rank - part) % world
        if far < passed:
            return parts[:, part].sum()
        chain = range(part, part + far + 1) if far <= added else [rank]
        return sum(parts[r % world, part] for r in chain)

    return torch.stack([torch.stack([held(rank, part) for part in range(world)])
                        for rank in range(world)])


def any_ring(rng):
    """Return a call for any step of a ring."""
    world = rng.randint(1, 6)
    parts = torch.tensor([[float(rng.randint(-50, 50)) for _ in range(world)]
                          for _ in range(world)])
    return call(parts, rng.randint(0, 2 * (world - 1)))


three = torch.tensor([[1.0, 2, 3], [10, 20, 30], [100, 200, 300]])
around = Exercise(
    "ring_after", right=by_distance,
    hints=("Play it on paper for three ranks: which part does each rank send in step 0, and which "
           "in step 1? It is the one that has just come.",
           "For each step and each rank: the part `(rank - step) % world` goes to the rank "
           "`(rank + 1) % world`, which adds it, or puts it in the place of its own.",
           "`now[right, part] = sent[rank, part] + (now[right, part] if step < world - 1 else 0)`, "
           "where `sent` is a copy of `now` from the beginning of the step."))
around.case("no step", call(three, 0), note="After no step all ranks have what they had.")
around.case("one step", call(three, 1),
            note="In step 0 each rank sends the part with its own number to the right, that is, "
                 "to the next rank.")
around.case("halfway: each rank has one complete part", call(three, 2),
            note="In step 1 each rank sends the sum that has just come to it: part (r − 1) mod P.")
around.case("a step later, the first complete parts are passed on", call(three, 3),
            note="What is complete must not be added any more.")
around.case("at the end all have the sum", call(three, 4),
            note="2 (P − 1) steps: after them all rows are the same.")
around.case("two ranks", *(call(torch.tensor([[1.0, 2], [10, 20]]), steps) for steps in (1, 2)),
            note="With two ranks one step adds, and one passes on.")
around.hidden("any number of ranks, any step", drawn(25, any_ring), weight=2)
around.mistake("always the own part", "In each step every rank sends the part with its own number. "
               "It must pass on what it has just received.", """
def ring_after(parts, steps):
    now, world = parts.clone(), len(parts)
    for step in range(steps):
        sent = now.clone()
        for rank in range(world):
            right = (rank + 1) % world
            kept = now[right, rank] if step < world - 1 else 0
            now[right, rank] = sent[rank, rank] + kept
    return now
""")
around.mistake("to the left", "The parts go to the left neighbor. In this ring they go to the "
               "right, from rank r to rank r + 1.", """
def ring_after(parts, steps):
    now, world = parts.clone(), len(parts)
    for step in range(steps):
        sent = now.clone()
        for rank in range(world):
            left, part = (rank - 1) % world, (rank - step) % world
            now[left, part] = sent[rank, part] + (now[left, part] if step < world - 1 else 0)
    return now
""")
around.mistake("the numbers run the wrong way", "In step 0 all is well. Then each rank sends the "
               "part with the *next* number, and not the one that has just come to it.", """
def ring_after(parts, steps):
    now, world = parts.clone(), len(parts)
    for step in range(steps):
        sent = now.clone()
        for rank in range(world):
            right, part = (rank + 1) % world, (rank + step) % world
            now[right, part] = sent[rank, part] + (now[right, part] if step < world - 1 else 0)
    return now
""")
around.mistake("added to the end", "The first half is right. In the second, complete parts are "
               "added to what is there, and they grow beyond the sum.", """
def ring_after(parts, steps):
    now, world = parts.clone(), len(parts)
    for step in range(steps):
        sent = now.clone()
        for rank in range(world):
            part = (rank - step) % world
            now[(rank + 1) % world, part] += sent[rank, part]
    return now
""")
around.mistake("never added", "A part that comes takes the place of the rank's own from the first "
               "step on, so nothing is ever added up.", """
def ring_after(parts, steps):
    now, world = parts.clone(), len(parts)
    for step in range(steps):
        sent = now.clone()
        for rank in range(world):
            part = (rank - step) % world
            now[(rank + 1) % world, part] = sent[rank, part]
    return now
""")
around.mistake("one step too long added", "The step in which the first complete parts arrive still "
               "adds. After how many steps has each rank a complete part?", """
def ring_after(parts, steps):
    now, world = parts.clone(), len(parts)
    for step in range(steps):
        sent = now.clone()
        for rank in range(world):
            right, part = (rank + 1) % world, (rank - step) % world
            now[right, part] = sent[rank, part] + (now[right, part] if step < world else 0)
    return now
""")
around.mistake("the sum, at once", "That is the end of the ring, whatever the step. Here what the "
               "ranks have *on the way* is asked.", """
def ring_after(parts, steps):
    return parts.sum(0).expand_as(parts).clone()
""")
