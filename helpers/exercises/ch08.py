"""Chapter 8: augmentation."""

import random

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.transforms.v2 import functional as tv

from .exercise import Exercise, Probe, call, drawn


def pixels(rng: random.Random, *shape: int) -> torch.Tensor:
    """Return numbers from 0 to 1."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(rng.randrange(2**31)))


def whole(rng: random.Random, count: int, low: int, high: int) -> torch.Tensor:
    """Return whole numbers from low to high."""
    return torch.tensor([rng.randint(low, high) for _ in range(count)])


def by_affine(images, down, right):
    """Each image moved by torchvision."""
    return torch.stack([tv.affine(x, 0.0, [int(r), int(d)], 1.0, [0.0])
                        for x, d, r in zip(images, down, right, strict=True)])


tensor = torch.tensor
counted = torch.arange(1.0, 13).reshape(2, 1, 2, 3)
shift = Exercise(
    "shift_each", right=by_affine,
    hints=("It is the padded crop with places that are given. To move an image to the right, does "
           "the window on the padded image go to the right or to the left?",
           "Pad by the largest of the numbers. The window at `padding` shows the image where it "
           "was; to move the image down by `d`, begin at `padding - d`.",
           "A loop is fine: `padded[i, :, p - d:p - d + height, p - r:p - r + width]`, where `d` "
           "and `r` are `int(down[i])` and `int(right[i])`; then `torch.stack`."))
shift.case("one image to the right, the other down",
           call(counted, tensor([0, 1]), tensor([1, 0])))
shift.case("negative numbers move up and to the left",
           call(counted, tensor([-1, 0]), tensor([0, -2])))
shift.case("one stays, one goes out of sight", call(counted, tensor([0, 5]), tensor([0, 1])),
           note="Where nothing is left of an image, all is black. Is your border wide enough?")
shift.hidden("any images", drawn(5, lambda rng: (lambda n, h, w: call(
    pixels(rng, n, rng.randint(1, 3), h, w), whole(rng, n, -h, h), whole(rng, n, -w, w)))(
        rng.randint(1, 5), rng.randint(3, 6), rng.randint(3, 6))), weight=2)
SHIFT = """
def shift_each(images, down, right):
    n, c, h, w = images.shape
    p = max(h, w, int(down.abs().max()), int(right.abs().max()))
    padded = F.pad(images, [p] * 4)
    out = []
    for x, d, r in zip(padded, down.tolist(), right.tolist()):
        out.append(x[:, p - d:p - d + h, p - r:p - r + w])
    return torch.stack(out)
"""
shift.mistake("the other way", "The window has been moved in place of the image: when it goes to "
              "the right, what it shows goes to the left.", SHIFT.replace("p - ", "p + "))
shift.mistake("down and right exchanged", "Rows come first: `down` belongs to axis 2 of the "
              "images, and `right` to axis 3.",
              SHIFT.replace("x, d, r in", "x, r, d in"))
shift.mistake("what leaves comes in again", "`roll` brings in on one side what it has pushed out "
              "on the other. Here the border is black.", """
def shift_each(images, down, right):
    return torch.stack([x.roll((int(d), int(r)), (1, 2))
                        for x, d, r in zip(images, down, right)])
