"""Faulty training programs as people publish them, each with the words that help its writer.

`mended=True` gives the same program without the fault: what harm it does is measured against it.
"""

import copy

import numpy as np
import torch
from public_parts import (
    TRAIN,
    bn_net,
    conv_net,
    dense_net,
    faulty,
    plain_step,
    ready,
    split,
    standardized,
    tested,
)
from torch import nn
from torch.nn import functional as F


def loop(model, data, optimizer=None, criterion=F.cross_entropy, **more):
    """The rest of the program, where the fault is elsewhere."""
    x, y, tx, ty = data
    optimizer = optimizer or torch.optim.Adam(model.parameters(), lr=2e-3)
    return {"model": model, "batch": (x, y), "step": plain_step(model, optimizer, criterion),
            "optimizer": optimizer, "loss_fn": criterion, "evaluate": tested(model, tx, ty), **more}


# Images and labels -------------------------------------------------------------------------------

@faulty("nan in images", says="nan|not finite|not a number", never="learning rate",
        also=("nan in outputs", "nan in the gradients", "nan in weights"))
def divided_by_a_deviation_of_zero(images, labels, mended=False):
    # forum: each image standardized by itself, and one is all black
    images[3] = 0
    pixels = images.float()
    std = pixels.std((1, 2, 3), keepdim=True)
    pixels = (pixels - pixels.mean((1, 2, 3), keepdim=True)) / (std + 1e-5 if mended else std)
    return loop(conv_net(), split(pixels, labels))


@faulty("uint8 images", says="float", harm="raises",
        also=("the model raises", "the step raises", "the evaluation raises"))
def bytes_into_the_network(images, labels, mended=False):
    # forum: "expected scalar type Byte but found Float"
    return loop(conv_net(), split(standardized(images) if mended else images, labels))


@faulty("images not normalised", says="255")
def never_divided_by_255(images, labels, mended=False):
    # forum: torch.from_numpy(...).float() in a Dataset of one's own, no ToTensor
    pixels = standardized(images) if mended else images.float()
    model = dense_net()
    return loop(model, split(pixels, labels), torch.optim.SGD(model.parameters(), lr=0.02))


@faulty("images not normalised", says="small|narrow|twice|deviation|spread|range", steps=15)
def divided_by_255_twice(images, labels, mended=False):
    # forum: ToTensor has divided already
    pixels = images.float() / 255
    model = conv_net()
    return loop(model, split(pixels if mended else pixels / 255, labels),
                torch.optim.Adam(model.parameters(), lr=2e-3))


@faulty("images not normalised", says="mean|deviation", steps=15)
def statistics_of_the_other_scale(images, labels, mended=False):
    # forum: Normalize((125.3, 123.0, 113.9), (63.0, 62.1, 66.7)) after ToTensor
    pixels = images.float() / 255
    scale = 1 / 255 if mended else 1
    return loop(conv_net(), split((pixels - 123 * scale) / (63 * scale), labels))


@faulty("images not normalised", says="mean|deviation|large|255")
def small_statistics_on_bytes(images, labels, mended=False):
    # forum: the means of ImageNet on images of 0 to 255
    pixels = images.float() / (255 if mended else 1)
    model = dense_net()
    return loop(model, split((pixels - 0.45) / 0.225, labels),
                torch.optim.SGD(model.parameters(), lr=0.01))


def jumps(program):
    """How often neighbors in a row differ by most of the range: where bytes have wrapped."""
    images = program["batch"][0]
    return ((images[..., 1:] - images[..., :-1]).abs() > 0.8 * (images.max() - images.min())).float().mean()


@faulty("wrapped uint8", says="uint8|wrap|overflow|256",
        harm=lambda wrong, right: jumps(wrong) > 3 * jumps(right))
