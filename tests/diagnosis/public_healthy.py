"""Healthy training programs in the forms in which people publish them: `diagnose` is silent."""

import copy
from dataclasses import dataclass
from typing import NamedTuple

import torch
from public_parts import (
    TRAIN,
    bn_net,
    conv_net,
    dense_net,
    healthy,
    plain_step,
    ready,
    split,
    standardized,
    tested,
)
from torch import nn
from torch.nn import functional as F
from torch.optim import swa_utils


# The loop as beginners meet it -------------------------------------------------------------------

@healthy(steps=60)
def quickstart_tutorial(images, labels):  # a framework's first tutorial: only ToTensor, plain SGD
    class NeuralNetwork(nn.Module):
        def __init__(self):
            super().__init__()
            self.flatten = nn.Flatten()
            self.linear_relu_stack = nn.Sequential(nn.Linear(3 * 32 * 32, 128), nn.ReLU(),
                                                   nn.Linear(128, 128), nn.ReLU(),
                                                   nn.Linear(128, 10))

        def forward(self, x):
            return self.linear_relu_stack(self.flatten(x))

    x, y, tx, ty = split(images / 255, labels)
    model, loss_fn = NeuralNetwork(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=5e-2)

    def train(X, y):
        model.train()
        loss = loss_fn(model(X), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    def test():
        model.eval()
        with torch.no_grad():
            pred = model(tx)
            return loss_fn(pred, ty).item(), (pred.argmax(1) == ty).type(torch.float).mean().item()

    return dict(model=model, batch=(x, y), step=train, optimizer=optimizer, loss_fn=loss_fn,
                evaluate=test)


class TutorialNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.pool, self.conv2 = nn.Conv2d(3, 6, 5), nn.MaxPool2d(2, 2), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


@healthy(steps=20)
def small_batches_inside_the_step(images, labels):  # the CIFAR-10 tutorial, an epoch a call
    x, y, tx, ty = split(images / 127.5 - 1, labels)
    net = TutorialNet()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)

    def epoch(inputs, targets):
        for i in range(0, len(inputs), 32):
            optimizer.zero_grad()
            F.cross_entropy(net(inputs[i:i + 32]), targets[i:i + 32]).backward()
            optimizer.step()

    return dict(model=net, batch=(x, y), step=epoch, optimizer=optimizer,
                evaluate=tested(net, tx, ty))


@healthy(steps=10)
def shuffled_loader_inside_the_step(images, labels):  # the same with a DataLoader of its own
    x, y, tx, ty = ready(images, labels)
    net = conv_net()
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)

    def epoch(inputs, targets):
        net.train()
        data = torch.utils.data.TensorDataset(inputs, targets)
        for xb, yb in torch.utils.data.DataLoader(data, batch_size=64, shuffle=True):
            optimizer.zero_grad()
            F.cross_entropy(net(xb), yb).backward()
            optimizer.step()

    return dict(model=net, batch=(x, y), step=epoch, optimizer=optimizer,
                evaluate=tested(net, tx, ty))


@healthy()
def update_written_by_hand(images, labels):  # homework: parameters of one's own, no optimizer
    class TwoLayers(nn.Module):
        def __init__(self):
            super().__init__()
            self.w1 = nn.Parameter(torch.randn(3072, 64) * (2 / 3072) ** 0.5)
            self.b1 = nn.Parameter(torch.zeros(64))
            self.w2 = nn.Parameter(torch.randn(64, 10) * (2 / 64) ** 0.5)
            self.b2 = nn.Parameter(torch.zeros(10))

        def forward(self, x):
            return (x.flatten(1) @ self.w1 + self.b1).clamp(min=0) @ self.w2 + self.b2

    x, y, tx, ty = ready(images, labels)
    model = TwoLayers()

    def step(x, y):
        F.cross_entropy(model(x), y).backward()
        with torch.no_grad():
            for w in model.parameters():
                w -= 1e-2 * w.grad
                w.grad.zero_()

    return dict(model=model, batch=(x, y), step=step, evaluate=tested(model, tx, ty))


@healthy()
def autograd_grad_instead_of_backward(images, labels):  # homework: torch.autograd.grad
    x, y, _, _ = ready(images, labels)
    model = conv_net()

    def step(x, y):
        parameters = list(model.parameters())
        grads = torch.autograd.grad(F.cross_entropy(model(x), y), parameters)
        with torch.no_grad():
            for p, g in zip(parameters, grads, strict=True):
                p.sub_(0.1 * g)

    return dict(model=model, batch=(x, y), step=step)