""")
shift.mistake("one shift for all", "The second image has been moved like the first. Each has its "
              "own numbers.", SHIFT.replace("down.tolist(), right.tolist()",
                                            "[int(down[0])] * n, [int(right[0])] * n"))
shift.mistake("the border is filled with the edge", "The edge is repeated where nothing was. Here "
              "the border is black: zeros.",
              SHIFT.replace("[p] * 4)", "[p] * 4, mode='replicate')"))

wrong = Exercise(
    "answer_wrong_changes", right=("B", "C", "E", "F"), any_order=True,
    hints=("Ask of each: could someone who sees only the changed image still give the right label?",
           "It is four of them. Two mirror or turn a thing whose label is a direction or a shape, "
           "one takes away what the label is about, one cuts off what has to be counted."))
wrong.mistake("counting", "All but one: B, C and F are right. What is on the image of half a "
              "room, and what would the label say?", "answer_wrong_changes = ('B', 'C', 'F')")
wrong.mistake("colors of wine", "B, E and F are right. What is left of the classes in C without "
              "colors?", "answer_wrong_changes = ('B', 'E', 'F')")
wrong.mistake("six and nine", "B, C and E are right. Turn a 6 by half a turn.",
              "answer_wrong_changes = ('B', 'C', 'E')")
wrong.mistake("arrows", "C, E and F are right. What does the arrow in B say after the flip?",
              "answer_wrong_changes = ('C', 'E', 'F')")
wrong.mistake("galaxies", "B, C, E and F are right, and A is not among them: a galaxy has no "
              "upper side.", "answer_wrong_changes = ('A', 'B', 'C', 'E', 'F')")
wrong.mistake("what is merely unusual", "B, C, E and F are right. In D a dog stays of its breed, "
              "wherever it stands.", "answer_wrong_changes = ('B', 'C', 'D', 'E', 'F')")
wrong.mistake("those that keep the label", "These are the three that leave the label "
              "true.", "answer_wrong_changes = ('A', 'D', 'G')")
wrong.mistake("leaves", "B, C, E and F are right. A leaf on paper shows one side or the other: its "
              "mirror image is as good a leaf.",
              "answer_wrong_changes = ('B', 'C', 'E', 'F', 'G')")
wrong.mistake("one word", "The letters are right. Write each as a string of its own, with commas.",
              "answer_wrong_changes = 'BCEF'")
wrong.mistake("one string", "The letters are right. Put each of them into quotes of its own.",
              "answer_wrong_changes = 'B, C, E, F'")


def asked(model, images, changes):
    """The mean of probabilities, with all else as it was."""
    mode = model.training
    with torch.no_grad():
        model.eval()
        found = torch.stack([model(change(images)) for change in changes])
    model.train(mode)
    return found.softmax(2).mean(0)


def same(images):
    """Return the images."""
    return images


def mirrored(images):
    """Return the mirror images."""
    return images.flip(3)


def upside_down(images):
    """Return them top to bottom."""
    return images.flip(2)


class Flat(nn.Module):
    """Logits that are the pixels, times a weight; dropout, so that the mode matters."""

    def __init__(self, mode):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.drop = nn.Dropout(0.5)
        self.train(mode)

    def forward(self, images):
        """Return (N, C · H · W)."""
        return self.drop(images.flatten(1)) * self.weight


ask = Exercise(
    "ask_all", right=asked,
    hints=("Which of these changes the result: the mean before softmax, or after it? Which axis of "
           "the logits are the classes?",
           "Put the model into evaluation and go without gradients. Remember `model.training` "
           "first, so that you can put it back with `model.train(before)`.",
           "`torch.stack([model(change(images)).softmax(1) for change in changes]).mean(0)`"))
two_images = tensor([[[[0.0, 1.0, 5.0]]], [[[2.0, 0.0, 0.0]]]])


def probe(says, model, images, changes, look=lambda found, model: found):
    """Return a look at an answer of `ask_all`."""
    def looked(f):
        asked_of = Flat(model)
        return look(f(asked_of, images.clone(), list(changes)), asked_of)
    return Probe(says, looked)


ask.case("asked once", probe("ask_all(model, images, [same])", False, two_images, [same]))
ask.case("as it is and mirrored", probe("ask_all(model, images, [same, mirrored])", False,
                                        two_images, [same, mirrored]), note="Each "
         "change is made to the images, and not to what another one has made of them.")
ask.case("a model in training", probe(
    "ask_all(model, images, [same, mirrored])", True, two_images, [same, mirrored]),
    note="Dropout is at work: is the model in evaluation while it is asked?")
ask.case("the mode of the model afterwards", *(probe(
    "model.training", mode, two_images, [same], lambda found, model: model.training)
    for mode in (True, False)), note="Put the model back as it was: it may have been in either.")
ask.case("no record for a step back", probe(
    "ask_all(model, images, [same]).requires_grad", False, two_images, [same],
    lambda found, model: torch.as_tensor(found).requires_grad))
ask.hidden("three changes, other images", drawn(4, lambda rng: probe(
    "ask_all(model, images, changes)", rng.random() < 0.5,
    3 * pixels(rng, rng.randint(1, 4), 1, 2, rng.randint(2, 4)), [same, mirrored, upside_down])),
    weight=2)
ASK = """
def ask_all(model, images, changes):
    before = model.training
    model.eval()
    with torch.no_grad():
        found = torch.stack([model(change(images)) for change in changes])
    model.train(before)
    return found.softmax(2).mean(0)