def brighter_in_uint8(images, labels, mended=False):
    # kernels: brightness augmentation of a uint8 array
    brighter = (images.float() + 70).clamp(max=255) if mended else images + 70
    return loop(conv_net(), split(standardized(brighter), labels))


@faulty("wrapped uint8", says="uint8|wrap|overflow|256",
        harm=lambda wrong, right: jumps(wrong) > 3 * jumps(right))
def mean_subtracted_in_uint8(images, labels, mended=False):
    # forum: images - images.mean() as uint8, in numpy
    array = images.numpy()
    mean = array.mean() if mended else array.mean().astype(np.uint8)
    return loop(conv_net(), split(torch.from_numpy(np.asarray(array - mean, np.float32)) / 64, labels))


@faulty("labels out of range", says=r"0|from 0|range|at least 11", harm="raises",
        also=("the loss raises", "the step raises", "the evaluation raises"))
def labels_counted_from_one(images, labels, mended=False):
    # forum: labels from MATLAB, "Target 10 is out of bounds"
    return loop(conv_net(), ready(images, labels if mended else labels + 1))


@faulty("labels out of range", says="-1|negative", harm="raises",
        also=("the loss raises", "the step raises", "the evaluation raises"))
def labels_minus_one_twice(images, labels, mended=False):
    # forum: the same mended twice
    return loop(conv_net(), ready(images, labels if mended else labels - 1))


@faulty("the loss raises", says="int64|long|integer", harm="raises", never="one-hot the",
        also=("the step raises",))
def labels_as_floats(images, labels, mended=False):
    # forum: "expected scalar type Long but found Float"
    return loop(conv_net(), ready(images, labels if mended else labels.float()))


@faulty("the loss raises", says=r"\(N,\)|squeeze|shape|one dimension|flatten", harm="raises",
        also=("the step raises",))
def labels_in_a_column(images, labels, mended=False):
    # forum: labels of shape (N, 1) out of a table, "0D or 1D target tensor expected"
    return loop(conv_net(), ready(images, labels if mended else labels[:, None]))


@faulty("the loss raises", says="class|argmax|float", harm="raises", also=("the step raises",))
def one_hot_integers(images, labels, mended=False):
    # forum: F.one_hot(labels) into cross-entropy
    return loop(conv_net(), ready(images, labels if mended else F.one_hot(labels, 10)))


@faulty("only one class", says="shuffle|one class", never="learning rate",
        harm=lambda wrong, right: len(wrong["batch"][1].unique()) < len(right["batch"][1].unique()))
def folders_without_shuffle(images, labels, mended=False):
    # forum: ImageFolder sorted by class and shuffle=False
    images, labels = images.repeat(12, 1, 1, 1), labels.repeat(12)
    order = torch.randperm(len(labels)) if mended else labels.argsort()
    return loop(conv_net(), ready(images[order[:384]], labels[order[:384]]))


def unrelated(wrong, right):
    """What was learned of the batch does not carry over to images with right labels."""
    tests = []
    for program in (wrong, right):
        for _ in range(40):
            program["step"](*program["batch"])
        tests.append(program["evaluate"]())
    return tests[0] < tests[1]


@faulty("labels unrelated to images", says="labels", never="learning rate", harm=unrelated)
def images_shuffled_without_labels(images, labels, mended=False):
    # forum: random.shuffle of one of two lists
    x, y, tx, ty = ready(images, labels)
    return loop(dense_net(), (x if mended else x[torch.randperm(len(x))], y, tx, ty))


@faulty("labels unrelated to images", says="labels", never="learning rate", harm=unrelated)
def off_by_one_row(images, labels, mended=False):
    # kernels: a header line read as a row, labels belong to the next image
    x, y, tx, ty = ready(images, labels)
    return loop(dense_net(), (x, y if mended else y.roll(1), tx, ty))