@healthy()
def data_attribute_update(images, labels):  # old scripts: p.data.add_, zero_grad of the model
    x, y, tx, ty = ready(images, labels)
    model = dense_net()

    def step(x, y):
        model.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        for p in model.parameters():
            p.data.add_(p.grad.data, alpha=-0.02)
        return loss.data

    return dict(model=model, batch=(x, y), step=step, evaluate=tested(model, tx, ty))


@healthy()
def trainer_class(images, labels):  # a script with a Trainer, its methods are passed
    class Trainer:
        def __init__(self, net, lr):
            self.net, self.criterion = net, nn.CrossEntropyLoss()
            self.optimizer = torch.optim.AdamW(net.parameters(), lr=lr)
            self.history = []

        def train_on_batch(self, x, y):
            self.net.train()
            self.optimizer.zero_grad(set_to_none=False)
            loss = self.criterion(self.net(x), y)
            loss.backward()
            self.optimizer.step()
            self.history.append(loss.item())

        @torch.no_grad()
        def validate(self):
            self.net.eval()
            return (self.net(tx).argmax(dim=-1) == ty).sum().item() / len(ty)

    x, y, tx, ty = ready(images, labels)
    t = Trainer(bn_net(), 2e-3)
    return dict(model=t.net, batch=(x, y), step=t.train_on_batch, optimizer=t.optimizer,
                loss_fn=t.criterion, evaluate=t.validate)


@healthy()
def lightning_like_module(images, labels):  # the network owns its step and its optimizer
    class LitNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = bn_net()

        def forward(self, x):
            return self.net(x)

        def training_step(self, batch, batch_idx):
            x, y = batch
            return F.cross_entropy(self(x), y)

        def configure_optimizers(self):
            optimizer = torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9)
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 30)]

    x, y, tx, ty = ready(images, labels)
    lit = LitNet()
    (optimizer,), _ = lit.configure_optimizers()

    def step(x, y):
        lit.train()
        loss = lit.training_step((x, y), 0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return dict(model=lit, batch=(x, y), step=step, optimizer=optimizer,
                evaluate=tested(lit, tx, ty))


@healthy()
def model_alone(images, labels):  # a question with nothing but a model and a batch
    x, y, _, _ = ready(images, labels)
    return dict(model=conv_net(), batch=(x, y))


@healthy()
def zero_grad_at_the_end(images, labels):  # gradients set to None by a loop after the step
    x, y, tx, ty = ready(images, labels)
    model = conv_net()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)

    def step(x, y):
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        for p in model.parameters():
            p.grad = None

    return dict(model=model, batch=(x, y), step=step, optimizer=optimizer,
                evaluate=tested(model, tx, ty))


# Losses and heads --------------------------------------------------------------------------------

@healthy()
def log_softmax_and_nll(images, labels):  # the MNIST example: Adadelta with a rate of 1
    x, y, tx, ty = ready(images, labels)
    model = nn.Sequential(*conv_net(), nn.LogSoftmax(dim=1))
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    return dict(model=model, batch=(x, y), step=plain_step(model, optimizer, F.nll_loss),
                optimizer=optimizer, loss_fn=F.nll_loss, evaluate=tested(model, tx, ty))