"""
for name, words, old, new in (
        ("the mean of the logits", "For one change all is right, for two it is not: the logits "
         "were averaged, and softmax came after. Here the probabilities are.",
         "found.softmax(2).mean(0)", "found.mean(0).softmax(1)"),
        ("the logits", "These numbers do not add up to 1 for each image: is there a softmax?",
         "found.softmax(2).mean(0)", "found.mean(0)"),
        ("softmax over the images", "The numbers add up to 1 over the images. For each image they "
         "should, over the classes.", "softmax(2)", "softmax(1)"),
        ("the images as they are count, too", "The model is asked about the changed images, and "
         "about no others: is one answer more in the mean than there are changes?",
         "for change in changes]", "for change in [lambda x: x, *changes]]"),
        ("the sum", "For two changes the numbers add up to 2. A mean divides by how many were "
         "asked.", "mean(0)", "sum(0)"),
        ("the model stays in evaluation", "The numbers are right. The model was in training before "
         "and is not any more: a training that asks in between goes on without dropout.",
         "    model.train(before)\n", ""),
        ("the model is put into training", "The numbers are right. A model that was in evaluation "
         "is now in training: remember in which of the two it was.",
         "model.train(before)", "model.train()"),
        ("the mode is left as it is", "As long as the model is in training, dropout changes what "
         "it says.", "    model.eval()\n", ""),
        ("gradients are recorded", "The numbers are right, and each of them drags the record of "
         "autograd along, with all activations.", "torch.no_grad()", "torch.enable_grad()")):
    ask.mistake(name, words, ASK.replace(old, new))


def boxed(images, boxes):
    """Fill pixel by pixel."""
    out = images.clone()
    for n, (top, left, height, width) in enumerate(boxes.tolist()):
        for row in range(images.shape[2]):
            for column in range(images.shape[3]):
                if top <= row < top + height and left <= column < left + width:
                    out[n, :, row, column] = images[n].mean((1, 2))
    return out


fill = Exercise(
    "fill_boxes", right=boxed,
    hints=("A box that begins at −1 has one row less on the image. What does Python take a "
           "negative start of a slice for?",
           "Either cut each box to the image, `max(top, 0)`, or compare: `torch.arange(height)` "
           "with top and with top + height gives the rows, true or false, for all images at once.",
           "`torch.where(mask, images.mean((2, 3), keepdim=True), images)`, with `mask` of shape "
           "(N, 1, H, W), or a loop with one assignment for each image."))
nine = torch.arange(9.0).reshape(1, 1, 3, 3)
fill.case("one row of a gray image", call(nine ** 2, tensor([[1, 0, 1, 2]])))
fill.case("a box over the upper left corner", call(nine + 1, tensor([[-1, -1, 3, 2]])),
          note="A negative number in a slice counts from the end.")
fill.case("two images of two channels, a box each",
          call(torch.tensor([[[[0.0, 2.0]], [[4.0, 8.0]]], [[[1.0, 3.0]], [[0.0, 6.0]]]]),
               tensor([[0, 1, 1, 4], [0, 0, 1, 1]])))
fill.case("a box outside", call(nine + 1, tensor([[-2, 0, 1, 3]])),
          note="Nothing of this box lies on the image.")
fill.hidden("any boxes", drawn(5, lambda rng: (lambda n: call(
    pixels(rng, n, 3, 4, 5), torch.stack([whole(rng, n, -2, 3), whole(rng, n, -2, 4),
                                          whole(rng, n, 1, 3), whole(rng, n, 1, 3)], 1)))(
        rng.randint(1, 4))), weight=2)
FILL = """
def fill_boxes(images, boxes):
    out, mean = images.clone(), images.mean((2, 3), keepdim=True)
    for i, (top, left, h, w) in enumerate(boxes.tolist()):
        out[i, :, max(top, 0):max(top + h, 0), max(left, 0):max(left + w, 0)] = mean[i]
    return out