@faulty("labels unrelated to images", says="labels", harm=unrelated)
def labels_of_a_set(images, labels, mended=False):
    # forum: label = classes.index(...) of list(set(names)): another order in each worker
    x, y, tx, ty = ready(images, labels)
    order = torch.stack([torch.randperm(10) for _ in range(16)])
    mixed = order[torch.arange(len(y)) // 16, y]
    return loop(dense_net(), (x, y if mended else mixed, tx, ty))


@faulty(None, harm=lambda wrong, right: not torch.equal(wrong["batch"][0], right["batch"][0]))
def reshaped_for_permuted(images, labels, mended=False):
    # forum: (N, 32, 32, 3) arrays by .view(N, 3, 32, 32). Each image is scrambled alike and can
    # still be learned: whether a picture looks like one is nothing a number tells for sure.
    arrays = standardized(images).permute(0, 2, 3, 1).contiguous()
    pixels = arrays.permute(0, 3, 1, 2) if mended else arrays.view(-1, 3, 32, 32)
    return loop(conv_net(), split(pixels, labels))


# Outputs and what the loss expects ---------------------------------------------------------------

@faulty("softmax before cross-entropy", says="softmax", never="learning rate is")
def softmax_as_last_layer(images, labels, mended=False):
    # homework, the most frequent of all
    model = nn.Sequential(*conv_net(), nn.Identity() if mended else nn.Softmax(dim=1))
    return loop(model, ready(images, labels), torch.optim.SGD(model.parameters(), 0.05, 0.9))


@faulty("softmax before cross-entropy", says="softmax")
def softmax_in_the_step(images, labels, mended=False):
    # homework: probs = F.softmax(model(x)), then the criterion; the model itself is right
    x, y, tx, ty = ready(images, labels)
    model = conv_net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def step(x, y):
        model.train()
        out = model(x)
        loss = F.cross_entropy(out if mended else F.softmax(out, dim=1), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return dict(model=model, batch=(x, y), step=step, optimizer=optimizer,
                evaluate=tested(model, tx, ty))


@faulty("sigmoid before cross-entropy", says="sigmoid")
def sigmoid_as_last_layer(images, labels, mended=False):
    # forum: "each neuron should give a probability"
    model = nn.Sequential(*conv_net(), nn.Identity() if mended else nn.Sigmoid())
    return loop(model, ready(images, labels), torch.optim.SGD(model.parameters(), 0.05, 0.9))


@faulty("ReLU after the last layer", says="ReLU", steps=60)
def relu_after_every_layer(images, labels, mended=False):
    # homework: for layer in layers: x = relu(layer(x))
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(3072, 128), nn.Linear(128, 64), nn.Linear(64, 10)])

        def forward(self, x):
            x = x.flatten(1)
            for layer in self.layers:
                x = layer(x) if mended and layer is self.layers[-1] else F.relu(layer(x))
            return x

    model = Net()
    return loop(model, ready(images, labels), torch.optim.SGD(model.parameters(), lr=0.05))


def depends_on_the_batch(program):
    program["model"].eval()
    with torch.no_grad():
        images = program["batch"][0]
        whole, part = program["model"](images)[-16:], program["model"](images[-16:])
    return not torch.allclose(whole, part, atol=1e-3)


@faulty("wrong axis", says="dim", also=("images mixed",), harm=depends_on_the_batch)
def log_softmax_over_the_batch(images, labels, mended=False):
    # forum: nn.LogSoftmax(dim=0), or the implicit dim of old versions
    model = nn.Sequential(*conv_net(), nn.LogSoftmax(dim=1 if mended else 0))
    return loop(model, ready(images, labels), torch.optim.SGD(model.parameters(), 0.05, 0.9),
                F.nll_loss)


@faulty("outputs of the wrong shape", says="view|reshape|flatten|shape", harm="raises",
        also=("the loss raises", "the step raises", "the evaluation raises"))
