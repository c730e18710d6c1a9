"""Faulty training programs as people publish them, each with the words that help its writer.

`mended=True` gives the same program without the fault: what harm it does is measured against it.
"""

import copy

import numpy as np
import torch
from public_parts import (
    TRAIN,
    asked,
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


@faulty("images not normalized", says="255", also=("loss far from chance",))
def never_divided_by_255(images, labels, mended=False):
    # forum: torch.from_numpy(...).float() in a Dataset of one's own, no ToTensor
    pixels = standardized(images) if mended else images.float()
    model = dense_net()
    return loop(model, split(pixels, labels), torch.optim.SGD(model.parameters(), lr=0.02))


@faulty("images not normalized", says="small|narrow|twice|deviation|spread|range", steps=15)
def divided_by_255_twice(images, labels, mended=False):
    # forum: ToTensor has divided already
    pixels = images.float() / 255
    model = conv_net()
    return loop(model, split(pixels if mended else pixels / 255, labels),
                torch.optim.Adam(model.parameters(), lr=2e-3))


@faulty("images not normalized", steps=15, says="statistics|meant for|other scale|0 to 255")
def statistics_of_the_other_scale(images, labels, mended=False):
    # forum: Normalize((125.3, 123.0, 113.9), (63.0, 62.1, 66.7)) after ToTensor
    pixels = images.float() / 255
    scale = 1 / 255 if mended else 1
    return loop(conv_net(), split((pixels - 123 * scale) / (63 * scale), labels))


@faulty("images not normalized", says="mean|deviation|large|255",
        also=("loss far from chance",))
def small_statistics_on_bytes(images, labels, mended=False):
    # forum: the means of ImageNet on images of 0 to 255
    pixels = images.float() / (255 if mended else 1)
    model = dense_net()
    return loop(model, split((pixels - 0.45) / 0.225, labels),
                torch.optim.SGD(model.parameters(), lr=0.01))


def jumps(program):
    """How often neighbors in a row differ by most of the range: where bytes have wrapped."""
    images = program["batch"][0]
    steps = (images[..., 1:] - images[..., :-1]).abs()
    return (steps > 0.8 * (images.max() - images.min())).float().mean()


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
    pixels = torch.from_numpy(np.asarray(array - mean, np.float32)) / 64
    return loop(conv_net(), split(pixels, labels))


@faulty("labels out of range", says=r"0|from 0|range|at least 11", harm="raises",
        also=("the loss raises", "the step raises", "the evaluation raises"))
def labels_counted_from_one(images, labels, mended=False):
    # forum: labels from MATLAB, "Target 10 is out of bounds"
    return loop(conv_net(), ready(images, labels if mended else labels + 1))


@faulty("labels out of range", says="-1|negative", never="subtract", harm="raises",
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


@faulty("the loss raises", says="class|argmax|float", harm="raises",
        also=("the step raises", "the evaluation raises"))
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


@faulty(None, harm=unrelated)
def labels_of_a_set(images, labels, mended=False):
    # forum: label = classes.index(...) of list(set(names)): another order in each worker. Labels of
    # 16 images agree, so that they still fit better than in most random orders: it is not seen.
    x, y, tx, ty = ready(images, labels)
    order = torch.stack([torch.randperm(10) for _ in range(16)])
    mixed = order[torch.arange(len(y)) // 16, y]
    return loop(dense_net(), (x, y if mended else mixed, tx, ty))


@faulty("pixels scrambled", says="permute",
        harm=lambda wrong, right: not torch.equal(wrong["batch"][0], right["batch"][0]))
def reshaped_for_permuted(images, labels, mended=False):
    # forum: (N, 32, 32, 3) arrays by .view(N, 3, 32, 32). Each image is scrambled alike and can
    # still be learned, but numbers three apart are more alike than neighbors, as in no photograph.
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

    return asked(model=model, batch=(x, y), step=step, optimizer=optimizer,
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
            sizes = (3072, 128, 64, 10)
            self.layers = nn.ModuleList(nn.Linear(sizes[i], sizes[i + 1]) for i in range(3))

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


@faulty(("wrong axis", "images mixed"), says="dim|axis", harm=depends_on_the_batch)
def log_softmax_over_the_batch(images, labels, mended=False):
    # forum: nn.LogSoftmax(dim=0), or the implicit dim of old versions
    model = nn.Sequential(*conv_net(), nn.LogSoftmax(dim=1 if mended else 0))
    return loop(model, ready(images, labels), torch.optim.SGD(model.parameters(), 0.05, 0.9),
                F.nll_loss)


@faulty(("outputs of the wrong shape", "images mixed"), says="view|reshape|flatten",
        harm="raises", also=("the loss raises", "the step raises", "the evaluation raises"))
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
        also=("all outputs the same", "no gradient"))
def one_output_and_cross_entropy(images, labels, mended=False):
    # forum: "loss is always 0": two classes, nn.Linear(…, 1), labels (N, 1) and CrossEntropyLoss
    x, y, _, _ = ready(images, (labels < 5).float()[:, None])
    model = conv_net(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    criterion = nn.BCEWithLogitsLoss() if mended else nn.CrossEntropyLoss()
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer, criterion),
                 optimizer=optimizer, loss_fn=criterion)


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

    return loop(Net(), ready(images, labels), classes=10)


@faulty("the loss raises", says="order|swap|exchanged", harm="raises", also=("the step raises",))
def arguments_swapped(images, labels, mended=False):
    # forum: criterion(labels, outputs)
    def criterion(outputs, y):
        return F.cross_entropy(outputs, y) if mended else F.cross_entropy(y, outputs)
    return loop(conv_net(), ready(images, labels), criterion=criterion)


@faulty("the loss is not one number", says="mean|reduction", harm="raises",
        also=("the step raises",))
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
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer, criterion),
                 optimizer=optimizer, loss_fn=criterion)


@faulty("sigmoid before cross-entropy", says="sigmoid", steps=15)
def sigmoid_twice(images, labels, mended=False):
    # forum: Sigmoid in the model and BCEWithLogitsLoss
    x, y, _, _ = ready(images, (labels < 5).float()[:, None])
    model = nn.Sequential(*conv_net(1), nn.Identity() if mended else nn.Sigmoid())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    criterion = nn.BCEWithLogitsLoss()
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer, criterion),
                 optimizer=optimizer, loss_fn=criterion)


