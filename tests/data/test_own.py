"""Pictures of one's own: what a folder may hold, and what is told about the rest."""

import io
import os
import sys
import time
import zlib
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from helpers import BadData, LeNet, evaluate, fit, lenet_recipe, load_folder, set_seed
from helpers.data import channel_statistics, pictures


def picture(path, color=(10, 20, 30), size=(8, 8), mode="RGB", **settings):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, color).save(path, **settings)
    return path


@pytest.fixture
def pets(tmp_path):
    """Two classes of twenty pictures, each of one gray: its number."""
    for name in ("dog", "cat"):
        for number in range(20):
            picture(tmp_path / "pets" / name / f"{number:02}.png", (number,) * 3)
    return tmp_path / "pets"


def numbers(split):
    return split.images[:, 0, 0, 0].tolist()


def refused(folder, words, **settings):
    with pytest.raises(BadData, match=words) as told:
        load_folder(folder, **settings)
    assert "\n" not in str(told.value)


def test_every_picture_is_in_one_split_with_its_class(pets, capsys):
    data = load_folder(pets)
    assert data.classes == ("cat", "dog"), "sorted"
    assert (len(data.train), len(data.val), len(data.test)) == (32, 4, 4)
    for label in range(2):
        parts = [split.images[split.labels == label][:, 0, 0, 0] for split in
                 (data.train, data.val, data.test)]
        assert sorted(torch.cat(parts).tolist()) == list(range(20))
        assert [len(part) for part in parts] == [16, 2, 2]
    assert numbers(data.val)[:2] != [0, 1] and numbers(data.val) != [18, 19, 18, 19], "drawn"
    assert data.source == "own pictures in pets" and f"{data}\n" == capsys.readouterr().out
    torch.testing.assert_close(data.mean, data.train.images.float().mean((0, 2, 3)) / 255)
    again = load_folder(str(pets), verbose=False)
    assert again.train.images.equal(data.train.images) and not capsys.readouterr().out


def test_folders_of_their_own_for_test_and_validation(pets, tmp_path):
    pets.rename(tmp_path / "train")
    for name in ("test", "val"):
        for number in (50, 51, 52):
            picture(tmp_path / name / "dog" / f"{number}.jpg", (number,) * 3, quality=95)
    data = load_folder(tmp_path)
    assert [len(split) for split in (data.train, data.val, data.test)] == [40, 3, 3]
    assert data.test.labels.tolist() == [1, 1, 1] and numbers(data.val) == [50, 51, 52]
    for path in (tmp_path / "val").rglob("*.jpg"):
        path.unlink()
    refused(tmp_path, "val.dog has no PNG or JPEG files")
    (tmp_path / "val" / "dog").rmdir()
    (tmp_path / "val").rmdir()
    data = load_folder(tmp_path)
    assert [len(split) for split in (data.train, data.val, data.test)] == [36, 4, 3]
    assert len(load_folder(tmp_path / "train").test) == 4


def test_a_network_learns_from_them(tmp_path):
    generator = np.random.default_rng(0)
    for name, low in (("dark", 0), ("light", 120)):
        for number in range(30):
            pixels = generator.integers(low, low + 130, (40, 50, 3), dtype=np.uint8)
            (tmp_path / name).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.jpg")
    data = load_folder(tmp_path, size=32)
    assert data.train.images.shape[1:] == (3, 32, 32)
    set_seed(0)
    model, train = LeNet(classes=2), data.train.batches(8)
    fit(model, train, data.val, epochs=4, verbose=False, **lenet_recipe(model, 4 * len(train)))
    assert evaluate(model, data.test)[1] == 1


LAYERS = np.zeros((8, 8, 4), np.uint8)
LAYERS[:4] = (200, 100, 50, 255)  # the lower half is transparent black


@pytest.mark.parametrize("save, top, bottom", [
    pytest.param(lambda p: picture(p, 77, mode="L"), [77] * 3, [77] * 3, id="gray"),
    pytest.param(lambda p: picture(p, 1, mode="1"), [255] * 3, [255] * 3, id="black and white"),
    pytest.param(lambda p: Image.fromarray(LAYERS).save(p), [200, 100, 50], [255] * 3,
                 id="transparent"),
    pytest.param(lambda p: Image.fromarray(LAYERS[..., 2:]).save(p), [50] * 3, [255] * 3,
                 id="gray and transparent"),
    pytest.param(lambda p: picture(p, (9, 200, 9)).rename(p) and Image.open(p).quantize(2).save(p),
                 [9, 200, 9], [9, 200, 9], id="palette"),
    pytest.param(lambda p: Image.fromarray(LAYERS).quantize(4).save(p), [200, 100, 50], [255] * 3,
                 id="palette and transparent")])
