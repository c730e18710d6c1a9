"""The all-reduce in Python."""

import pytest
import torch

from helpers.widgets import ALGORITHMS, AllReduce, BadValue


def chosen_values(n: int, whole: bool) -> torch.Tensor:
    generator = torch.Generator().manual_seed(n)
    return (torch.randint(-99, 99, (n, n), generator=generator) if whole
            else torch.randn(n, n, generator=generator))


def whole_chunks(figure: AllReduce, step: int) -> torch.Tensor:
    """Which chunks hold the sum of all ranks, found with a number of its own for each rank."""
    bits = 2 ** torch.arange(figure.processes)[:, None].expand(-1, figure.processes)
    counted = AllReduce(values=bits, algorithm=figure.algorithm)
    return counted.state(step) == 2 ** figure.processes - 1


@pytest.mark.parametrize("processes", range(2, 9))
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_after_the_last_step_every_rank_holds_the_sum(algorithm, processes):
    for whole in (True, False):
        values = chosen_values(processes, whole)
        figure = AllReduce(values=values, algorithm=algorithm)
        assert figure.values.equal(values.float())
        assert figure.state(0).equal(figure.values) and figure.sent(0) == []
        figure.step = figure.steps
        expected = values.float().sum(0).expand(processes, -1)
        torch.testing.assert_close(figure.state(), expected, rtol=0 if whole else 1.3e-6,
                                   atol=0 if whole else 1e-5)
        assert figure.state().dtype == torch.float32 and whole_chunks(figure, figure.steps).all()
    for moves in map(figure.sent, range(1, figure.steps + 1)):
        assert len({one.sender for one in moves}) == len(moves), "no rank sends to two at a time"
        assert len({one.receiver for one in moves}) == len(moves), "or gets from two"
    changed = [(figure.state(s) != figure.state(s - 1)).sum() for s in range(1, figure.steps + 1)]
    assert all(changed), "each step does something"
    figure.state(0)[:] = 7  # a copy
    assert figure.values.equal(values)


@pytest.mark.parametrize("processes", range(2, 9))
def test_the_ring_is_the_one_of_the_chapter(processes):
    """Chunk by chunk, as the chapter's own ring sends them."""
    n, figure = processes, AllReduce(values=chosen_values(processes, True))
    held = figure.values
    for s in range(n - 1):
        moves = [(r, (r + 1) % n, ((r - s) % n,)) for r in range(n)]
        assert figure.sent(s + 1) == moves
        numbers = [held[r, (r - s) % n].item() for r in range(n)]
        for (_, receiver, (chunk,)), number in zip(moves, numbers, strict=True):
            held[receiver, chunk] += number
        assert figure.state(s + 1).equal(held)
    owned = whole_chunks(figure, n - 1)
    assert owned.equal(torch.eye(n, dtype=torch.bool).roll(1, 1)), (
        "rank r has chunk r + 1, and no other one")
    for s in range(n - 1):
        moves = [(r, (r + 1) % n, ((r + 1 - s) % n,)) for r in range(n)]
        assert figure.sent(n + s) == moves
        assert (whole_chunks(figure, n + s).sum(1) == s + 2).all()


def test_traffic_and_times_of_an_all_reduce_are_by_formula():
    figure = AllReduce(megabytes=100.0, gigabits=10.0, latency=20.0)
    for n in range(2, 9):
        figure.processes = n
        for name, steps, most in (("ring", 2, 2), ("to one and back", 2, n),
                                  ("everyone to everyone", 1, n)):  # times n - 1
            figure.algorithm, sent = name, 0
            counts = figure.traffic(figure.steps)
            assert figure.steps == steps * (n - 1)
            assert counts[:, 0].max() == most * (n - 1)
            assert counts.sum(1).max() == 2 * most * (n - 1)
            for step in range(figure.steps + 1):
                sent += sum(len(chunks) for _, _, chunks in figure.sent(step))
                assert figure.traffic(step).sum(0).tolist() == [sent, sent]
            assert sent == steps * n * (n - 1) * (n if name == "everyone to everyone" else 1)
    for name, seconds in (("ring", 6 * 20e-6 + 1.5 * 0.08),
                          ("to one and back", 6 * 20e-6 + 6 * 0.08),
                          ("everyone to everyone", 3 * 20e-6 + 3 * 0.08)):
        assert figure.seconds(name, 4) == pytest.approx(seconds, rel=1e-12)
        assert figure.seconds(name) == figure.seconds(name, 8)
    assert figure.seconds() == figure.seconds("everyone to everyone", 8)
    assert figure.seconds("ring", 1000) < 2 * 0.08 + 0.04, (
        "never twice the vector, but for the latency")


@pytest.mark.parametrize("processes", range(2, 9))
def test_each_rank_of_a_ring_sends_2_n_minus_1_over_n_of_its_vector(processes):
    """In MB; and with a master, rank 0 gets and sends a vector for each of the others."""
    n, figure = processes, AllReduce(processes, megabytes=70.0)
    for step in range(figure.steps + 1):
        assert figure.megabytes_moved(step).sub(70.0 * step / n).abs().max() < 1e-12
    moved = figure.megabytes_moved(figure.steps)
    assert moved.shape == (n, 2) and moved.dtype == torch.float64
    assert moved.sub(70.0 * 2 * (n - 1) / n).abs().max() < 1e-12 and moved.max() < 140.0
    figure.algorithm = "to one and back"
    moved = figure.megabytes_moved(figure.steps)
    assert moved[0].tolist() == [70.0 * (n - 1)] * 2 and (moved[1:] == 70.0).all()
    assert figure.megabytes_moved().equal(torch.zeros(n, 2, dtype=torch.float64))


def test_processes_and_steps_of_an_all_reduce_fit_together():
    figure = AllReduce(values=chosen_values(4, True), step=6)
    before = figure.get_state()
    for change in ({"algorithm": "everyone to everyone"}, {"values": torch.ones(3, 3)},
                   {"step": 7}):
        with pytest.raises(BadValue, match=r"There is no step|whole number"):
            figure.set_trait(*change.popitem())
        assert figure.get_state() == before
    values = figure.values
    figure.processes = 3
    assert (figure.step, figure.steps) == (0, 4) and figure.values.equal(values[:3, :3])
    figure.processes = 5
    assert figure.values[:3, :3].equal(values[:3, :3])
    assert figure.values[3:].equal(AllReduce(5).values[3:])
    with figure.hold_trait_notifications():
        figure.algorithm, figure.step = "everyone to everyone", 4
    assert figure.state().equal(figure.values.sum(0).expand(5, -1))
    with pytest.raises(BadValue, match="from 2 to 8"):
        figure.processes = 1
    text = AllReduce(3).to_html()
    assert "after step 4 of 4" in text and "<td>rank 2</td><td>9</td><td>10</td><td>6</td>" in text
    assert "after step 1 of 2" in AllReduce(3, algorithm="everyone to everyone", step=1).to_html()