"""
for name, words, old, new in (
        ("a slice that begins below zero", "At the corner the box is missing, or sits at the other "
         "end: Python counts a negative start from the end. Cut the box to the image.",
         "max(top, 0):max(top + h, 0), max(left, 0):max(left + w, 0)",
         "top:top + h, left:left + w"),
        ("a slice that ends below zero", "A box that lies above the image ends at a negative "
         "number, which a slice counts from the end: such a box fills nothing.",
         "max(top, 0):max(top + h, 0), max(left, 0):max(left + w, 0)",
         "max(top, 0):top + h, max(left, 0):left + w"),
        ("the box is moved onto the image", "At the corner the box is too large: it begins at 0, "
         "but it still has its whole height and width.",
         "max(top, 0):max(top + h, 0), max(left, 0):max(left + w, 0)",
         "max(top, 0):max(top, 0) + h, max(left, 0):max(left, 0) + w"),
        ("one gray for all channels", "The box has the same number in all channels. Each channel "
         "has a mean of its own: together they are the image's mean color.",
         "mean((2, 3), keepdim=True)", "mean((1, 2, 3), keepdim=True)"),
        ("one color for all images", "The boxes of both images have the same color. It should be "
         "that of each image.", "mean((2, 3), keepdim=True)",
         "mean((0, 2, 3), keepdim=True).expand(len(images), -1, 1, 1)"),
        ("black", "The box is black, as in the chapter's cutout. Here it gets the image's mean.",
         "= mean[i]", "= 0"),
        ("one box for all", "The second image has the box of the first.",
         "boxes.tolist()", "boxes[:1].expand(len(images), 4).tolist()"),
        ("height and width exchanged", "Boxes are (top, left, height, width). Which number "
         "belongs to the rows?", "top, left, h, w", "top, left, w, h")):
    fill.mistake(name, words, FILL.replace(old, new))

leaks = Exercise(
    "answer_pipeline_bugs", right=(2, 6, 9), any_order=True,
    hints=("Follow one photograph: when are its changes drawn, and how often? On which side do its "
           "versions come to lie?",
           "Which function wants pixels from 0 to 1, and what does it get?",
           "What should the number that is printed be about?"))
leaks.mistake("the split", "The other two are right. Splitting at random is good; what was done "
              "*before* it makes versions of one photograph lie on both sides.",
              "answer_pipeline_bugs = (3, 6, 9)")
leaks.mistake("the flip", "The other two are right. A flip exchanges places, and it does not "
              "matter to it which number stands for black.", "answer_pipeline_bugs = (2, 5, 9)")
leaks.mistake("the count", "The other two are right. Counting is right; what is it that is counted "
              "on?", "answer_pipeline_bugs = (2, 6, 10)")
leaks.mistake("asking in evaluation", "The other two are right. `model.eval()` belongs before "
              "validation. What is done to the validation images?",
              "answer_pipeline_bugs = (2, 6, 8)")


def relit(images, factors, mean, std):
    """Undo, brighten by torchvision, normalize."""
    plain = tv.normalize(images, (-mean / std).tolist(), (1 / std).tolist())
    bright = [tv.adjust_brightness(x.clamp(0, 1), float(f)) for x, f in zip(
        plain, factors, strict=True)]
    return tv.normalize(torch.stack(bright), mean.tolist(), std.tolist())


light = Exercise(
    "brighten_normalized", right=relit, tolerance=1e-4,
    hints=("In which numbers is black 0 and white 1? How do you get back there?",
           "Normalized is (pixel − mean) / std for each channel, so pixel = normalized · std + "
           "mean. `mean.view(1, -1, 1, 1)` puts one number on each channel.",
           "Undo, multiply by `factors.view(-1, 1, 1, 1)`, `.clamp(0, 1)`, normalize again."))
mean, std = tensor([0.5, 0.4, 0.2]), tensor([0.25, 0.2, 0.5])
light.case("two gray pixels, half as bright",
           call(tensor([[[[-1.0, 1.0]]]]), tensor([0.5]), tensor([0.5]), tensor([0.25])),
           note="In which numbers is black 0, so that half as bright is half the number?")
light.case("one image darker, the other too bright",
           call(tensor([[[[0.0, 1.0]]], [[[0.0, 1.0]]]]), tensor([0.4, 1.5]),
                tensor([0.5]), tensor([0.25])), note="Each image has its own factor, and no pixel "
           "is brighter than white.")
light.case("three channels", call(torch.zeros(1, 3, 1, 1), tensor([1.25]), mean, std))
light.hidden("any images", drawn(5, lambda rng: (lambda n: call(
    (pixels(rng, n, 3, 2, 3) - mean.view(3, 1, 1)) / std.view(3, 1, 1),
    2 * pixels(rng, n), mean, std))(rng.randint(1, 4))), weight=2)
LIGHT = """
def brighten_normalized(images, factors, mean, std):
    m, s = mean.view(1, -1, 1, 1), std.view(1, -1, 1, 1)
    pixels = images * s + m
    bright = (pixels * factors.view(-1, 1, 1, 1)).clamp(0, 1)
    return (bright - m) / s