def test_every_kind_of_png_becomes_three_channels(pets, save, top, bottom):
    save(pets / "cat" / "00.png")
    data = load_folder(pets)
    all_images = torch.cat([split.images for split in (data.train, data.val, data.test)])
    found = [image for image in all_images if image[:, 0, 0].tolist() == top
             and image[:, 7, 7].tolist() == bottom]
    assert len(found) == 1 and len(all_images) == 40


def test_photographs_stand_upright_and_may_be_cmyk_or_of_several_parts(pets):
    lying = Image.new("RGB", (16, 8), "black")
    lying.paste("white", (0, 0, 8, 8))
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn me a quarter to the right"
    lying.save(pets / "cat" / "00.jpg", exif=exif, quality=95)
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(pets / "cat" / "01.JPEG", quality=95)
    Image.new("RGB", (8, 8), "blue").save(pets / "cat" / "02.jpg", "MPO", save_all=True,
                                          append_images=[Image.new("RGB", (8, 8))])
    refused(pets, r"1 of 43 pictures in .*pets have another size than 8×8: cat.00.jpg \(8×16\). "
                  r"With load_folder\(…, size=32\)")
    images = load_folder(pets, size=8, verbose=False).train.images.float()
    corners = images[:, :, 0, 4] - images[:, :, 7, 4]
    assert (corners.mean(1) > 150).sum() <= 1, "upright: white above black, if it is in this split"
    everything = torch.cat([s.images for s in vars(load_folder(pets, size=8)).values()]).float()
    assert ((everything[:, :, 0, 4] - everything[:, :, 7, 4]).mean(1) > 150).sum() == 1
    for red, blue in ((200, 0), (0, 200)):
        assert ((everything[:, 0, 4, 4] >= red) & (everything[:, 2, 4, 4] >= blue)
                & (everything[:, 1, 4, 4] < 40)).sum() >= 1


def test_the_middle_square_is_scaled(pets):
    wide = Image.new("RGB", (300, 100), "red")
    wide.paste("lime", (100, 0, 200, 100))
    wide.save(pets / "dog" / "00.png")
    wide.save(pets / "dog" / "01.jpg", quality=95)
    data = load_folder(pets, size=16)
    green = torch.cat([split.images for split in vars(data).values()])[:, 1].float()
    assert (green.flatten(1).min(1).values > 200).sum() == 2, "nothing of the red sides"


def test_what_is_passed_over(pets):
    expected = load_folder(pets)
    for name in (".hidden.png", "._00.png", "notes.txt", "Thumbs.db", ".DS_Store"):
        (pets / "cat" / name).write_bytes(b"x")
    for name in (".ipynb_checkpoints", "__MACOSX", "__pycache__"):
        picture(pets / name / "00.png")
    (pets / "labels.csv").touch()
    (pets / "cat" / "folder.png").mkdir()
    data = load_folder(pets)
    assert data.classes == expected.classes and data.train.images.equal(expected.train.images)


def bytes_of(kind, picture=None, **settings):
    stream = io.BytesIO()
    (picture or Image.new("RGB", (8, 8))).save(stream, kind, **settings)
    return stream.getvalue()


