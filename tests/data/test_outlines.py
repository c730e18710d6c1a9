"""The coloring book: boxes and their outlines."""

import torch

from helpers import coloring_book


def test_boxes_have_the_sides_that_chapter_3_says_and_lines_one_pixel_wide():
    torch.manual_seed(0)
    outline, filled = coloring_book(300)
    assert outline.shape == filled.shape == (300, 1, 20, 20)
    seen = set()
    for line, box in zip(outline[:, 0], filled[:, 0], strict=True):
        rows, columns = (box.any(axis).nonzero().flatten().tolist() for axis in (1, 0))
        assert box[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1].all()
        assert box.sum() == len(rows) * len(columns)
        assert line.sum() == 2 * (len(rows) + len(columns)) - 4 and (line <= box).all()
        assert not line[rows[0] + 1:rows[-1], columns[0] + 1:columns[-1]].any()
        seen |= {len(rows), len(columns)}
    assert seen == {9, 10, 11, 12, 13}


def test_one_seed_draws_one_book():
    def drawn(seed):
        torch.manual_seed(seed)
        return torch.stack(coloring_book(5))

    assert torch.equal(drawn(1), drawn(1)) and not torch.equal(drawn(1), drawn(2))