"""
for name, words, old, new in (
        ("the normalized numbers are multiplied", "The mean color of the data is 0 here, and stays "
         "what it is at any factor: this is a change of contrast. Undo the normalization first.",
         "(bright - m) / s", "images * factors.view(-1, 1, 1, 1)"),
        ("not clamped", "Some pixels are brighter than white now. Cut them off at 1 before they "
         "are normalized again.", ".clamp(0, 1)", ""),
        ("clamped after normalizing", "From 0 to 1 is the range of pixels. Normalized numbers may "
         "be negative, and larger than 1.", "(bright - m) / s",
         "((pixels * factors.view(-1, 1, 1, 1) - m) / s).clamp(0, 1)"),
        ("not normalized again", "What comes back are pixels from 0 to 1. The network expects them "
         "normalized.", "(bright - m) / s", "bright"),
        ("undone in the wrong order", "To normalize, the mean is subtracted first. To undo it, "
         "the mean is added last.", "images * s + m", "(images + m) * s"),
        ("one factor for all", "The second image has got the factor of the first.",
         "factors.view(-1, 1, 1, 1)", "factors[0]"),
        ("the factor is added", "A factor multiplies: black stays black.",
         "pixels * factors", "pixels + factors")):
    light.mistake(name, words, LIGHT.replace(old, new))


def flatten(images):
    """Return the pixels as logits (N, C · H · W)."""
    return images.flatten(1)


def by_targets(model, images, labels, partner, share):
    """Cross-entropy with the labels as probabilities."""
    logits = model(share * images + (1 - share) * images[partner])
    hot = F.one_hot(labels, logits.shape[1]).to(logits.dtype)
    return F.cross_entropy(logits, share * hot + (1 - share) * hot[partner])


mix = Exercise(
    "mixup_loss", right=by_targets,
    hints=("The mixture belongs to two classes. How wrong is the network if the first is asked "
           "for, and how wrong if the second is?",
           "`images[partner]` are the partners of all images at once, and `labels[partner]` are "
           "their labels. The same logits are compared with both.",
           "`share * F.cross_entropy(logits, labels) + (1 - share) * F.cross_entropy(logits, "
           "labels[partner])`, where the logits are those of the mixed images."))
pair = tensor([[[[4.0, 0.0, 1.0]]], [[[0.0, 2.0, 0.0]]]])
mix.case("a share of 1: nothing is mixed", call(
    flatten, pair, tensor([0, 2]), tensor([1, 0]), 1.0),
         note="`F.cross_entropy` takes logits, and returns the mean over the batch.")
mix.case("six tenths of the one", call(
    flatten, pair, tensor([0, 2]), tensor([1, 0]), 0.6))
mix.case("each image is its own partner", call(
    flatten, pair, tensor([0, 2]), tensor([0, 1]), 0.3))


class Counting(nn.Module):
    """Logits that are the pixels, times a weight; counts how often it is asked."""

    def __init__(self):
        super().__init__()
        self.weight, self.asked = nn.Parameter(torch.ones(())), 0

    def forward(self, images):
        """Return (N, C · H · W)."""
        self.asked += 1
        return images.flatten(1) * self.weight


def trained(look):
    """Return a look at a loss, and at the model that it is from."""
    def looked(f):
        model = Counting()
        found = f(model, pair.clone(), tensor([0, 2]), tensor([1, 0]), 0.6)
        return look(found, model)
    return looked


mix.case("asked once, and a gradient can go back", Probe(
    "times that the model was asked", trained(lambda loss, model: model.asked)), Probe(
    "mixup_loss(model, …).requires_grad",
    trained(lambda loss, model: torch.as_tensor(loss).requires_grad)),
    note="A network is to be trained with this loss: it stays a tensor, from one set of logits.")
mix.hidden("any images, partners and shares", drawn(5, lambda rng: (lambda n: call(
    flatten, 4 * pixels(rng, n, 1, 2, 3), whole(rng, n, 0, 5),
    whole(rng, n, 0, n - 1), rng.random()))(rng.randint(3, 6))), weight=2)
MIX = """
def mixup_loss(model, images, labels, partner, share):
    logits = model(share * images + (1 - share) * images[partner])
    return (share * F.cross_entropy(logits, labels)
            + (1 - share) * F.cross_entropy(logits, labels[partner]))