def view_with_the_wrong_size(images, labels, mended=False):
    # forum: x.view(-1, 16 * 5 * 5) where the maps are larger: another number of rows
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Sequential(nn.Conv2d(3, 16, 5, stride=2), nn.ReLU(), nn.MaxPool2d(2))
            self.fc = nn.Linear(784 if mended else 392, 10)

        def forward(self, x):
            return self.fc(self.conv(x).view(-1, self.fc.in_features))

    return loop(Net(), ready(images, labels))


@faulty("the model raises", says="784|shapes|size", harm="raises",
        also=("the step raises", "the evaluation raises"))
def linear_of_the_wrong_size(images, labels, mended=False):
    # forum: "mat1 and mat2 shapes cannot be multiplied"
    model = nn.Sequential(nn.Conv2d(3, 16, 5, stride=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                          nn.Linear(784 if mended else 400, 10))
    return loop(model, ready(images, labels))


@faulty("wrong number of outputs", says="10|outputs", harm="raises",
        also=("labels out of range", "the loss raises", "the step raises"))
def head_for_five_classes(images, labels, mended=False):
    # forum: an example's head kept, "Target 7 is out of bounds"
    return loop(conv_net(10 if mended else 5), ready(images, labels), classes=10)


@faulty("wrong number of outputs", says="one output|1 output|two|BCE|binary", never="learning rate",
        also=("all outputs the same", "no gradient"), harm="learns less")
def one_output_and_cross_entropy(images, labels, mended=False):
    # forum: two classes, nn.Linear(…, 1) and CrossEntropyLoss: the loss is 0 from the start
    x, y, tx, ty = ready(images, (labels < 5).long())
    return loop(conv_net(2 if mended else 1), (x, y * mended, tx, ty))


@faulty("wrong number of outputs", says="10|last layer|outputs",
        harm=lambda wrong, right: wrong["model"](wrong["batch"][0][:2]).shape[1] > 10)
def features_instead_of_logits(images, labels, mended=False):
    # transfer learning: model.fc = nn.Identity() and the new head never used
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = conv_net(64), nn.Linear(64, 10)

        def forward(self, x):
            x = self.body(x)
            return self.head(x.relu()) if mended else x

    # only the head's parameters are without use, so this may be said instead
    return loop(Net(), ready(images, labels), classes=10)


@faulty("the loss raises", says="order|swap|outputs.*labels", harm="raises", also=("the step raises",))
def arguments_swapped(images, labels, mended=False):
    # forum: criterion(labels, outputs)
    def criterion(outputs, y):
        return F.cross_entropy(outputs, y) if mended else F.cross_entropy(y, outputs)
    return loop(conv_net(), ready(images, labels), criterion=criterion)


@faulty("the loss is not one number", says="mean|reduction", harm="raises", also=("the step raises",))
def loss_without_reduction(images, labels, mended=False):
    # forum: "grad can be implicitly created only for scalar outputs"
    criterion = nn.CrossEntropyLoss(reduction="mean" if mended else "none")
    return loop(conv_net(), ready(images, labels), criterion=criterion)


@faulty(new="NLL of raw outputs", says="log_?softmax|LogSoftmax|cross.?entropy|negative",
        never="lower the (learning )?rate", also=("learning rate too high", "loss far from chance"),
        steps=40)
def nll_of_raw_logits(images, labels, mended=False):
    # forum: "my loss is negative": NLLLoss without LogSoftmax
    model = nn.Sequential(*conv_net(), nn.LogSoftmax(1) if mended else nn.Identity())
    return loop(model, ready(images, labels), criterion=F.nll_loss)


@faulty("the loss raises", says="sigmoid|logits", harm="raises", also=("the step raises",))
def bce_of_raw_logits(images, labels, mended=False):
    # forum: "all elements of input should be between 0 and 1"
    x, y, _, _ = ready(images, (labels < 5).float()[:, None])
    model = conv_net(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    criterion = nn.BCEWithLogitsLoss() if mended else nn.BCELoss()
    return dict(model=model, batch=(x, y), step=plain_step(model, optimizer, criterion),
                optimizer=optimizer, loss_fn=criterion)


@faulty("sigmoid before cross-entropy", says="sigmoid", steps=15)
def sigmoid_twice(images, labels, mended=False):
    # forum: Sigmoid in the model and BCEWithLogitsLoss
    x, y, _, _ = ready(images, (labels < 5).float()[:, None])
    model = nn.Sequential(*conv_net(1), nn.Identity() if mended else nn.Sigmoid())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    criterion = nn.BCEWithLogitsLoss()
    return dict(model=model, batch=(x, y), step=plain_step(model, optimizer, criterion),
                optimizer=optimizer, loss_fn=criterion)


@faulty(new="outputs and labels broadcast", says=r"broadcast|\(256, 1\)|shape", never="learning rate",
        also=("loss far from chance",))
def broadcast_in_mse(images, labels, mended=False):
    # issues: "Using a target size that is different to the input size": (N, 1) against (N,)
    x, y, _, _ = ready(images, (labels < 5).float())
    model = conv_net(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    return dict(model=model, batch=(x, y[:, None] if mended else y), optimizer=optimizer,
                step=plain_step(model, optimizer, F.mse_loss), loss_fn=F.mse_loss)


@faulty(new="the loss is maximized", says="sign|minus|maximi|negative|increas|grows|uphill|higher",
        never="lower the (learning )?rate", also=("loss far from chance",))
def minus_too_much(images, labels, mended=False):
    # homework: cross-entropy by hand, a minus forgotten
    def criterion(outputs, y):
        picked = outputs.log_softmax(1)[torch.arange(len(y)), y].mean()
        return -picked if mended else picked
    return loop(conv_net(), ready(images, labels), criterion=criterion)


@faulty("no gradient", says="argmax", harm="learns less", also=("no optimizer step",))
def loss_of_argmax(images, labels, mended=False):
    # forum: predictions into the loss; requires_grad_() silences the error
    def criterion(outputs, y):
        if mended:
            return F.cross_entropy(outputs, y)
        return F.mse_loss(outputs.argmax(1).float(), y.float()).requires_grad_()
    return loop(conv_net(), ready(images, labels), criterion=criterion)


# Networks ----------------------------------------------------------------------------------------

@faulty("parameters not registered", says="ModuleList")
def layers_in_a_list(images, labels, mended=False):
    # forum: self.layers = [nn.Linear(…), …]
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            layers = [nn.Linear(3072, 64), nn.Linear(64, 64)]
            for layer in layers:
                nn.init.normal_(layer.weight, std=0.02)
            self.layers = nn.ModuleList(layers) if mended else layers
            self.out = nn.Linear(64, 10)

        def forward(self, x):
            x = x.flatten(1)
            for layer in self.layers:
                x = layer(x).relu()
            return self.out(x)

    return loop(Net(), ready(images, labels))


@faulty("parameters not registered", says="ModuleDict|ModuleList|regist")
def layers_in_a_dict(images, labels, mended=False):
    # kernels: self.blocks = {"a": …}
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            blocks = {"one": nn.Conv2d(3, 8, 5, stride=2), "two": nn.Conv2d(8, 16, 5, stride=3)}
            self.blocks = nn.ModuleDict(blocks) if mended else blocks
            self.out = nn.Linear(256, 10)

        def forward(self, x):
            return self.out(self.blocks["two"](self.blocks["one"](x).relu()).relu().flatten(1))

    return loop(Net(), ready(images, labels))


@faulty("parameters not registered", says="__init__|Parameter|regist",
        also=("random in evaluation mode",))
def layer_made_in_forward(images, labels, mended=False):
    # forum: nn.Linear(x.shape[1], 10)(x) in forward, "so that I need not count"
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 16, 5, stride=2)
            self.fc = nn.LazyLinear(10) if mended else None

        def forward(self, x):
            x = F.max_pool2d(self.conv(x).relu(), 2).flatten(1)
            return (self.fc or nn.Linear(x.shape[1], 10))(x)

    return loop(Net(), ready(images, labels))


@faulty("parameters not registered", says="Parameter")
def tensor_that_requires_grad(images, labels, mended=False):
    # homework: self.w = torch.randn(…, requires_grad=True), not an nn.Parameter
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            w = torch.randn(3072, 64) * 0.02
            self.w = nn.Parameter(w) if mended else w.requires_grad_()
            self.out = nn.Linear(64, 10)

        def forward(self, x):
            return self.out((x.flatten(1) @ self.w).relu())

    return loop(Net(), ready(images, labels))


@faulty("frozen parameters", says="requires_grad|frozen", harm="raises",
        also=("no gradient", "the step raises", "the optimizer raises", "parameters not in the optimizer"))
def everything_frozen(images, labels, mended=False):
    # transfer learning: the new head put in before the loop that freezes
    model = nn.Sequential(conv_net(64), nn.ReLU(), nn.Linear(64, 10))
    for p in (model[0] if mended else model).parameters():
        p.requires_grad = False
    return loop(model, ready(images, labels))


class Cut(nn.Module):
    """A network with something between its halves."""

    def __init__(self, between):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 8, 5, stride=2), nn.Conv2d(8, 16, 5, stride=3)
        self.fc, self.between = nn.Linear(256, 10), between

    def forward(self, x):
        x = self.between(self.conv1(x).relu())
        return self.fc(self.conv2(x).relu().flatten(1))


def few_features(program):
    """The first layer has no gradient."""
    program["step"](*program["batch"])
    return program["model"].conv1.weight.grad is None


@faulty("no gradient", says="detach|graph|conv1", never="requires_grad = True|requires_grad=True",
        harm=few_features)
def detached_between(images, labels, mended=False):
    # issues: .detach() to save memory
    return loop(Cut((lambda x: x) if mended else torch.Tensor.detach), ready(images, labels))


@faulty("no gradient", says="conv1|data|detach|graph", harm=few_features)
def data_between(images, labels, mended=False):
    # old code: x.data
    return loop(Cut((lambda x: x) if mended else lambda x: x.data), ready(images, labels))


@faulty("no gradient", says="conv1|numpy|detach|graph|tensor", harm=few_features)
def through_numpy(images, labels, mended=False):
    # forum: a part computed by numpy
    def by_numpy(x):
        return torch.from_numpy(np.tanh(x.detach().numpy()))
    return loop(Cut(torch.tanh if mended else by_numpy), ready(images, labels))


@faulty("no gradient", says="conv1|no_grad|detach|graph", harm=few_features)
def no_grad_in_forward(images, labels, mended=False):
    # transfer learning: features under no_grad, though they were to be fine-tuned
    class Net(Cut):
        def forward(self, x):
            with torch.set_grad_enabled(mended):
                x = self.conv1(x).relu()
            return self.fc(self.conv2(x).relu().flatten(1))
    return loop(Net(None), ready(images, labels))


@faulty("no gradient", says="round|sign|step|conv1|differentia|graph",
        harm=lambda p: not p["step"](*p["batch"]) or not p["model"].conv1.weight.grad.any())
def rounded_between(images, labels, mended=False):
    # forum: binarized activations: the gradient is 0 everywhere
    return loop(Cut((lambda x: x) if mended else torch.sign), ready(images, labels))


def varies(program):
    program["model"].eval()
    with torch.no_grad():
        images = program["batch"][0][:8]
        return not torch.equal(program["model"](images), program["model"](images))


@faulty("random in evaluation mode", says="training=self.training|self.training|nn.Dropout",
        harm=varies)
def functional_dropout(images, labels, mended=False):
    # homework: F.dropout(x) is always on
    class Net(Cut):
        def forward(self, x):
            x = self.conv2(self.conv1(x).relu()).relu().flatten(1)
            return self.fc(F.dropout(x, 0.5, training=self.training if mended else True))
    return loop(Net(None), ready(images, labels))


@faulty("random in evaluation mode", says="self.training|evaluation", harm=varies)
def noise_in_forward(images, labels, mended=False):
    # kernels: augmentation inside the model, not only in training
    class Net(Cut):
        def forward(self, x):
            if self.training or not mended:
                x = x + 0.3 * torch.randn_like(x)
            return super().forward(x)
    return loop(Net(nn.Identity()), ready(images, labels))


@faulty("images mixed", says="training|batch", harm=depends_on_the_batch)
def functional_batch_norm(images, labels, mended=False):
    # homework: F.batch_norm(…, training=True) always
    class Net(Cut):
        def __init__(self):
            super().__init__(None)
            self.register_buffer("mean", torch.zeros(8))
            self.register_buffer("var", torch.ones(8))

        def forward(self, x):
            x = F.batch_norm(self.conv1(x), self.mean, self.var,
                             training=self.training if mended else True)
            return self.fc(self.conv2(x.relu()).relu().flatten(1))
    return loop(Net(), ready(images, labels))


@faulty("images mixed", says="batch_first|first dimension|batch", harm=depends_on_the_batch)
def lstm_without_batch_first(images, labels, mended=False):
    # tutorials on rows as a sequence: batch_first forgotten
    class Rows(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.fc = nn.LSTM(96, 32, batch_first=mended), nn.Linear(32, 10)

        def forward(self, x):
            out, _ = self.lstm(x.permute(0, 2, 1, 3).flatten(2))
            return self.fc(out[:, -1])

    return loop(Rows(), ready(images, labels))


@faulty("images mixed", says="batch_first|first dimension|batch", harm=depends_on_the_batch)
def attention_without_batch_first(images, labels, mended=False):
    # small vision transformers: nn.MultiheadAttention expects (length, batch, features)
    class Patches(nn.Module):
        def __init__(self):
            super().__init__()
            self.patch = nn.Conv2d(3, 32, 8, stride=8)
            self.attention = nn.MultiheadAttention(32, 4, batch_first=mended)
            self.fc = nn.Linear(32, 10)

        def forward(self, x):
            x = self.patch(x).flatten(2).transpose(1, 2)
            return self.fc((x + self.attention(x, x, x)[0]).mean(1))

    return loop(Patches(), ready(images, labels))


@faulty("images mixed", says="batch|other images", harm=depends_on_the_batch)
def standardized_over_the_batch_in_forward(images, labels, mended=False):
    # homework: a batch normalization of one's own without running means
    class Own(nn.Module):
        def forward(self, x):
            axes = (1, 2, 3) if mended else (0, 2, 3)
            return (x - x.mean(axes, keepdim=True)) / (x.var(axes, keepdim=True) + 1e-5).sqrt()

    return loop(nn.Sequential(nn.Conv2d(3, 8, 5, stride=2), Own(), nn.ReLU(), nn.Flatten(),
                              nn.Linear(1568, 10)), ready(images, labels))


def changes_images(program):
    images = program["batch"][0].clone()
    with torch.no_grad():
        program["model"](images)
    return not torch.equal(images, program["batch"][0])


@faulty("images changed by the model", says="in.?place|inplace|clone|mul_|sub_", harm=changes_images)
def normalized_in_place(images, labels, mended=False):
    # kernels: x.sub_(mean).div_(std) in forward: a second epoch gets them normalized twice
    class Net(Cut):
        def forward(self, x):
            x = (x - 0.45) / 0.25 if mended else x.sub_(0.45).div_(0.25)
            return super().forward(x)
    return loop(Net(nn.Identity()), split(images / 255, labels))


@faulty("images changed by the model", says="in.?place|inplace|clone", harm=changes_images)
def relu_inplace_on_the_input(images, labels, mended=False):
    # pre-activation networks: ReLU(inplace=True) comes first
    model = nn.Sequential(nn.ReLU(inplace=not mended), *conv_net())
    return loop(model, ready(images, labels))


@faulty("all outputs the same", says="same|zero|initiali", never="learning rate",
        also=("no gradient", "dead ReLU"))
def everything_zero(images, labels, mended=False):
    # homework: weights initialized to zero
    model = conv_net()
    for p in model.parameters():
        if not mended or p.ndim == 1:
            nn.init.zeros_(p)
    return loop(model, ready(images, labels))


@faulty("dead ReLU", says="ReLU|negative|bias", also=("all outputs the same", "no gradient"))
def bias_far_below_zero(images, labels, mended=False):
    # homework: init of the biases went wrong by the sign and the size
    model = dense_net()
    nn.init.constant_(model[1].bias, 0.1 if mended else -100)
    return loop(model, ready(images, labels))


@faulty("loss far from chance", says="initiali|large|chance", harm="learns less", steps=15,
        also=("learning rate too high",))
def normal_init_of_one(images, labels, mended=False):
    # homework: nn.init.normal_(w) has a deviation of 1
    model = dense_net()
    for m in model:
        if isinstance(m, nn.Linear):
            nn.init.normal_(m.weight, std=m.in_features ** -0.5 if mended else 1.0)
    return loop(model, ready(images, labels), torch.optim.SGD(model.parameters(), lr=0.02))


def breaks_weights(program):
    program["step"](*program["batch"])
    return not all(p.isfinite().all() for p in program["model"].parameters())


@faulty("nan in the gradients", says="sqrt|norm|gradient", never="lower the (learning )?rate",
        also=("nan in weights", "nan in outputs", "the optimizer raises"), harm=breaks_weights)
def root_of_zero(images, labels, mended=False):
    # forum: sqrt of a sum that can be 0: fine forward, NaN backward
    class Norms(nn.Module):
        def forward(self, x):
            x = x.relu().unflatten(1, (32, 8)).pow(2).sum(2)
            return (x + (1e-6 if mended else 0)).sqrt()

    model = nn.Sequential(conv_net(256), Norms(), nn.Linear(32, 10))
    with torch.no_grad():
        model[0][-1].bias[:8] = -50  # one group is never active, as happens
    return loop(model, ready(images, labels))


@faulty("nan in outputs", says="nan|inf|log", never="lower the (learning )?rate",
        also=("nan in the gradients", "nan in weights"))
def log_of_relu(images, labels, mended=False):
    # forum: log of what can be 0 in forward
    class Log(nn.Module):
        def forward(self, x):
            return torch.log(x.relu() + (1 if mended else 0)) * (1 if mended else x)

    return loop(nn.Sequential(conv_net(64), Log(), nn.Linear(64, 10)), ready(images, labels))


@faulty(new="vanishing gradient", says="vanish|small|gradient|sigmoid", steps=40,
        never="(?<!not the )learning rate too", also=("no gradient", "all outputs the same"))
def many_sigmoids(images, labels, mended=False):
    # homework: eight sigmoid layers
    act = nn.ReLU if mended else nn.Sigmoid
    layers = [m for _ in range(8) for m in (nn.Linear(64, 64), act())]
    if mended:
        for m in layers[::2]:
            nn.init.kaiming_normal_(m.weight)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 64), act(), *layers, nn.Linear(64, 10))
    return loop(model, ready(images, labels))


@faulty(new="nearly everything dropped", says="dropout|p=|keep|probability", steps=40)
def keep_probability_for_p(images, labels, mended=False):
    # who comes from TensorFlow 1: p is the part that is dropped, not kept
    p = 0.05 if mended else 0.95
    return loop(dense_net(10, nn.Dropout(p)), ready(images, labels))