@faulty(new="outputs and labels broadcast", says=r"broadcast|\(256, 1\)|shape",
        never="learning rate", also=("loss far from chance",))
def broadcast_in_mse(images, labels, mended=False):
    # issues: "Using a target size that is different to the input size": (N, 1) against (N,)
    x, y, _, _ = ready(images, (labels < 5).float())
    model = conv_net(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    return asked(model=model, batch=(x, y[:, None] if mended else y), optimizer=optimizer,
                 step=plain_step(model, optimizer, F.mse_loss), loss_fn=F.mse_loss)


@faulty(new="the loss is maximized", says="sign|minus|maximi|negative|increase|grows|uphill|higher",
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


@faulty("parameters not registered", says="ModuleDict|dict")
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


@faulty("parameters not registered", says="in forward|__init__|each call|made anew",
        never="drops units", also=("random in evaluation mode",))
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
        also=("no gradient", "the step raises", "the optimizer raises",
              "parameters not in the optimizer"))
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


@faulty("no gradient", says="numpy", harm=few_features)
def through_numpy(images, labels, mended=False):
    # forum: a part computed by numpy
    def by_numpy(x):
        return torch.from_numpy(np.tanh(x.detach().numpy()))
    return loop(Cut(torch.tanh if mended else by_numpy), ready(images, labels))


@faulty("no gradient", says="no_grad", harm=few_features)
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


@faulty("random in evaluation mode", says="self.training", never="drops units", harm=varies)
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


@faulty("images changed by the model", says="in.?place|clone|mul_|sub_|_ at its end|-= ",
        harm=changes_images)
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
    # forum: distances of all pairs, that to itself included: fine forward, NaN backward
    def criterion(outputs, y):
        squares = (outputs[:, None] - outputs[None]).pow(2).sum(2)
        distances = (squares + (1e-6 if mended else 0)).sqrt()
        return F.cross_entropy(outputs, y) - 0.01 * distances.mean()
    return loop(conv_net(), ready(images, labels), criterion=criterion)


@faulty("nan in outputs", says="nan|inf|log", never="lower the (learning )?rate",
        also=("nan in the gradients", "nan in weights"))
def log_of_relu(images, labels, mended=False):
    # forum: log of what can be 0 in forward
    class Log(nn.Module):
        def forward(self, x):
            return torch.log(x.relu() + (1 if mended else 0)) * (1 if mended else x)

    return loop(nn.Sequential(conv_net(64), Log(), nn.Linear(64, 10)), ready(images, labels))


@faulty(("vanishing gradients", "all outputs the same", "no gradient"), steps=40,
        says="vanish|saturat|sigmoid", never="learning rate too")
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


# Loops -------------------------------------------------------------------------------------------

def written_loop(images, labels, body, model=None, optimizer=None, batch=None, **more):
    """A step whose lines are given: body(model, optimizer, images, labels)."""
    x, y, tx, ty = ready(images, labels)
    model = model or conv_net()
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def step(x, y):
        model.train()
        return body(model, optimizer, x, y)

    return {"model": model, "batch": batch or (x, y), "step": step, "optimizer": optimizer,
            "evaluate": tested(model, tx, ty), **more}


def gradients_pile_up(program):
    """After a step the gradient is the new one and what was left of the step before."""
    model, (images, labels) = program["model"], program["batch"]
    first = next(model.parameters())
    program["step"](images, labels)
    left = 0 if first.grad is None else first.grad.clone()
    fresh, = torch.autograd.grad(F.cross_entropy(model(images), labels), [first])
    program["step"](images, labels)
    return first.grad is not None and bool(left.any()) and torch.allclose(
        first.grad, left + fresh, rtol=1e-3, atol=1e-5)


@faulty("no zero_grad", says="zero_grad", never="lower the (learning )?rate",
        harm=gradients_pile_up)
def zero_grad_forgotten(images, labels, mended=False):
    # homework
    def body(model, optimizer, x, y):
        if mended:
            optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return written_loop(images, labels, body)


@faulty("no zero_grad", says="zero_grad", harm=gradients_pile_up)
def zero_grad_without_parentheses(images, labels, mended=False):
    # forum: optimizer.zero_grad
    def body(model, optimizer, x, y):
        optimizer.zero_grad() if mended else optimizer.zero_grad
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return written_loop(images, labels, body)


@faulty("no zero_grad", says="zero_grad|set to zero|zero_", harm=gradients_pile_up)
def own_update_without_zeroing(images, labels, mended=False):
    # homework: p -= lr * p.grad, and p.grad is never zeroed
    def body(model, optimizer, x, y):
        F.cross_entropy(model(x), y).backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= 0.1 * p.grad
                if mended:
                    p.grad.zero_()
    found = written_loop(images, labels, body)
    del found["optimizer"]
    return found


@faulty("no zero_grad", says="zero_grad", harm=gradients_pile_up)
def zero_grad_once_an_epoch(images, labels, mended=False):
    # forum: zero_grad stands before the loop over batches; the step is the loop's inside
    x, y, tx, ty = ready(images, labels)
    model = conv_net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    optimizer.zero_grad()
    for i in range(0, 128, 64):
        F.cross_entropy(model(x[i:i + 64]), y[i:i + 64]).backward()

    def step(x, y):
        if mended:
            optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    return asked(model=model, batch=(x, y), step=step, optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


@faulty("no zero_grad", says="zero_grad", harm=gradients_pile_up)
def zero_grad_of_the_other_network(images, labels, mended=False):
    # GAN loops copied: zero_grad of one optimizer, step of another
    model, other = conv_net(), conv_net()
    zeroed = model if mended else other

    def body(model, optimizer, x, y):
        zeroed.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return written_loop(images, labels, body, model)


@faulty("gradients wiped before the step", says="zero_grad", never="learning rate|graph|detach",
        also=("no gradient",))
def zero_grad_after_backward(images, labels, mended=False):
    # forum: the order of the lines
    def body(model, optimizer, x, y):
        loss = F.cross_entropy(model(x), y)
        if mended:
            optimizer.zero_grad()
        loss.backward()
        if not mended:
            optimizer.zero_grad()
        optimizer.step()
    return written_loop(images, labels, body)


@faulty("no backward", says="backward", never="learning rate", also=("no gradient",))
def backward_forgotten(images, labels, mended=False):
    # homework
    def body(model, optimizer, x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        if mended:
            loss.backward()
        optimizer.step()
    return written_loop(images, labels, body)


@faulty("no backward", says="backward", also=("no gradient",))
def backward_without_parentheses(images, labels, mended=False):
    # forum: loss.backward
    def body(model, optimizer, x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward() if mended else loss.backward
        optimizer.step()
    return written_loop(images, labels, body)


@faulty("no optimizer step", says="step", never="learning rate is too low|raise the")
def step_forgotten(images, labels, mended=False):
    # homework
    def body(model, optimizer, x, y):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        if mended:
            optimizer.step()
    return written_loop(images, labels, body)


@faulty("no optimizer step", says="step")
def only_the_scheduler_steps(images, labels, mended=False):
    # forum: scheduler.step() taken for the optimizer's
    model = conv_net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.999)

    def body(model, optimizer, x, y):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        if mended:
            optimizer.step()
        scheduler.step()
    return written_loop(images, labels, body, model, optimizer)


@faulty("no optimizer step", says="step|counter|never", never="zero_grad is missing", steps=60)
def accumulation_that_never_ends(images, labels, mended=False):
    # kernels: (i + 1) % 4 with i that is set anew in each batch
    count = [0]

    def body(model, optimizer, x, y):
        count[0] = count[0] + 1 if mended else 1
        (F.cross_entropy(model(x), y) / 4).backward()
        if count[0] % 4 == 0:
            optimizer.step()
            optimizer.zero_grad()
    return written_loop(images, labels, body)


def forgets(program):
    """No weight moves although the step ran, or not those of the model."""
    before = copy.deepcopy(program["model"].state_dict())
    for _ in range(5):
        program["step"](*program["batch"])
    return all(torch.equal(v, before[k]) for k, v in program["model"].state_dict().items())


@faulty(("parameters not in the optimizer", "no optimizer step"), says="optimizer", harm=forgets,
        never="learning rate is too low")
def optimizer_of_an_earlier_model(images, labels, mended=False):
    # notebooks: the cell with the model was run again, that with the optimizer was not
    model, old = conv_net(), conv_net()
    optimizer = torch.optim.SGD((model if mended else old).parameters(), lr=0.05, momentum=0.9)

    def body(model, optimizer, x, y):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return written_loop(images, labels, body, model, optimizer)


@faulty("parameters not in the optimizer", says="optimizer", steps=40)
def head_replaced_after_the_optimizer(images, labels, mended=False):
    # transfer learning: model.fc is new, the optimizer has the old one
    model = nn.Sequential(conv_net(64), nn.ReLU(), nn.Linear(64, 1000))
    model[0].requires_grad_(False)
    if mended:
        model[2] = nn.Linear(64, 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
    model[2] = model[2] if mended else nn.Linear(64, 10)
    return loop(model, ready(images, labels), optimizer)


@faulty("parameters not in the optimizer", says="optimizer",
        harm=lambda p: gradient_unused(p))
def only_the_last_layer_given(images, labels, mended=False):
    # transfer learning: everything should be tuned, model.fc.parameters() is given
    model = conv_net()
    given = model.parameters() if mended else model[6].parameters()
    return loop(model, ready(images, labels), torch.optim.Adam(given, lr=2e-3))


def gradient_unused(program):
    """The first layer gets a gradient and does not move."""
    first = next(program["model"].parameters())
    before = first.detach().clone()
    program["step"](*program["batch"])
    return bool(first.grad.any()) and torch.equal(first, before)


@faulty("parameters not in the optimizer", says="optimizer|step",
        harm=gradient_unused)
def one_of_two_optimizers_steps(images, labels, mended=False):
    # scripts with two optimizers, one of them never steps
    model = conv_net()
    body_optimizer = torch.optim.Adam(model[:6].parameters(), lr=2e-3)
    head_optimizer = torch.optim.Adam(model[6].parameters(), lr=2e-3)

    def body(model, _, x, y):
        body_optimizer.zero_grad()
        head_optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        head_optimizer.step()
        if mended:
            body_optimizer.step()
    found = written_loop(images, labels, body, model, head_optimizer)
    del found["optimizer"]
    return found


@faulty("another model in the step", says="model", harm=forgets,
        also=("no optimizer step", "parameters not in the optimizer"))
def step_of_another_model(images, labels, mended=False):
    # notebooks: the loop's global name is an older network
    model, net = conv_net(), conv_net()
    trained = model if mended else net
    optimizer = torch.optim.Adam(trained.parameters(), lr=2e-3)
    found = written_loop(images, labels, None, model)
    return {**found, "step": plain_step(trained, optimizer), "optimizer": optimizer}


@faulty("another model in the step", says="model|copy", harm=forgets,
        also=("no optimizer step", "parameters not in the optimizer"))
def model_made_anew_in_the_step(images, labels, mended=False):
    # kernels: model = Net() inside the loop (of folds)
    found = written_loop(images, labels, None, conv_net())
    model = found["model"]

    def step(x, y):
        net = model if mended else conv_net()
        optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
        optimizer.zero_grad()
    del found["optimizer"]
    return {**found, "step": step}


@faulty("another model in the step", says="model|copy", harm=forgets,
        also=("no optimizer step", "parameters not in the optimizer"))
def copy_trained(images, labels, mended=False):
    # scripts: model = copy.deepcopy(model) for the device, the original is tested
    model = conv_net()
    moved = model if mended else copy.deepcopy(model)
    found = written_loop(images, labels, None, model)
    optimizer = torch.optim.Adam(moved.parameters(), lr=2e-3)
    return {**found, "step": plain_step(moved, optimizer), "optimizer": optimizer}


@faulty("not in training mode", says=r"train\(\)",
        harm=lambda p: not p["step"](*p["batch"]) and not p["model"].training)
def evaluation_mode_for_ever(images, labels, mended=False):
    # forum: model.eval() in the validation, model.train() only once before the epochs
    x, y, tx, ty = ready(images, labels)
    model = bn_net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    evaluate = tested(model, tx, ty)

    def step(x, y):
        if mended:
            model.train()
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    evaluate()  # after the first epoch
    return asked(model=model, batch=(x, y), step=step, optimizer=optimizer, evaluate=evaluate)


@faulty("not in training mode", says=r"train\(\)",
        harm=lambda p: not p["step"](*p["batch"]) and not p["model"].training)
def eval_at_the_top_of_the_step(images, labels, mended=False):
    # homework: eval and train exchanged
    def body(model, optimizer, x, y):
        model.train(mended)
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return written_loop(images, labels, body, dense_net(10, nn.Dropout(0.5)))


@faulty("learning rate too high", says="rate", never="too low")
def sgd_with_a_rate_of_ten(images, labels, mended=False):
    # homework: lr=10
    model = conv_net()
    return loop(model, ready(images, labels),
                torch.optim.SGD(model.parameters(), lr=0.1 if mended else 10.0))


@faulty("learning rate too high", says="rate", never="too low")
def adam_with_the_rate_of_sgd(images, labels, mended=False):
    # forum: SGD's 0.1 kept with Adam
    model = conv_net()
    return loop(model, ready(images, labels),
                torch.optim.Adam(model.parameters(), lr=2e-3 if mended else 0.2))


@faulty("learning rate too low", says="rate", never="too high", steps=40)
def rate_of_a_millionth(images, labels, mended=False):
    # forum: lr=1e-6 "because 1e-3 exploded" before the images were normalized
    model = conv_net()
    return loop(model, ready(images, labels),
                torch.optim.SGD(model.parameters(), lr=0.1 if mended else 1e-6))


@faulty(new="the loss is a sum", says="reduction|summed|sum of|a sum", never="too low", steps=20,
        also=("learning rate too high",))
def summed_loss_with_a_usual_rate(images, labels, mended=False):
    # forum: reduction="sum" and lr=0.1
    model, criterion = conv_net(), nn.CrossEntropyLoss(reduction="mean" if mended else "sum")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return loop(model, ready(images, labels), optimizer, criterion)


@faulty(new="gradients never unscaled", says="rate|unscale|scaler|large", never="too low", steps=20,
        also=("learning rate too high", "nan in weights"))
def gradients_never_unscaled(images, labels, mended=False):
    # mixed precision: scaler.scale(loss).backward(), then optimizer.step() instead of scaler.step
    model = conv_net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    scaler = torch.amp.GradScaler("cpu")

    def body(model, optimizer, x, y):
        optimizer.zero_grad()
        scaler.scale(F.cross_entropy(model(x), y)).backward()
        if mended:
            scaler.step(optimizer)
            scaler.update()
        else:
            optimizer.step()
    return written_loop(images, labels, body, model, optimizer)


@faulty(new="hardly moves: clipped before unscaling", never="too high", steps=40,
        says="small|hardly|little|barely|slow|rate|clip", also=("learning rate too low",))
def clipped_before_unscaling(images, labels, mended=False):
    # mixed precision: clip_grad_norm_ of scaled gradients, so they are divided once too often
    scaler = torch.amp.GradScaler("cpu")

    def body(model, optimizer, x, y):
        optimizer.zero_grad()
        scaler.scale(F.cross_entropy(model(x), y)).backward()
        if mended:
            scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
    return written_loop(images, labels, body)


@faulty(new="weight decay too strong", says="decay", steps=40, never="rate too low",
        also=("all outputs the same",))
def weight_decay_of_one(images, labels, mended=False):
    # homework on regularization: weight_decay=1
    model = conv_net()
    return loop(model, ready(images, labels), torch.optim.SGD(
        model.parameters(), lr=0.1, weight_decay=1e-4 if mended else 1.0))


@faulty(new="the rate falls too fast", says="schedule|rate", never="too high", steps=40,
        also=("learning rate too low",))
def epoch_schedule_in_every_batch(images, labels, mended=False):
    # issues: StepLR(step_size=1, gamma=0.1), made for epochs, steps with each batch
    model = conv_net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.1)

    def body(model, optimizer, x, y):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        if not mended:
            scheduler.step()
    return written_loop(images, labels, body, model, optimizer)


@faulty(None, steps=60, harm="learns less", also=("learning rate too low",), never="too high")
def batch_schedule_once_an_epoch(images, labels, mended=False):
    # issues: OneCycleLR for all batches steps once an epoch, so the rate stays that of the start.
    # Steps of the loop do not show whether the schedule will move later: it may say that the rate
    # is low now, or nothing.
    model = conv_net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=1000,
                                                    div_factor=100, pct_start=0.02)

    def body(model, optimizer, x, y):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        if mended:
            scheduler.step()
    return written_loop(images, labels, body, model, optimizer)


@faulty("the step raises", says=r"item\(\)|detach|added|earlier (step|batch|call)", harm="raises")
def losses_added_up_with_their_graphs(images, labels, mended=False):
    # forum: total_loss += loss; total_loss.backward() in every batch
    total = [0]

    def body(model, optimizer, x, y):
        loss = F.cross_entropy(model(x), y)
        total[0] = total[0] + (loss.detach() if mended else loss)
        optimizer.zero_grad()
        (loss if mended else total[0]).backward()
        optimizer.step()
    return written_loop(images, labels, body)


@faulty("the step raises", says=r"item\(\)", harm="raises")
def item_before_backward(images, labels, mended=False):
    # forum: "'float' object has no attribute 'backward'"
    def body(model, optimizer, x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        (loss if mended else loss.item()).backward()
        optimizer.step()
    return written_loop(images, labels, body)


@faulty("the step raises", says="no_grad|set_grad_enabled", harm="raises",
        also=("no gradient",))
def no_grad_around_the_forward(images, labels, mended=False):
    # forum: the block of the validation copied into the training
    def body(model, optimizer, x, y):
        optimizer.zero_grad()
        with torch.set_grad_enabled(mended):
            loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    return written_loop(images, labels, body)


@faulty("the step raises", says="closure", harm="raises")
def lbfgs_without_a_closure(images, labels, mended=False):
    # homework: another optimizer put in, the loop left as it was
    model = dense_net()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=2)

    def body(model, optimizer, x, y):
        def closure():
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            return loss
        if mended:
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()
    return written_loop(images, labels, body, model, optimizer)


@faulty("no zero_grad", says="zero_grad", harm=gradients_pile_up)
def closure_that_does_not_zero(images, labels, mended=False):
    # homework: zero_grad forgotten in the closure
    def body(model, optimizer, x, y):
        def closure():
            if mended:
                optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            return loss
        optimizer.step(closure)
    return written_loop(images, labels, body)


@faulty(("no gradient", "no backward"), says="item|tensor|graph|detach|gradient", harm=forgets)
def loss_wrapped_in_a_new_tensor(images, labels, mended=False):
    # forum: torch.tensor(loss.item(), requires_grad=True) to silence an error
    def body(model, optimizer, x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        if not mended:
            loss = torch.tensor(loss.item(), requires_grad=True)
        loss.backward()
        optimizer.step()
    return written_loop(images, labels, body)


@faulty(("no gradient", "no backward"), says="detach|graph|gradient", harm=forgets)
def outputs_detached_in_the_step(images, labels, mended=False):
    # scripts with several losses: outputs.detach() in the one that matters
    def body(model, optimizer, x, y):
        optimizer.zero_grad()
        outputs = model(x)
        outputs = outputs if mended else outputs.detach().requires_grad_()
        F.cross_entropy(outputs, y).backward()
        optimizer.step()
    return written_loop(images, labels, body)


@faulty("labels unrelated to images", says="labels", never="learning rate", steps=60)
def images_permuted_in_the_step(images, labels, mended=False):
    # own batching: images[torch.randperm(n)], labels[torch.randperm(n)]
    def body(model, optimizer, x, y):
        order = torch.randperm(len(x))
        x, y = x[order], y[order if mended else torch.randperm(len(y))]
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return written_loop(images, labels, body)


@faulty(new="the step undoes itself", harm=forgets, also=("no optimizer step",),
        says="put back|undo|undone|load|restore|overwrit|same as before")
def best_weights_loaded_in_every_step(images, labels, mended=False):
    # early stopping: load_state_dict of the best state stands inside the loop
    model = conv_net()
    best = copy.deepcopy(model.state_dict())

    def body(model, optimizer, x, y):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        if not mended:
            model.load_state_dict(best)
    return written_loop(images, labels, body, model)


@faulty(new="the average is put into the model", steps=40, never="too high",
        says="hardly|barely|little|slow|small|weights|average|overwrit|put back|rate")
def average_written_into_the_model(images, labels, mended=False):
    # own EMA: the average is copied into the network that is trained
    model = conv_net()
    average = [p.detach().clone() for p in model.parameters()]

    def body(model, optimizer, x, y):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        with torch.no_grad():
            for a, p in zip(average, model.parameters(), strict=True):
                a.lerp_(p, 0.001)
                if not mended:
                    p.copy_(a)
    return written_loop(images, labels, body, model)


@faulty(new="the loss is maximized", says="maximize|sign|grows|increase|uphill|higher",
        never="lower the (learning )?rate", also=("learning rate too high",))
def maximize_left_on(images, labels, mended=False):
    # policy gradients copied: optimizer with maximize=True
    model = conv_net()
    return loop(model, ready(images, labels), torch.optim.SGD(
        model.parameters(), lr=0.05, maximize=not mended))


@faulty(harm=lambda wrong, right: learns_others(right) > learns_others(wrong))
def one_batch_for_ever(images, labels, mended=False):
    # forum: next(iter(loader)) in the loop gives the first batch each time. The step ignores what
    # it is given. From outside a step that does not look at its arguments may be right (it has a
    # loader of its own), so nothing, or a hint, is all that can be said.
    fixed = ready(images, labels)[:2]

    def body(model, optimizer, x, y):
        x, y = (x, y) if mended else (fixed[0][:32], fixed[1][:32])
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return written_loop(images, labels, body)


def learns_others(program):
    for _ in range(60):
        program["step"](*program["batch"])
    program["model"].eval()
    images, labels = program["batch"]
    return (program["model"](images).argmax(1) == labels).float().mean().item()


# Evaluations -------------------------------------------------------------------------------------

def tested_by(images, labels, write, model=None):
    """A right loop, and an evaluation that is written: write(model, images, labels) gives it."""
    x, y, tx, ty = ready(images, labels)
    model = model or bn_net()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer), optimizer=optimizer,
                 evaluate=write(model, optimizer, tx, ty))


def accuracy(model, images, labels):
    return (model(images).argmax(1) == labels).float().mean().item()


@faulty("not in evaluation mode", says=r"eval\(\)", harm="evaluates otherwise", steps=10)
def eval_forgotten_with_dropout(images, labels, mended=False):
    # homework
    def write(model, _, x, y):
        @torch.no_grad()
        def evaluate():
            model.train(not mended)
            return accuracy(model, x, y)
        return evaluate
    return tested_by(images, labels, write, dense_net(10, nn.Dropout(0.7)))


@faulty("not in evaluation mode", says=r"eval\(\)", harm="changed by the evaluation")
def eval_forgotten_with_batch_norm(images, labels, mended=False):
    # homework: the running means take in the test images
    def write(model, _, x, y):
        @torch.no_grad()
        def evaluate():
            if mended:
                model.eval()
            return accuracy(model, x, y)
        return evaluate
    return tested_by(images, labels, write)


@faulty("not in evaluation mode", says=r"eval\(\)", harm="changed by the evaluation")
def eval_without_parentheses(images, labels, mended=False):
    # forum: model.eval
    def write(model, _, x, y):
        @torch.no_grad()
        def evaluate():
            model.eval() if mended else model.eval
            return accuracy(model, x, y)
        return evaluate
    return tested_by(images, labels, write)


@faulty("not in evaluation mode", says=r"eval\(\)|training mode", harm="changed by the evaluation")
def train_called_between_batches(images, labels, mended=False):
    # scripts: a helper called in the validation switches back to training mode
    def write(model, _, x, y):
        @torch.no_grad()
        def evaluate():
            hits = 0
            model.eval()
            for a, b in zip(x.split(64), y.split(64), strict=True):
                hits += accuracy(model, a, b) * len(b)
                if not mended:
                    model.train()
            return hits / len(y)
        return evaluate
    return tested_by(images, labels, write)


@faulty("training in the evaluation", says="step|backward|train", harm="changed by the evaluation",
        also=("gradients in the evaluation", "not in evaluation mode"))
def one_function_for_both(images, labels, mended=False):
    # kernels: run_epoch(train=True) is called for the validation too
    def write(model, optimizer, x, y):
        def run(train):
            model.train(train)
            with torch.set_grad_enabled(train):
                out = model(x)
                loss = F.cross_entropy(out, y)
                if train:
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
            return loss.item(), (out.argmax(1) == y).float().mean().item()
        return lambda: run(train=not mended)
    return tested_by(images, labels, write)


@faulty("training in the evaluation", says="step|weights|train", harm="changed by the evaluation",
        also=("gradients in the evaluation",))
def optimizer_steps_in_the_validation(images, labels, mended=False):
    # copied loop, eval() and all, and the last two lines
    def write(model, optimizer, x, y):
        def evaluate():
            model.eval()
            with torch.set_grad_enabled(not mended):
                out = model(x)
                loss = F.cross_entropy(out, y)
            if not mended:
                loss.backward()
                optimizer.step()
            return loss.item()
        return evaluate
    return tested_by(images, labels, write)


@faulty("another model in the evaluation", says="model", harm="evaluates otherwise", steps=40)
def new_network_is_tested(images, labels, mended=False):
    # forum: model = Net() before the test and no load_state_dict
    fresh = bn_net()

    def write(model, _, x, y):
        return tested(model if mended else fresh, x, y)
    return tested_by(images, labels, write)


@faulty("another model in the evaluation", says="model", harm="evaluates otherwise", steps=40)
def copy_from_before_the_training(images, labels, mended=False):
    # best_model = copy.deepcopy(model) at the start, never taken anew
    def write(model, _, x, y):
        return tested(model if mended else copy.deepcopy(model), x, y)
    return tested_by(images, labels, write)


def keeps_a_graph(program):
    result = program["evaluate"]()
    return isinstance(result, torch.Tensor) and result.requires_grad


@faulty("gradients in the evaluation", says="no_grad|inference_mode", harm=keeps_a_graph)
def losses_collected_with_their_graphs(images, labels, mended=False):
    # forum: "memory grows in the validation": total += criterion(…) without no_grad
    def write(model, _, x, y):
        def evaluate():
            model.eval()
            with torch.set_grad_enabled(not mended):
                return sum(F.cross_entropy(model(a), b)
                           for a, b in zip(x.split(64), y.split(64), strict=True)) / 2
        return evaluate
    return tested_by(images, labels, write)


@faulty("the evaluation raises", says="numpy|detach|grad|no_grad", harm="raises",
        also=("gradients in the evaluation",))
def numpy_of_what_requires_grad(images, labels, mended=False):
    # forum: "Can't call numpy() on Tensor that requires grad"
    def write(model, _, x, y):
        def evaluate():
            model.eval()
            with torch.set_grad_enabled(not mended):
                return float((model(x).numpy().argmax(1) == y.numpy()).mean())
        return evaluate
    return tested_by(images, labels, write)


@faulty("the evaluation raises", says="argmax|dim|size|axis|evaluation", harm="raises")
def argmax_over_the_images(images, labels, mended=False):
    # homework: argmax(0): ten predictions for all images
    def write(model, _, x, y):
        @torch.no_grad()
        def evaluate():
            model.eval()
            return (model(x).argmax(1 if mended else 0) == y).float().mean().item()
        return evaluate
    return tested_by(images, labels, write)


@faulty(new="accuracy above 1", says="(above|more than|larger than|over|>) 1|100 ?%|divid",
        harm=lambda wrong, right: wrong["evaluate"]() > 1 >= right["evaluate"]())
def hits_divided_by_batches(images, labels, mended=False):
    # forum: correct / len(loader): "my accuracy is 2600 %"
    def write(model, _, x, y):
        @torch.no_grad()
        def evaluate():
            model.eval()
            batches = list(zip(x.split(32), y.split(32), strict=True))
            hits = sum((model(a).argmax(1) == b).sum().item() for a, b in batches)
            return hits / (len(y) if mended else len(batches))
        return evaluate
    return tested_by(images, labels, write)


@faulty(new="accuracy of no prediction", steps=40, harm="evaluates otherwise",
        says="argmax|evaluat|accuracy")
def values_of_max_for_classes(images, labels, mended=False):
    # forum: torch.max(outputs, 1) gives values and indices; the values are compared: always 0.
    # The model's own accuracy on the batch is far from what the evaluation says of images like it.
    def write(model, _, x, y):
        @torch.no_grad()
        def evaluate():
            model.eval()
            values, indices = model(x).max(1)
            return ((indices if mended else values) == y).float().mean().item()
        return evaluate
    return tested_by(images, labels, write)


@faulty(new="gradients switched off for good", says="set_grad_enabled|grad|switched off|no_grad",
        harm=lambda p: not p["evaluate"]() < 0 and not torch.is_grad_enabled())
def gradients_left_off(images, labels, mended=False):
    # scripts: torch.set_grad_enabled(False) in the validation, never True again: no next step
    def write(model, _, x, y):
        def evaluate():
            model.eval()
            torch.set_grad_enabled(False)
            result = accuracy(model, x, y)
            torch.set_grad_enabled(mended)
            return result
        return evaluate
    return tested_by(images, labels, write)


@faulty("images prepared otherwise in the evaluation", says="normali",
        harm="evaluates otherwise", steps=40, never="labels unrelated")
def test_images_prepared_otherwise(images, labels, mended=False):
    # forum: Normalize only in the training's transform. The evaluation has no arguments, but
    # images of another scale are seen to reach the model.
    raw = images[TRAIN:].float() / 255

    def write(model, _, x, y):
        return tested(model, x if mended else raw, y)
    return tested_by(images, labels, write)


@faulty(new="running statistics unlike the batch's", steps=25, harm="evaluates otherwise",
        says="running|statistics|momentum|batch.?norm", never="overfit")
def batch_norm_that_never_takes_in(images, labels, mended=False):
    # issues: momentum=0 (or the 0.99 of another library turned round): running means stay 0 and 1
    model = bn_net()
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.momentum = 0.1 if mended else 0.0
    return tested_by(images, labels, lambda model, _, x, y: tested(model, x, y), model)


@faulty(None, steps=25, harm="evaluates otherwise", never="another model|new model|training in")
def average_without_its_statistics(images, labels, mended=False):
    # issues: an EMA of parameters only: the batch norms of the copy keep the statistics of the
    # start. How an average should look cannot be known from the loop: at best a hint at buffers.
    model = bn_net()
    ema = copy.deepcopy(model).eval()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    inner = plain_step(model, optimizer)
    x, y, tx, ty = ready(images, labels)

    def step(x, y):
        inner(x, y)
        with torch.no_grad():
            for a, p in zip(ema.parameters(), model.parameters(), strict=True):
                a.lerp_(p, 0.2)
            if mended:
                for a, p in zip(ema.buffers(), model.buffers(), strict=True):
                    a.copy_(p)

    return asked(model=model, batch=(x, y), step=step, optimizer=optimizer,
                 evaluate=tested(ema, tx, ty))


# The same faults where the program has another form ----------------------------------------------

class Parts(nn.Module):
    """Features and head, the output in a form of one's own."""

    def __init__(self, form):
        super().__init__()
        self.body, self.head = nn.Sequential(*conv_net(64), nn.ReLU()), nn.Linear(64, 10)
        self.form = form

    def forward(self, x):
        return self.form(self.head(self.body(x)))


def formed(model, logits_of, images, labels, body):
    """A loop around a model whose output is not one tensor, and a fair evaluation."""
    def criterion(out, y):
        return F.cross_entropy(logits_of(out), y)

    x, y, tx, ty = ready(images, labels)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def step(x, y):
        model.train()
        body(optimizer, criterion(model(x), y))

    @torch.no_grad()
    def evaluate():
        model.eval()
        return (logits_of(model(tx)).argmax(1) == ty).float().mean().item()

    return asked(model, (x, y), step=step, optimizer=optimizer, loss_fn=criterion,
                 evaluate=evaluate)


def right_order(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def loss_stays(wrong, right):
    """After the same steps the loss is higher."""
    losses = []
    for program in (wrong, right):
        images, labels = program["batch"]
        for _ in range(40):
            program["step"](images, labels)
        with torch.no_grad():
            losses.append(program["loss_fn"](program["model"](images), labels).item())
    return losses[0] > 1.05 * losses[1]


@faulty("softmax before cross-entropy", says="softmax", harm=loss_stays)
def softmax_in_a_dict_of_outputs(images, labels, mended=False):
    # a hub's form of output, with probabilities under "logits"
    model = Parts(lambda out: {"logits": out if mended else out.softmax(-1)})
    return formed(model, lambda out: out["logits"], images, labels, right_order)


def zeroed_never(program):
    """What is left of the first step is still in the gradients after the second."""
    weight = program["model"].head.bias
    program["step"](*program["batch"])
    weight.grad.fill_(1e3)
    program["step"](*program["batch"])
    return weight.grad.abs().max() > 500


@faulty("no zero_grad", says="zero_grad", harm=zeroed_never)
def nothing_zeroed_with_a_tuple_of_outputs(images, labels, mended=False):
    # features and logits returned, the loop forgets zero_grad
    def body(optimizer, loss):
        if mended:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return formed(Parts(lambda out: (out, out.detach())), lambda out: out[0], images, labels, body)


@faulty("no zero_grad", says="zero_grad", harm=gradients_pile_up)
def nothing_zeroed_with_a_compiled_model(images, labels, mended=False):
    # torch.compile in the loop
    model = conv_net()
    fast = torch.compile(model, backend="eager")

    def body(_, optimizer, x, y):
        if mended:
            optimizer.zero_grad()
        F.cross_entropy(fast(x), y).backward()
        optimizer.step()
    return written_loop(images, labels, body, model)


@faulty(("parameters not in the optimizer", "no optimizer step"), says="optimizer", harm=forgets)
def optimizer_of_the_teacher(images, labels, mended=False):
    # distillation: the student's loss, and the teacher's parameters in the optimizer
    teacher, student = conv_net(), conv_net()
    optimizer = torch.optim.Adam((student if mended else teacher).parameters(), lr=2e-3)

    def body(model, optimizer, x, y):
        with torch.no_grad():
            soft = teacher(x).softmax(1)
        optimizer.zero_grad()
        out = model(x)
        (F.cross_entropy(out, y) + F.kl_div(out.log_softmax(1), soft,
                                            reduction="batchmean")).backward()
        optimizer.step()
    return written_loop(images, labels, body, student, optimizer)


@faulty(None, says="whether the model of your evaluation.* is kept up to date", steps=40,
        harm="evaluates otherwise")
def average_never_updated(images, labels, mended=False):
    # EMA: the copy is made and tested, ema.update is never called. Not in the step, that is: after
    # each epoch, as in SWA, it would be right, so that it is said what was not looked at.
    model = conv_net()
    ema = torch.optim.swa_utils.AveragedModel(model)

    def body(model, optimizer, x, y):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        if mended:
            ema.update_parameters(model)
    found = written_loop(images, labels, body, model)
    x, y = standardized(images)[TRAIN:], labels[TRAIN:]
    return {**found, "evaluate": tested(ema, x, y)}


@faulty(("no optimizer step", "another model in the step"), says="model|weight", harm=forgets)
def functional_parameters_never_put_back(images, labels, mended=False):
    # torch.func: a dict of parameters learns, the model that is tested does not
    x, y, tx, ty = ready(images, labels)
    model = conv_net()
    state = {"parameters": {k: v.detach().clone() for k, v in model.named_parameters()}}

    def loss_of(parameters, x, y):
        return F.cross_entropy(torch.func.functional_call(model, parameters, (x,)), y)

    def step(x, y):
        grads = torch.func.grad(loss_of)(state["parameters"], x, y)
        state["parameters"] = {k: v - 0.1 * grads[k] for k, v in state["parameters"].items()}
        if mended:
            model.load_state_dict(state["parameters"])

    return asked(model, (x, y), step=step, evaluate=tested(model, tx, ty))


@faulty("frozen parameters", says="frozen|requires_grad",
        harm=lambda wrong, right: bool(wrong["model"][2].weight.requires_grad) is False
        and right["model"][2].weight.requires_grad)
def head_frozen_instead_of_the_body(images, labels, mended=False):
    # transfer learning: the condition in the loop over named_parameters turned round
    model = nn.Sequential(conv_net(64), nn.ReLU(), nn.Linear(64, 10))
    if not mended:
        for name, p in model.named_parameters():
            p.requires_grad = not name.startswith("2.")
    return loop(model, ready(images, labels))


@faulty(new="accumulated gradients wiped", says="zero_grad|accumulat|gather", steps=80,
        also=("gradients wiped before the step",), never="raise|rate too low")
def zeroed_in_every_small_batch(images, labels, mended=False):
    # issues: accumulation over four batches, zero_grad at the top of each: three of four are lost
    count = [0]

    def body(model, optimizer, x, y):
        part = slice(64 * (count[0] % 4), 64 * (count[0] % 4) + 64)
        if not mended:
            optimizer.zero_grad()
        (F.cross_entropy(model(x[part]), y[part]) / 4).backward()
        count[0] += 1
        if count[0] % 4 == 0:
            optimizer.step()
            if mended:
                optimizer.zero_grad()
    return written_loop(images, labels, body)


def loss_below_zero(program):
    images, labels = program["batch"]
    for _ in range(25):
        program["step"](images, labels)
    return program["loss_fn"](program["model"](images), labels).item() < 0


@faulty("labels out of range", says="0 and 1|0 or 1|between 0|1 to 2|from 1", harm=loss_below_zero,
        also=("loss far from chance",))
def binary_labels_of_one_and_two(images, labels, mended=False):
    # forum: "BCE is negative": the classes are 1 and 2
    x, y, _, _ = ready(images, (labels < 5).float()[:, None] + (0 if mended else 1))
    model = conv_net(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    criterion = nn.BCEWithLogitsLoss()
    return asked(model, (x, y), step=plain_step(model, optimizer, criterion), optimizer=optimizer,
                 loss_fn=criterion)


@faulty(("nan in outputs", "nan in the gradients"), says="nan|inf|weight", harm=breaks_weights,
        never="lower the (learning )?rate", also=("nan in weights", "nan in the gradients"))
def class_weights_through_zero(images, labels, mended=False):
    # kernels: weights of 1 / count, and one class has no image
    labels = torch.where(labels == 7, 1, labels)
    counts = labels.bincount(minlength=10).float()
    weight = 1 / (counts.clamp(min=1) if mended else counts)
    criterion = nn.CrossEntropyLoss(weight=weight / weight.sum())
    return loop(conv_net(), ready(images, labels), criterion=criterion)


@faulty(new="gradients clipped to nothing", says="clip|small|hardly|little|barely|rate", steps=40,
        also=("learning rate too low",), never="too high")
def clipped_to_nothing(images, labels, mended=False):
    # forum: clip_grad_value_(…, 1e-5) against NaN, kept with SGD
    def body(model, optimizer, x, y):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        nn.utils.clip_grad_value_(model.parameters(), 1.0 if mended else 1e-5)
        optimizer.step()
    return written_loop(images, labels, body)


@faulty(new="updates lost in bfloat16", says="bfloat16|precision|round|float32", steps=60,
        also=("learning rate too low",), never="too high")
def weights_in_bfloat16(images, labels, mended=False):
    # forum: model.bfloat16() instead of autocast: small steps are rounded away
    kind = torch.float32 if mended else torch.bfloat16
    model = dense_net().to(kind)
    x, y, tx, ty = ready(images, labels)
    return loop(model, (x.to(kind), y, tx.to(kind), ty), torch.optim.Adam(model.parameters(), 2e-5))


def frozen_by_evaluation(program):
    program["evaluate"]()
    return not any(p.requires_grad for p in program["model"].parameters())


@faulty(new="frozen by the evaluation", says="requires_grad|frozen|freeze",
        harm=frozen_by_evaluation)
def parameters_frozen_by_the_test(images, labels, mended=False):
    # scripts: requires_grad_(False) "for speed" in the test, never taken back
    def write(model, _, x, y):
        def evaluate():
            model.eval()
            model.requires_grad_(False)
            with torch.no_grad():
                result = accuracy(model, x, y)
            model.requires_grad_(mended)
            return result
        return evaluate
    return tested_by(images, labels, write)


@faulty(new="changed by the evaluation", says="evaluation", harm="changed by the evaluation",
        also=("training in the evaluation",))
def rounded_by_the_test(images, labels, mended=False):
    # scripts: the test converts the weights of the very model to half and back
    def write(model, _, x, y):
        @torch.no_grad()
        def evaluate():
            used = copy.deepcopy(model) if mended else model
            used.eval()
            used.bfloat16()
            result = accuracy(used, x.bfloat16(), y)
            used.float()
            return result
        return evaluate
    return tested_by(images, labels, write, dense_net())


@faulty("not in evaluation mode", says=r"eval\(\)", harm="evaluates otherwise", steps=10)
def eval_of_another_model(images, labels, mended=False):
    # notebooks: net.eval(), then the test runs model
    other = dense_net()

    def write(model, _, x, y):
        @torch.no_grad()
        def evaluate():
            (model if mended else other).eval()
            return accuracy(model, x, y)
        return evaluate
    return tested_by(images, labels, write, dense_net(10, nn.Dropout(0.7)))


@faulty("images mixed", says="batch|view|axis 0|reshape", harm=depends_on_the_batch)
def features_regrouped_across_images(images, labels, mended=False):
    # forum: a permute left out before view: rows of the result take parts of several images
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.fc = nn.Conv2d(3, 16, 5, stride=4), nn.Linear(784, 10)

        def forward(self, x):
            x = self.conv(x).relu()
            if not mended:
                x = x.transpose(0, 1).contiguous().view(len(x), -1)
            return self.fc(x.flatten(1))
    return loop(Net(), ready(images, labels))


@faulty("learning rate too high", says="labels|targets|rate", never="too low",
        harm=lambda wrong, right: loss_explodes(wrong) and not loss_explodes(right),
        also=("loss far from chance", "nan in weights"))
def targets_in_thousands(images, labels, mended=False):
    # regression of prices: targets not scaled, SGD explodes
    x = standardized(images)[:TRAIN]
    y = x.mean((1, 2, 3))[:, None] * (1 if mended else 3000)
    model = conv_net(1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    return asked(model, (x, y), step=plain_step(model, optimizer, F.mse_loss), optimizer=optimizer,
                 loss_fn=F.mse_loss)


def loss_explodes(program):
    images, labels = program["batch"]
    before = program["loss_fn"](program["model"](images), labels).item()
    for _ in range(15):
        program["step"](images, labels)
    after = program["loss_fn"](program["model"](images), labels).item()
    return not after <= before