@healthy()
def log_softmax_and_cross_entropy(images, labels):  # needless, and does nothing: it is idempotent
    x, y, tx, ty = ready(images, labels)
    model = nn.Sequential(*conv_net(), nn.LogSoftmax(dim=-1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return dict(model=model, batch=(x, y), step=plain_step(model, optimizer), optimizer=optimizer,
                evaluate=tested(model, tx, ty))


@healthy()
def probabilities_and_a_log_loss(images, labels):  # homework: softmax, then the log by hand
    def log_loss(p, y):
        return -torch.log(p[torch.arange(len(y)), y] + 1e-9).mean()

    x, y, tx, ty = ready(images, labels)
    model = nn.Sequential(*conv_net(), nn.Softmax(dim=1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return dict(model=model, batch=(x, y), step=plain_step(model, optimizer, log_loss),
                optimizer=optimizer, loss_fn=log_loss, evaluate=tested(model, tx, ty))


def with_loss(criterion, images, labels, model=None, lr=2e-3):
    x, y, tx, ty = ready(images, labels)
    model = model or conv_net()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    return dict(model=model, batch=(x, y), step=plain_step(model, optimizer, criterion),
                optimizer=optimizer, loss_fn=criterion, evaluate=tested(model, tx, ty))


@healthy()
def label_smoothing(images, labels):  # recipes for ImageNet
    return with_loss(nn.CrossEntropyLoss(label_smoothing=0.1), images, labels)


@healthy()
def class_weights(images, labels):  # forum: imbalanced classes
    weight = len(labels) / labels.bincount(minlength=10).clamp(min=1).float()
    return with_loss(nn.CrossEntropyLoss(weight=weight / weight.sum()), images, labels)


@healthy()
def focal_loss(images, labels):  # kernels of competitions: focal loss
    def focal(logits, y, gamma=2.0):
        ce = F.cross_entropy(logits, y, reduction="none")
        return ((1 - torch.exp(-ce)) ** gamma * ce).mean()
    return with_loss(focal, images, labels)


@healthy()
def multiclass_hinge(images, labels):  # homework: the SVM loss
    return with_loss(nn.MultiMarginLoss(), images, labels)


@healthy()
def squared_error_of_one_hot(images, labels):  # who comes from digits by hand: MSE, 10 outputs
    def quadratic(outputs, y):
        return F.mse_loss(outputs, F.one_hot(y, 10).float())
    return with_loss(quadratic, images, labels)


@healthy()
def one_against_all(images, labels):  # newer recipes: BCE of ten outputs against one-hot
    def bce(logits, y):
        return F.binary_cross_entropy_with_logits(logits, F.one_hot(y, 10).float())
    return with_loss(bce, images, labels)


@healthy()
def sum_with_a_rate_to_match(images, labels):  # reduction="sum", the rate divided by the batch
    x, y, tx, ty = ready(images, labels)
    model, criterion = conv_net(), nn.CrossEntropyLoss(reduction="sum")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05 / TRAIN, momentum=0.9)
    return dict(model=model, batch=(x, y), step=plain_step(model, optimizer, criterion),
                optimizer=optimizer, loss_fn=criterion, evaluate=tested(model, tx, ty))


@healthy()
def hard_examples_only(images, labels):  # online hard example mining: the worst half counts
    def ohem(logits, y):
        losses = F.cross_entropy(logits, y, reduction="none")
        return losses.topk(len(losses) // 2).values.mean()
    return with_loss(ohem, images, labels)


@healthy()
def some_labels_ignored(images, labels):  # partly labelled data: -100 is ignored
    labels = labels.clone()
    labels[::5] = -100
    x, y, _, _ = ready(images, labels)
    model = conv_net()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    return dict(model=model, batch=(x, y), step=plain_step(model, optimizer), optimizer=optimizer)


def binary(images, labels):
    return ready(images, (labels < 5).float())


@healthy()
def one_logit_and_a_column(images, labels):  # cats and dogs: BCEWithLogits, labels (N, 1)
    x, y, tx, ty = binary(images, labels)
    model, criterion = conv_net(1), nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

    def evaluate():
        model.eval()
        with torch.inference_mode():
            return ((model(tx) > 0).float() == ty[:, None]).float().mean().item()

    return dict(model=model, batch=(x, y[:, None]), step=plain_step(model, optimizer, criterion),
                optimizer=optimizer, loss_fn=criterion, evaluate=evaluate)


@healthy()
def one_logit_squeezed_in_the_model(images, labels):  # the same with squeeze in forward
    class Squeezed(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = conv_net(1)

        def forward(self, x):
            return self.net(x).squeeze(1)

    x, y, tx, ty = binary(images, labels)
    model, criterion = Squeezed(), F.binary_cross_entropy_with_logits
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

    def evaluate():
        model.eval()
        with torch.no_grad():
            return (torch.round(torch.sigmoid(model(tx))) == ty).float().mean().item()

    return dict(model=model, batch=(x, y), step=plain_step(model, optimizer, criterion),
                optimizer=optimizer, loss_fn=criterion, evaluate=evaluate)


@healthy()
def squeezed_in_the_step(images, labels):  # squeeze where the loss is, int labels made float there
    x, y, _, _ = ready(images, (labels < 5).long())
    model = conv_net(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

    def criterion(out, y):
        return F.binary_cross_entropy_with_logits(out.squeeze(-1), y.float())

    return dict(model=model, batch=(x, y), step=plain_step(model, optimizer, criterion),
                optimizer=optimizer, loss_fn=criterion)


@healthy()
def sigmoid_and_bce(images, labels):  # the older form: Sigmoid in the model, BCELoss
    x, y, _, _ = binary(images, labels)
    model, criterion = nn.Sequential(*conv_net(1), nn.Sigmoid()), nn.BCELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    return dict(model=model, batch=(x, y[:, None]), step=plain_step(model, optimizer, criterion),
                optimizer=optimizer, loss_fn=criterion)


@healthy()
def two_classes_two_outputs(images, labels):  # transfer learning tutorial: ants and bees
    x, y, tx, ty = ready(images, (labels < 5).long())
    model = conv_net(2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    return dict(model=model, batch=(x, y), step=plain_step(model, optimizer), optimizer=optimizer,
                evaluate=tested(model, tx, ty))


@healthy()
def one_positive_in_ten(images, labels):  # medical images: rare positives, pos_weight
    x, y, _, _ = ready(images, (labels == 3).float())
    model, criterion = conv_net(1), nn.BCEWithLogitsLoss(pos_weight=torch.tensor(9.0))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    return dict(model=model, batch=(x, y[:, None]), step=plain_step(model, optimizer, criterion),
                optimizer=optimizer, loss_fn=criterion)


@healthy()
def plus_and_minus_one(images, labels):  # hinge loss of one output, labels -1 and 1
    x, y, _, _ = ready(images, (labels < 5).float() * 2 - 1)
    model = conv_net(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

    def hinge(out, y):
        return (1 - out[:, 0] * y).clamp(min=0).mean()

    return dict(model=model, batch=(x, y), step=plain_step(model, optimizer, hinge),
                optimizer=optimizer, loss_fn=hinge)


@healthy()
def several_labels_an_image(images, labels):  # multi-label: (N, 3) of 0 and 1
    many = torch.stack([labels < 5, labels % 2 == 0, labels % 3 == 0], 1).float()
    x, y, tx, ty = ready(images, many)
    model, criterion = conv_net(3), nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

    @torch.no_grad()
    def evaluate():
        model.eval()
        return ((model(tx) > 0) == ty.bool()).float().mean(0).tolist()

    return dict(model=model, batch=(x, y), step=plain_step(model, optimizer, criterion),
                optimizer=optimizer, loss_fn=criterion, evaluate=evaluate)


@healthy()
def regression_of_one_number(images, labels):  # age or angle: one output, a float label
    x, _, tx, _ = ready(images, labels)
    bright = standardized(images).mean((1, 2, 3))
    y, ty = bright[:TRAIN, None], bright[TRAIN:, None]
    model, criterion = conv_net(1), nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

    @torch.no_grad()
    def evaluate():
        model.eval()
        return criterion(model(tx), ty).item()

    return dict(model=model, batch=(x, y), step=plain_step(model, optimizer, criterion),
                optimizer=optimizer, loss_fn=criterion, evaluate=evaluate)


@healthy()
def smooth_l1_of_two_numbers(images, labels):  # key points: two outputs, SmoothL1
    x = standardized(images)[:TRAIN]
    y = torch.stack([x[..., :16].mean((1, 2, 3)), x[..., 16:].mean((1, 2, 3))], 1)
    model, criterion = conv_net(2), nn.SmoothL1Loss()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    return dict(model=model, batch=(x, y), step=plain_step(model, optimizer, criterion),
                optimizer=optimizer, loss_fn=criterion)


@healthy()
def more_outputs_than_classes(images, labels):  # a head for 1000 classes left as it was
    return with_loss(nn.CrossEntropyLoss(), images, labels, conv_net(1000))


@healthy()
def cosine_classifier(images, labels):  # metric learning: normalized features, scale 16
    class Cosine(nn.Module):
        def __init__(self):
            super().__init__()
            self.features, self.weight = conv_net(32), nn.Parameter(torch.randn(10, 32))

        def forward(self, x):
            return 16 * F.linear(F.normalize(self.features(x)), F.normalize(self.weight))
    return with_loss(nn.CrossEntropyLoss(), images, labels, Cosine())


@healthy()
def margin_in_the_head(images, labels):  # ArcFace-like: the training needs labels in forward
    class Margin(nn.Module):
        def __init__(self):
            super().__init__()
            self.features, self.weight = conv_net(32), nn.Parameter(torch.randn(10, 32))

        def forward(self, x, y=None):
            cosine = F.linear(F.normalize(self.features(x)), F.normalize(self.weight))
            return 12 * (cosine if y is None else cosine - 0.1 * F.one_hot(y, 10))

    x, y, tx, ty = ready(images, labels)
    model = Margin()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

    def step(x, y):
        model.train()
        loss = F.cross_entropy(model(x, y), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return dict(model=model, batch=(x, y), step=step, optimizer=optimizer,
                evaluate=tested(model, tx, ty))


# Outputs that are not one tensor -----------------------------------------------------------------

class Wrapped(nn.Module):
    """A network whose output is put into another form."""

    def __init__(self, form):
        super().__init__()
        self.body, self.head, self.form = nn.Sequential(*conv_net(32), nn.ReLU()), nn.Linear(32, 10), form

    def forward(self, x):
        features = self.body(x)
        return self.form(self.head(features), features)


class Output(NamedTuple):
    logits: torch.Tensor
    features: torch.Tensor


@dataclass
class ModelOutput:
    logits: torch.Tensor
    hidden: torch.Tensor


def with_form(form, logits_of, images, labels):
    x, y, tx, ty = ready(images, labels)
    model = Wrapped(form)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

    def criterion(output, y):
        return F.cross_entropy(logits_of(output), y)

    @torch.no_grad()
    def evaluate():
        model.eval()
        return (logits_of(model(tx)).argmax(1) == ty).float().mean().item()

    return dict(model=model, batch=(x, y), step=plain_step(model, optimizer, criterion),
                optimizer=optimizer, loss_fn=criterion, evaluate=evaluate)


@healthy()
def output_a_dict(images, labels):  # detection-like: {"logits": …}
    return with_form(lambda a, b: {"logits": a, "features": b}, lambda o: o["logits"], images, labels)


@healthy()
def output_a_tuple(images, labels):  # logits and features
    return with_form(lambda a, b: (a, b), lambda o: o[0], images, labels)


@healthy()
def output_a_named_tuple(images, labels):
    return with_form(Output, lambda o: o.logits, images, labels)


@healthy()
def output_a_dataclass(images, labels):  # a hub's ModelOutput
    return with_form(ModelOutput, lambda o: o.logits, images, labels)


@healthy()
def auxiliary_head_in_training_only(images, labels):  # GoogLeNet: a tuple in training mode only
    class Aux(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Sequential(nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(), nn.MaxPool2d(2))
            self.aux, self.rest = nn.Linear(8 * 49, 10), nn.Linear(8 * 49, 10)

        def forward(self, x):
            x = self.stem(x).flatten(1)
            return (self.rest(x), self.aux(x)) if self.training else self.rest(x)

    def criterion(out, y):
        if isinstance(out, tuple):
            return F.cross_entropy(out[0], y) + 0.3 * F.cross_entropy(out[1], y)
        return F.cross_entropy(out, y)

    x, y, tx, ty = ready(images, labels)
    model = Aux()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    return dict(model=model, batch=(x, y), step=plain_step(model, optimizer, criterion),
                optimizer=optimizer, loss_fn=criterion, evaluate=tested(model, tx, ty))


@healthy()
def two_tasks_two_heads(images, labels):  # multi-task: a list of outputs, the labels' parity too
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(*conv_net(32), nn.ReLU())
            self.heads = nn.ModuleList([nn.Linear(32, 10), nn.Linear(32, 2)])

        def forward(self, x):
            h = self.body(x)
            return [head(h) for head in self.heads]

    def criterion(out, y):
        return F.cross_entropy(out[0], y) + F.cross_entropy(out[1], y % 2)

    x, y, _, _ = ready(images, labels)
    model = Two()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    return dict(model=model, batch=(x, y), step=plain_step(model, optimizer, criterion),
                optimizer=optimizer, loss_fn=criterion)


@healthy()
def model_that_gives_its_loss(images, labels):  # a hub's models: forward(images, labels) → loss
    class WithLoss(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = conv_net()

        def forward(self, x, labels=None):
            logits = self.net(x)
            return logits if labels is None else (F.cross_entropy(logits, labels), logits)

    x, y, tx, ty = ready(images, labels)
    model = WithLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)

    def step(x, y):
        model.train()
        loss, _ = model(x, labels=y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return dict(model=model, batch=(x, y), step=step, optimizer=optimizer,
                evaluate=tested(model, tx, ty))