def half(kind):
    content = bytes_of(kind, Image.fromarray(np.random.default_rng(0).integers(
        256, size=(64, 64, 3), dtype=np.uint8)))
    return content[:len(content) // 2]


PNG = bytes_of("PNG")
HUGE = b"IHDR" + b"\0\1\x86\xa0" * 2 + PNG[24:29]
FRAMES = {"save_all": True, "append_images": [Image.new("RGB", (8, 8), "red")]}
BAD = {
    "empty": (b"", "no picture"), "a web page": (b"<html>", "no picture"),
    "half a PNG": (half("PNG"), "truncated"), "half a JPEG": (half("JPEG"), "truncated"),
    "a PNG's head": (PNG[:20], "00.png"), "half a WebP": (half("WEBP"), "00.png"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n", "no picture"),
    "a moving PNG": (bytes_of("PNG", **FRAMES), "a moving picture"),
    "a moving GIF": (bytes_of("GIF", **FRAMES), "a moving picture"),
    "TIFF": (bytes_of("TIFF"), "no picture"),
    "a PNG of 10^10 pixels": (PNG[:12] + HUGE + zlib.crc32(HUGE).to_bytes(4, "big") + PNG[33:],
                              "10000000000 pixels. exceeds limit"),
}


@pytest.mark.parametrize("name", BAD)
def test_fault_of_a_picture_is_told_by_its_name(pets, name):
    content, words = BAD[name]
    (pets / "cat" / "00.png").write_bytes(content)
    refused(pets, r"1 of 40 pictures in .*pets cannot be used: cat.00.png \(.*\). Replace or "
                  "delete them")
    refused(pets, words)


def test_fault_sixteen_bits_a_channel_and_the_other_formats(pets):
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(pets / "cat" / "00.png")
    (pets / "dog" / "a.heic").touch()
    (pets / "dog" / "b.GIF").write_bytes(bytes_of("GIF"))
    refused(pets, r"3 of 42 .*: cat.00.png \(more than 8 bits a channel\), dog.a.heic \(neither "
                  r"PNG nor JPEG\), dog.b.GIF \(neither PNG nor JPEG\)\. Replace")


def test_fault_many_bad_pictures_are_counted(pets):
    for path in (pets / "cat").iterdir():
        path.write_bytes(b"x")
    refused(pets, r"20 of 40 .*cat.04.png \(no picture\) and 15 more\. Replace")


def test_webp_that_calls_itself_jpg_is_a_picture(pets):
    """As browsers save it."""
    (pets / "cat" / "20.jpg").write_bytes(bytes_of("WEBP"))
    assert len(load_folder(pets).train) == 33


@pytest.mark.parametrize("change, words", [
    pytest.param(lambda f: f / "gone", "gone cannot be opened: No such file", id="no folder"),
    pytest.param(lambda f: f / "cat" / "00.png", "00.png cannot be opened: Not a dir", id="a file"),
    pytest.param(lambda f: f / "cat", r"at least two classes, but has none \(and 20 pictures "
                                      "outside", id="a class"),
    pytest.param(lambda f: f.parent, "at least two classes, but has pets", id="one level too high"),
    pytest.param(lambda f: (f / "bird").mkdir() or f, "pets.bird has no PNG or JPEG files",
                 id="an empty class"),
    pytest.param(lambda f: picture(f / "train" / "cat" / "0.png").parents[2],
                 "at least two classes, but has cat", id="train with one class"),
    pytest.param(lambda f: [picture(f / "bird" / f"{i}.png") for i in (1, 2)] and f,
                 "class 'bird' needs 3 pictures, .* but has 2", id="a class of two pictures"),
    pytest.param(lambda f: "~nosuchuser/x", "~nosuchuser/x cannot be opened: ", id="no home")])
def test_fault_of_the_folder(pets, change, words):
    refused(change(pets), words)


def test_fault_unknown_class_in_the_test_folder(pets, tmp_path):
    pets.rename(tmp_path / "train")
    picture(tmp_path / "test" / "bird" / "0.png")
    refused(tmp_path, "test has pictures of bird, which is no class of the training pictures")


@pytest.mark.parametrize("size", [0, -1, 2.5, "32", True])
def test_fault_of_the_size(pets, size):
    with pytest.raises(ValueError, match="size must be a whole number of pixels"):
        load_folder(pets, size=size)


def test_pictures_of_one_color_can_be_normalised(tmp_path):
    for name in ("a", "b"):
        for number in range(3):
            picture(tmp_path / name / f"{number}.png", (255, 0, 0))
    images, _ = next(iter(load_folder(tmp_path).train.batches(2)))
    assert images.isfinite().all()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file names of other bytes")
def test_fault_names_that_are_no_text(pets):
    strange = (pets / "dog").rename(pets / os.fsdecode(b"\xff\xfe"))
    data = load_folder(pets)
    assert data.classes == ("cat", "��") and f"{data}{data.classes}".encode()
    (strange / "00.png").write_bytes(b"x")
    refused(pets, "��.00.png .no picture")


def test_fault_a_class_called_train(pets):
    (pets / "cat").rename(pets / "train")
    assert load_folder(pets).classes == ("dog", "train")
    (pets / "dog").rename(pets / "test")  # these two are no classes, whatever is in them
    refused(pets, "train needs a folder of pictures for each of at least two classes")


def test_fault_pictures_that_would_not_be_read(pets):
    picture(pets / "cat" / "more" / "00.png")
    refused(pets, r"cat.more lies in a folder that is a class, and its pictures \(1\)")


@pytest.mark.skipif(os.name == "nt", reason="links take rights on Windows")
def test_fault_links_to_nothing_and_names_of_two_lines(pets):
    (pets / "cat" / "link.png").symlink_to("nowhere")
    os.mkfifo(pets / "cat" / "pipe.png")
    (pets / "cat" / "two\nlines.png").touch()
    refused(pets, r"3 of 43 .*link.png \(no file, or a link to nothing\), .*pipe.png \(no file.*"
                  "two�lines.png")


def test_fault_a_path_that_is_none():
    refused("a\0b", "cannot be opened: embedded null")
    refused("~no-such-user/x", r"cannot be opened: [^.]*\.$")


def chunk(kind, content):
    return (len(content).to_bytes(4, "big") + kind + content
            + zlib.crc32(kind + content).to_bytes(4, "big"))


def test_fault_what_a_camera_has_noted_may_be_damaged(pets):
    """The picture was refused for it, which every other program shows."""
    (pets / "cat" / "20.png").write_bytes(PNG[:33] + chunk(b"eXIf", b"no TIFF at all") + PNG[33:])
    assert len(load_folder(pets).train) == 33


def test_fault_no_picture_is_passed_over_for_its_ending(pets):
    """Browsers on Windows save .jfif; it was left out, and nobody was told."""
    (pets / "cat" / "20.jfif").write_bytes(bytes_of("JPEG"))
    (pets / "cat" / "21.JPE").write_bytes(bytes_of("JPEG"))
    assert len(load_folder(pets).train) == 34
    for ending in ("heif", "jxl", "jp2", "ppm", "svg", "dng"):
        (pets / "dog" / f"20.{ending}").touch()
    refused(pets, r"6 of 48 .*dog.20.dng \(neither PNG nor JPEG\)")


@pytest.mark.parametrize("train, test", [("Train", "Test"), ("TRAIN", "test"),
                                         ("training", "testing"), ("Training", "Test")])
def test_fault_folders_of_splits_in_other_words(pets, tmp_path, train, test):
    pets.rename(tmp_path / train)
    for name in ("cat", "dog"):
        picture(tmp_path / test / name / "0.png", (99, 99, 99))
    data = load_folder(tmp_path)
    assert data.classes == ("cat", "dog") and numbers(data.test) == [99, 99]


def test_fault_folders_that_a_store_adds(pets):
    picture(pets / "@eaDir" / "00.png")
    picture(pets / "cat" / "@eaDir" / "00.png")
    assert load_folder(pets).classes == ("cat", "dog")


@pytest.mark.parametrize("size, words", [
    (None, "The 40 pictures in .* need 0.7 GB of memory, and 0.5 GB are free. With load_folder"),
    (10**6, "need 240,000.0 GB of memory, and 0.5 GB are free")])
def test_fault_more_than_the_memory_is_refused_before_it_is_read(pets, monkeypatch, size, words):
    """Photographs in full size ended the kernel without a word."""
    for number in range(20):
        (pets / "cat" / f"{number:02}.png").write_bytes(large(12_000, 500))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=5e8))
    monkeypatch.setattr(np, "asarray", lambda _: pytest.fail("it has begun to read"))
    refused(pets, words, size=size)