"""
for name, words, old, new in (
        ("only the images are mixed", "The loss asks for the first image's label alone. Four "
         "tenths of what is seen belong to the other class.",
         "labels[partner]", "labels"),
        ("the shares of the labels are exchanged", "Images and labels are mixed in opposite "
         "shares: with a share of 1 the loss asks for the partner's label.",
         "(share * F.cross_entropy(logits, labels)\n            + (1 - share) *",
         "((1 - share) * F.cross_entropy(logits, labels)\n            + share *"),
        ("a partner is taken for its label", "`partner` says which image it is. What is the label "
         "of that image?", "labels[partner]", "partner"),
        ("nothing is mixed", "The model was asked about both images apart, and their losses were "
         "added. It should be asked once, about the mixture.",
         "    logits = model(share * images + (1 - share) * images[partner])\n"
         "    return (share * F.cross_entropy(logits, labels)\n"
         "            + (1 - share) * F.cross_entropy(logits, labels[partner]))",
         "    return (share * F.cross_entropy(model(images), labels)\n"
         "            + (1 - share) * F.cross_entropy(model(images[partner]), labels[partner]))"),
        ("asked twice", "The number is right. The model has computed the same logits twice: keep "
         "them.", "    logits = model(share * images + (1 - share) * images[partner])\n",
         "    logits = model(share * images + (1 - share) * images[partner])\n"
         "    logits = model(share * images + (1 - share) * images[partner])\n"),
        ("no way back", "The number is right, and it is no more than a number: a loss stays a "
         "tensor, so that one can call `backward` on it.",
         "labels[partner]))", "labels[partner])).item()"),
        ("the numbers of the classes are mixed", "A class is a name and no amount: a mixture of "
         "classes 0 and 2 is not class 1. Mix two losses, not two numbers.",
         "(share * F.cross_entropy(logits, labels)\n"
         "            + (1 - share) * F.cross_entropy(logits, labels[partner]))",
         "F.cross_entropy(logits, (share * labels + (1 - share) * labels[partner])"
         ".round().long())"),
        ("only the labels are mixed", "The model has been asked about the images as they were. It "
         "should see the mixtures.", "share * images + (1 - share) * images[partner]", "images"),
        ("the mean of two losses", "Both labels count one half, whatever the share is.",
         "(share * F.cross_entropy(logits, labels)\n            + (1 - share) *",
         "0.5 * (F.cross_entropy(logits, labels)\n            +"),
        ("logits are mixed, not images", "The model was asked about both images apart, and its "
         "answers were mixed. It should be asked once, about the mixture.",
         "model(share * images + (1 - share) * images[partner])",
         "share * model(images).softmax(1) + (1 - share) * model(images[partner]).softmax(1)")):
    mix.mistake(name, words, MIX.replace(old, new))