def large(width, height):
    """A black and white PNG of a size that its header says; it need not be whole."""
    header = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\1\0\0\0\0"
    return PNG[:12] + header + zlib.crc32(header).to_bytes(4, "big") + PNG[33:]


def test_fault_large_pictures_are_read_one_by_one(pets, monkeypatch):
    """A PNG of 20 kB may be one of 144 million pixels, and many were in memory at once."""
    now, most = [0], [0]
    real = pictures._pixels

    def counted(*given):
        now[0] += 1
        most[0] = max(most[0], now[0])
        time.sleep(0.01)
        now[0] -= 1
        return real(*given)

    monkeypatch.setattr(pictures, "_pixels", counted)
    monkeypatch.setattr(pictures, "_MANY", 63)
    load_folder(pets, size=8)
    assert most == [1]


def test_fault_channels_are_measured_in_little_memory():
    """It took 16 bytes for each of a thousand photographs at once."""
    images = torch.randint(256, (40, 3, 300, 300), dtype=torch.uint8)
    parts = []
    with patch.object(torch.Tensor, "double", lambda self, double=torch.Tensor.double: (
            parts.append(self.numel()), double(self))[1]):
        mean, std = channel_statistics(images)
    assert max(parts) <= 5000 * 3072
    whole = images.double() / 255
    torch.testing.assert_close(mean, whole.mean((0, 2, 3)).float())
    torch.testing.assert_close(std, whole.std((0, 2, 3), correction=0).float())
    huge = torch.zeros(3, 1, 4000, 4000, dtype=torch.uint8)
    parts.clear()
    with patch.object(torch.Tensor, "double", lambda self, double=torch.Tensor.double: (
            parts.append(len(self[0]) // (4000 * 4000)), double(self))[1]):
        channel_statistics(huge)
    assert parts == [1, 1, 1]


def test_fault_there_is_no_stream_for_errors(pets, monkeypatch):
    """As with `2>&-` and under pythonw: the progress bar raised AttributeError."""
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.delenv("TQDM_DISABLE")
    assert len(load_folder(pets).train) == 32
    model = LeNet(classes=2)
    fit(model, load_folder(pets, size=32).train.batches(8), epochs=1,
        optimizer=torch.optim.SGD(model.parameters(), 0.01))
