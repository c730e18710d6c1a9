"""Healthy training programs in the forms in which people publish them: `diagnose` is silent."""

import copy
from dataclasses import dataclass
from typing import NamedTuple

import torch
from public_parts import (
    TRAIN,
    asked,
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

    return asked(model=model, batch=(x, y), step=train, optimizer=optimizer, loss_fn=loss_fn,
                 evaluate=test)


class TutorialNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2, self.pool = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5), nn.MaxPool2d(2)
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

    return asked(model=net, batch=(x, y), step=epoch, optimizer=optimizer,
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

    return asked(model=net, batch=(x, y), step=epoch, optimizer=optimizer,
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

    return asked(model=model, batch=(x, y), step=step, evaluate=tested(model, tx, ty))


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

    return asked(model=model, batch=(x, y), step=step)


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

    return asked(model=model, batch=(x, y), step=step, evaluate=tested(model, tx, ty))


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
    return asked(model=t.net, batch=(x, y), step=t.train_on_batch, optimizer=t.optimizer,
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

    return asked(model=lit, batch=(x, y), step=step, optimizer=optimizer,
                 evaluate=tested(lit, tx, ty))


@healthy()
def model_alone(images, labels):  # a question with nothing but a model and a batch
    x, y, _, _ = ready(images, labels)
    return asked(model=conv_net(), batch=(x, y))


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

    return asked(model=model, batch=(x, y), step=step, optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


# Losses and heads --------------------------------------------------------------------------------

@healthy()
def log_softmax_and_nll(images, labels):  # the MNIST example: Adadelta with a rate of 1
    x, y, tx, ty = ready(images, labels)
    model = nn.Sequential(*conv_net(), nn.LogSoftmax(dim=1))
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer, F.nll_loss),
                 optimizer=optimizer, loss_fn=F.nll_loss, evaluate=tested(model, tx, ty))


@healthy()
def log_softmax_and_cross_entropy(images, labels):  # needless, and does nothing: it is idempotent
    x, y, tx, ty = ready(images, labels)
    model = nn.Sequential(*conv_net(), nn.LogSoftmax(dim=-1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer), optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


@healthy()
def probabilities_and_a_log_loss(images, labels):  # homework: softmax, then the log by hand
    def log_loss(p, y):
        return -torch.log(p[torch.arange(len(y)), y] + 1e-9).mean()

    x, y, tx, ty = ready(images, labels)
    model = nn.Sequential(*conv_net(), nn.Softmax(dim=1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer, log_loss),
                 optimizer=optimizer, loss_fn=log_loss, evaluate=tested(model, tx, ty))


def with_loss(criterion, images, labels, model=None, lr=2e-3):
    x, y, tx, ty = ready(images, labels)
    model = model or conv_net()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer, criterion),
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
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer, criterion),
                 optimizer=optimizer, loss_fn=criterion, evaluate=tested(model, tx, ty))


@healthy()
def hard_examples_only(images, labels):  # online hard example mining: the worst half counts
    def ohem(logits, y):
        losses = F.cross_entropy(logits, y, reduction="none")
        return losses.topk(len(losses) // 2).values.mean()
    return with_loss(ohem, images, labels)


@healthy()
def some_labels_ignored(images, labels):  # partly labeled data: -100 is ignored
    labels = labels.clone()
    labels[::5] = -100
    x, y, _, _ = ready(images, labels)
    model = conv_net()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer), optimizer=optimizer)


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

    return asked(model=model, batch=(x, y[:, None]), step=plain_step(model, optimizer, criterion),
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

    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer, criterion),
                 optimizer=optimizer, loss_fn=criterion, evaluate=evaluate)


@healthy()
def squeezed_in_the_step(images, labels):  # squeeze where the loss is, int labels made float there
    x, y, _, _ = ready(images, (labels < 5).long())
    model = conv_net(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

    def criterion(out, y):
        return F.binary_cross_entropy_with_logits(out.squeeze(-1), y.float())

    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer, criterion),
                 optimizer=optimizer, loss_fn=criterion)


@healthy()
def sigmoid_and_bce(images, labels):  # the older form: Sigmoid in the model, BCELoss
    x, y, _, _ = binary(images, labels)
    model, criterion = nn.Sequential(*conv_net(1), nn.Sigmoid()), nn.BCELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    return asked(model=model, batch=(x, y[:, None]), step=plain_step(model, optimizer, criterion),
                 optimizer=optimizer, loss_fn=criterion)


@healthy()
def two_classes_two_outputs(images, labels):  # transfer learning tutorial: ants and bees
    x, y, tx, ty = ready(images, (labels < 5).long())
    model = conv_net(2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer), optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


@healthy()
def one_positive_in_ten(images, labels):  # medical images: rare positives, pos_weight
    x, y, _, _ = ready(images, (labels == 3).float())
    model, criterion = conv_net(1), nn.BCEWithLogitsLoss(pos_weight=torch.tensor(9.0))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    return asked(model=model, batch=(x, y[:, None]), step=plain_step(model, optimizer, criterion),
                 optimizer=optimizer, loss_fn=criterion)


@healthy()
def plus_and_minus_one(images, labels):  # hinge loss of one output, labels -1 and 1
    x, y, _, _ = ready(images, (labels < 5).float() * 2 - 1)
    model = conv_net(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

    def hinge(out, y):
        return (1 - out[:, 0] * y).clamp(min=0).mean()

    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer, hinge),
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

    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer, criterion),
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

    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer, criterion),
                 optimizer=optimizer, loss_fn=criterion, evaluate=evaluate)


@healthy()
def smooth_l1_of_two_numbers(images, labels):  # key points: two outputs, SmoothL1
    x = standardized(images)[:TRAIN]
    y = torch.stack([x[..., :16].mean((1, 2, 3)), x[..., 16:].mean((1, 2, 3))], 1)
    model, criterion = conv_net(2), nn.SmoothL1Loss()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer, criterion),
                 optimizer=optimizer, loss_fn=criterion)


@healthy()
def more_outputs_than_classes(images, labels):  # a head for 1000 classes left as it was
    return with_loss(nn.CrossEntropyLoss(), images, labels, conv_net(1000))


@healthy()
def cosine_classifier(images, labels):  # metric learning: normalized features, scale 16
    class Cosine(nn.Module):
        def __init__(self):
            super().__init__()
            self.features, self.weight = conv_net(128), nn.Parameter(torch.randn(10, 128))

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

    return asked(model=model, batch=(x, y), step=step, optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


# Outputs that are not one tensor -----------------------------------------------------------------

class Wrapped(nn.Module):
    """A network whose output is put into another form."""

    def __init__(self, form):
        super().__init__()
        self.body, self.head = nn.Sequential(*conv_net(32), nn.ReLU()), nn.Linear(32, 10)
        self.form = form

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

    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer, criterion),
                 optimizer=optimizer, loss_fn=criterion, evaluate=evaluate)


@healthy()
def output_a_dict(images, labels):  # detection-like: {"logits": …}
    return with_form(lambda a, b: {"logits": a, "features": b}, lambda o: o["logits"],
                     images, labels)


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
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer, criterion),
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
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer, criterion),
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

    return asked(model=model, batch=(x, y), step=step, optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


# Parts that do not learn, and several optimizers ------------------------------------------------

def backbone_and_head():
    return nn.Sequential(nn.Sequential(*conv_net(64), nn.ReLU()), nn.Linear(64, 10))


def pre_trained(x, y):
    """A backbone that has learned another task of these images, and a new head."""
    model = backbone_and_head()
    step = plain_step(model, torch.optim.Adam(model.parameters(), lr=3e-3))
    for _ in range(25):
        step(x, y % 5)
    model[1].reset_parameters()
    return model


@healthy(steps=40)
def only_the_head_learns(images, labels):  # transfer learning tutorial: features frozen
    x, y, tx, ty = ready(images, labels)
    model = pre_trained(x, y)
    for p in model[0].parameters():
        p.requires_grad = False
    optimizer = torch.optim.SGD(model[1].parameters(), lr=0.001, momentum=0.9)
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer), optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


@healthy(steps=40)
def filtered_parameters(images, labels):  # forum: filter(lambda p: p.requires_grad, …)
    x, y, tx, ty = ready(images, labels)
    model = pre_trained(x, y)
    model[0].requires_grad_(False)
    optimizer = torch.optim.Adam(filter(lambda p: p.requires_grad, model.parameters()), lr=5e-3)
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer), optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


@healthy(steps=40)
def frozen_ones_given_too(images, labels):  # all parameters in the optimizer, some frozen
    x, y, tx, ty = ready(images, labels)
    model = pre_trained(x, y)
    model[0].requires_grad_(False)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer), optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


@healthy(steps=40)
def frozen_features_under_no_grad(images, labels):  # scripts: the frozen part is not recorded
    class Probe(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone, self.head = bn_net(64).requires_grad_(False).eval(), nn.Linear(64, 10)

        def train(self, mode=True):
            super().train(mode)
            self.backbone.eval()
            return self

        def forward(self, x):
            with torch.no_grad():
                features = self.backbone(x)
            return self.head(features)

    x, y, tx, ty = ready(images, labels)
    model = Probe()
    optimizer = torch.optim.SGD(model.head.parameters(), lr=0.2, momentum=0.9)
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer), optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


@healthy(steps=30)
def batch_norm_kept_in_evaluation_mode(images, labels):  # detection: statistics of BN stay frozen
    class Frozen(nn.Sequential):
        def train(self, mode=True):
            super().train(mode)
            for m in self.modules():
                if isinstance(m, nn.BatchNorm2d):
                    m.eval()
            return self

    x, y, tx, ty = ready(images, labels)
    model = bn_net()
    with torch.no_grad():  # as if pre-trained
        for _ in range(30):
            model(x)
    model = Frozen(*model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer), optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


@healthy()
def slower_backbone(images, labels):  # discriminative rates in two groups
    x, y, tx, ty = ready(images, labels)
    model = backbone_and_head()
    optimizer = torch.optim.Adam([{"params": model[0].parameters(), "lr": 1e-4},
                                  {"params": model[1].parameters()}], lr=1e-2)
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer), optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


@healthy()
def no_decay_for_biases(images, labels):  # library scripts: decay only for matrices
    x, y, tx, ty = ready(images, labels)
    model = bn_net()
    decay = [p for p in model.parameters() if p.ndim > 1]
    rest = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.05},
                                   {"params": rest, "weight_decay": 0.0}], lr=2e-3)
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer), optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


@healthy()
def two_optimizers(images, labels):  # one for the backbone, one for the head, none passed
    x, y, tx, ty = ready(images, labels)
    model = backbone_and_head()
    slow = torch.optim.SGD(model[0].parameters(), lr=0.01, momentum=0.9)
    fast = torch.optim.Adam(model[1].parameters(), lr=1e-2)

    def step(x, y):
        model.train()
        slow.zero_grad()
        fast.zero_grad()
        F.cross_entropy(model(x), y).backward()
        slow.step()
        fast.step()

    return asked(model=model, batch=(x, y), step=step, evaluate=tested(model, tx, ty))


@healthy()
def two_optimizers_one_passed(images, labels):  # the same, and the question names only one of them
    found = two_optimizers(images, labels)
    model = found["model"]
    first = torch.optim.SGD(model[0].parameters(), lr=0.01, momentum=0.9)
    second = torch.optim.Adam(model[1].parameters(), lr=1e-2)

    def step(x, y):
        model.train()
        for o in (first, second):
            o.zero_grad()
        F.cross_entropy(model(x), y).backward()
        for o in (first, second):
            o.step()

    return {**found, "step": step, "optimizer": second}


@healthy()
def decay_by_one_optimizer_for_matrices(images, labels):  # newest scripts: matrices apart
    x, y, tx, ty = ready(images, labels)
    model = bn_net()
    optimizers = [torch.optim.SGD([p for p in model.parameters() if p.ndim > 1], lr=0.05,
                                  momentum=0.9, nesterov=True),
                  torch.optim.AdamW([p for p in model.parameters() if p.ndim <= 1], lr=2e-3)]

    def step(x, y):
        model.train()
        F.cross_entropy(model(x), y).backward()
        for optimizer in optimizers:
            optimizer.step()
        model.zero_grad(set_to_none=True)

    return asked(model=model, batch=(x, y), step=step, evaluate=tested(model, tx, ty))


@healthy(steps=6)
def lbfgs_with_a_closure(images, labels):  # homework: LBFGS
    x, y, tx, ty = ready(images, labels)
    model = dense_net()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=4,
                                  line_search_fn="strong_wolfe")

    def step(x, y):
        def closure():
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            return loss
        optimizer.step(closure)

    return asked(model=model, batch=(x, y), step=step, optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


@healthy()
def closure_with_adam(images, labels):  # the documentation's form for any optimizer
    x, y, tx, ty = ready(images, labels)
    model = conv_net()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

    def step(x, y):
        model.train()

        def closure():
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            return loss
        return optimizer.step(closure).item()

    return asked(model=model, batch=(x, y), step=step, optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


@healthy()
def sharpness_aware(images, labels):  # SAM: climb, take the gradient there, go back, step
    x, y, tx, ty = ready(images, labels)
    model = conv_net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def step(x, y):
        model.train()
        F.cross_entropy(model(x), y).backward()
        norm = torch.stack([p.grad.norm() for p in model.parameters()]).norm()
        climbs = []
        with torch.no_grad():
            for p in model.parameters():
                climbs.append(0.05 * p.grad / (norm + 1e-12))
                p.add_(climbs[-1])
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        with torch.no_grad():
            for p, climb in zip(model.parameters(), climbs, strict=True):
                p.sub_(climb)
        optimizer.step()
        optimizer.zero_grad()

    return asked(model=model, batch=(x, y), step=step, optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


class SAM(torch.optim.Optimizer):
    """An optimizer around another, in two steps, as several public versions."""

    def __init__(self, params, base, rho=0.05, **settings):
        super().__init__(params, {"rho": rho, **settings})
        self.base = base(self.param_groups, **settings)
        self.param_groups = self.base.param_groups

    @torch.no_grad()
    def first_step(self):
        everything = [p for g in self.param_groups for p in g["params"] if p.grad is not None]
        norm = torch.stack([p.grad.norm() for p in everything]).norm() + 1e-12
        for p in everything:
            self.state[p]["climb"] = p.grad * (self.param_groups[0].get("rho", 0.05) / norm)
            p.add_(self.state[p]["climb"])

    @torch.no_grad()
    def second_step(self):
        for g in self.param_groups:
            for p in g["params"]:
                p.sub_(self.state[p]["climb"])
        self.base.step()


@healthy()
def sharpness_aware_class(images, labels):
    x, y, tx, ty = ready(images, labels)
    model = conv_net()
    optimizer = SAM(model.parameters(), torch.optim.SGD, lr=0.05, momentum=0.9)

    def step(x, y):
        model.train()
        F.cross_entropy(model(x), y).backward()
        optimizer.first_step()
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.second_step()
        optimizer.zero_grad()

    return asked(model=model, batch=(x, y), step=step, evaluate=tested(model, tx, ty))


@healthy()
def step_inside_backward(images, labels):  # saves memory: each parameter steps in its own hook
    x, y, tx, ty = ready(images, labels)
    model = conv_net()
    optimizers = {p: torch.optim.Adam([p], lr=2e-3) for p in model.parameters()}

    def hook(p):
        optimizers[p].step()
        optimizers[p].zero_grad()

    for p in model.parameters():
        p.register_post_accumulate_grad_hook(hook)

    def step(x, y):
        model.train()
        F.cross_entropy(model(x), y).backward()

    return asked(model=model, batch=(x, y), step=step, evaluate=tested(model, tx, ty))


@healthy()
def functional_training(images, labels):  # torch.func: the parameters as a dict
    x, y, tx, ty = ready(images, labels)
    model = conv_net()

    def loss_of(parameters, x, y):
        return F.cross_entropy(torch.func.functional_call(model, parameters, (x,)), y)

    def step(x, y):
        parameters = dict(model.named_parameters())
        grads = torch.func.grad(loss_of)({k: v.detach() for k, v in parameters.items()}, x, y)
        with torch.no_grad():
            for name, p in parameters.items():
                p -= 0.1 * grads[name]

    return asked(model=model, batch=(x, y), step=step, evaluate=tested(model, tx, ty))


@healthy()
def maximized_likelihood(images, labels):  # maximize=True and a log-likelihood
    x, y, tx, ty = ready(images, labels)
    model = conv_net()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, maximize=True)

    def step(x, y):
        optimizer.zero_grad()
        likelihood = model(x).log_softmax(1).gather(1, y[:, None]).mean()
        likelihood.backward()
        optimizer.step()

    return asked(model=model, batch=(x, y), step=step, evaluate=tested(model, tx, ty))


# Averages of weights -----------------------------------------------------------------------------

@healthy()
def moving_average_for_the_test(images, labels):  # timm-like: a copy is averaged and tested
    x, y, tx, ty = ready(images, labels)
    model = bn_net()
    ema = copy.deepcopy(model).eval().requires_grad_(False)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    inner = plain_step(model, optimizer)

    def step(x, y):
        inner(x, y)
        with torch.no_grad():
            for a, b in zip(ema.state_dict().values(), model.state_dict().values(), strict=True):
                a.copy_(a.lerp(b, 0.1) if a.is_floating_point() else b)

    return asked(model=model, batch=(x, y), step=step, optimizer=optimizer,
                 evaluate=tested(ema, tx, ty))


@healthy()
def averaged_model_ema(images, labels):  # torch's AveragedModel with an exponential average
    x, y, tx, ty = ready(images, labels)
    model = conv_net()
    ema = swa_utils.AveragedModel(model, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.9))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    inner = plain_step(model, optimizer)

    def step(x, y):
        inner(x, y)
        ema.update_parameters(model)

    return asked(model=model, batch=(x, y), step=step, optimizer=optimizer,
                 evaluate=tested(ema, tx, ty))


@healthy()
def stochastic_weight_averaging(images, labels):  # SWA with update_bn before the test
    x, y, tx, ty = ready(images, labels)
    model = bn_net()
    swa = swa_utils.AveragedModel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    inner = plain_step(model, optimizer)

    def step(x, y):
        inner(x, y)
        swa.update_parameters(model)

    def evaluate():
        swa_utils.update_bn([x[:128], x[128:]], swa)
        return tested(swa, tx, ty)()

    return asked(model=model, batch=(x, y), step=step, optimizer=optimizer, evaluate=evaluate)


@healthy()
def average_swapped_in_and_out(images, labels):  # the test borrows the model for the average
    x, y, tx, ty = ready(images, labels)
    model = conv_net()
    shadow = {k: v.clone() for k, v in model.state_dict().items()}
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    inner = plain_step(model, optimizer)

    def step(x, y):
        inner(x, y)
        for k, v in model.state_dict().items():
            shadow[k].mul_(0.9).add_(v, alpha=0.1)

    def evaluate():
        kept = copy.deepcopy(model.state_dict())
        model.load_state_dict(shadow)
        result = tested(model, tx, ty)()
        model.load_state_dict(kept)
        return result

    return asked(model=model, batch=(x, y), step=step, optimizer=optimizer, evaluate=evaluate)


@healthy(steps=15)
def lookahead(images, labels):  # slow weights are pulled along every fifth step
    x, y, tx, ty = ready(images, labels)
    model = conv_net()
    slow = [p.detach().clone() for p in model.parameters()]
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    inner, count = plain_step(model, optimizer), [0]

    def step(x, y):
        inner(x, y)
        count[0] += 1
        if count[0] % 5 == 0:
            with torch.no_grad():
                for s, p in zip(slow, model.parameters(), strict=True):
                    p.copy_(s.lerp_(p, 0.5))

    return asked(model=model, batch=(x, y), step=step, optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


# Accumulation, precision, wrappers ---------------------------------------------------------------

@healthy()
def accumulated_within_the_step(images, labels):  # four small batches, divided by four
    x, y, tx, ty = ready(images, labels)
    model = conv_net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def step(x, y):
        model.train()
        optimizer.zero_grad()
        for xb, yb in zip(x.chunk(4), y.chunk(4), strict=True):
            (F.cross_entropy(model(xb), yb) / 4).backward()
        optimizer.step()

    return asked(model=model, batch=(x, y), step=step, optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


@healthy(steps=60)
def accumulated_over_four_calls(images, labels):  # the optimizer moves at every fourth batch
    x, y, tx, ty = ready(images, labels)
    model = conv_net()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    count = [0]

    def step(x, y):
        model.train()
        (F.cross_entropy(model(x), y) / 4).backward()
        count[0] += 1
        if count[0] % 4 == 0:
            optimizer.step()
            optimizer.zero_grad()

    return asked(model=model, batch=(x, y), step=step, optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


@healthy()
def bfloat16_autocast(images, labels):  # mixed precision as on a GPU, the scaler switched off
    x, y, tx, ty = ready(images, labels)
    model = bn_net()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    scaler = torch.amp.GradScaler("cpu", enabled=False)

    def step(x, y):
        model.train()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = F.cross_entropy(model(x), y)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

    return asked(model=model, batch=(x, y), step=step, optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


@healthy()
def scaled_and_clipped(images, labels):  # a scaler in use: unscale_, clip, step, update
    x, y, tx, ty = ready(images, labels)
    model = conv_net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)

    def step(x, y):
        model.train()
        optimizer.zero_grad()
        scaler.scale(F.cross_entropy(model(x), y)).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        scaler.step(optimizer)
        scaler.update()

    return asked(model=model, batch=(x, y), step=step, optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


@healthy()
def compiled(images, labels):  # torch.compile, and the compiled one is asked about
    x, y, tx, ty = ready(images, labels)
    model = torch.compile(conv_net(), backend="eager")
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer), optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


@healthy()
def compiled_in_the_loop_only(images, labels):  # asked about is the one not compiled
    x, y, tx, ty = ready(images, labels)
    model = conv_net()
    fast = torch.compile(model, backend="eager")
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    return asked(model=model, batch=(x, y), step=plain_step(fast, optimizer), optimizer=optimizer,
                 evaluate=tested(fast, tx, ty))


@healthy()
def data_parallel(images, labels):  # nn.DataParallel without a GPU, in the loop only
    x, y, tx, ty = ready(images, labels)
    net = conv_net()
    wrapper = nn.DataParallel(net)
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    return asked(model=net, batch=(x, y), step=plain_step(wrapper, optimizer), optimizer=optimizer,
                 evaluate=tested(wrapper, tx, ty))


@healthy()
def data_parallel_asked_about(images, labels):  # the same, the wrapper is passed
    x, y, tx, ty = ready(images, labels)
    model = nn.DataParallel(bn_net())
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer), optimizer=optimizer,
                 evaluate=tested(model.module, tx, ty))


@healthy()
def lazy_after_a_dry_run(images, labels):  # LazyConv2d, LazyLinear, one run before the optimizer
    x, y, tx, ty = ready(images, labels)
    model = nn.Sequential(nn.LazyConv2d(8, 5, stride=2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(10))
    model(x[:1])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer), optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


@healthy()
def lazy_not_yet_run(images, labels):  # book exercises: the first batch makes the parameters
    x, y, _, _ = ready(images, labels)
    model = nn.Sequential(nn.LazyConv2d(8, 5, stride=2), nn.LazyBatchNorm2d(), nn.ReLU(),
                          nn.Flatten(), nn.LazyLinear(10))
    return asked(model=model, batch=(x, y))


@healthy()
def lazy_with_its_optimizer(images, labels):  # the optimizer is made before the first run
    x, y, tx, ty = ready(images, labels)
    model = nn.Sequential(nn.LazyConv2d(8, 5, stride=2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer), optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


@healthy()
def bytes_normalized_in_the_model(images, labels):  # deployment: the network takes raw bytes
    class Normalized(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", torch.tensor([0.49, 0.48, 0.45]).view(3, 1, 1))
            self.register_buffer("std", torch.tensor([0.25, 0.24, 0.26]).view(3, 1, 1))
            self.net = conv_net()

        def forward(self, x):
            return self.net((x.float() / 255 - self.mean) / self.std)

    x, y, tx, ty = split(images, labels)
    model = Normalized()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer), optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


@healthy()
def floats_of_255_and_batch_norm_first(images, labels):  # BatchNorm2d(3) normalizes the input
    x, y, tx, ty = split(images.float(), labels)
    model = nn.Sequential(nn.BatchNorm2d(3), *conv_net())
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer), optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


@healthy()
def channels_last(images, labels):  # memory format for speed
    x, y, tx, ty = ready(images, labels)
    model = bn_net().to(memory_format=torch.channels_last)
    x = x.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, foreach=True)
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer), optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


@healthy()
def double_precision(images, labels):  # numpy's float64 all the way
    x, y, tx, ty = ready(images, labels)
    model = conv_net().double()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    return asked(model=model, batch=(x.double(), y), step=plain_step(model, optimizer),
                 optimizer=optimizer, evaluate=tested(model, tx.double(), ty))


@healthy()
def gray_images(images, labels):  # one channel
    x, y, tx, ty = ready(images, labels)
    model = conv_net(channels=1)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    gray, test = x.mean(1, keepdim=True), tx.mean(1, keepdim=True)
    return asked(model=model, batch=(gray, y), step=plain_step(model, optimizer),
                 optimizer=optimizer, evaluate=tested(model, test, ty))


# Schedules, clipping, warm-up --------------------------------------------------------------------

def scheduled(images, labels, lr, schedule, model=None, optimizer=torch.optim.SGD):
    """A schedule that steps after each batch."""
    x, y, tx, ty = ready(images, labels)
    model = model or conv_net()
    settings = {"momentum": 0.9} if optimizer is torch.optim.SGD else {}
    optimizer = optimizer(model.parameters(), lr=lr, **settings)
    scheduler, inner = schedule(optimizer), plain_step(model, optimizer)

    def step(x, y):
        inner(x, y)
        scheduler.step()

    return asked(model=model, batch=(x, y), step=step, optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


@healthy(steps=40)
def warm_up_from_nothing(images, labels):  # LambdaLR: the first rate is 0
    return scheduled(images, labels, 0.05, lambda o: torch.optim.lr_scheduler.LambdaLR(
        o, lambda i: min(1.0, i / 20)))


@healthy(steps=40)
def linear_warm_up(images, labels):  # LinearLR from a hundredth
    return scheduled(images, labels, 3e-3, lambda o: torch.optim.lr_scheduler.LinearLR(
        o, start_factor=0.01, total_iters=20), optimizer=torch.optim.AdamW)


@healthy(steps=60)
def one_cycle(images, labels):  # OneCycleLR, once a batch
    return scheduled(images, labels, 0.004, lambda o: torch.optim.lr_scheduler.OneCycleLR(
        o, max_lr=0.1, total_steps=200), bn_net())


@healthy()
def cosine_with_restarts(images, labels):
    return scheduled(images, labels, 0.05, lambda o:
                     torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(o, T_0=20))


@healthy()
def plateau_in_the_validation(images, labels):  # the scheduler gets the validation loss
    x, y, tx, ty = ready(images, labels)
    model = conv_net()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=3)

    def validate():
        model.eval()
        with torch.no_grad():
            loss = F.cross_entropy(model(tx), ty)
        scheduler.step(loss)
        return loss.item()

    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer), optimizer=optimizer,
                 evaluate=validate)


@healthy()
def clipped_to_norm_one(images, labels):
    x, y, tx, ty = ready(images, labels)
    model = conv_net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step(x, y):
        model.train()
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()

    return asked(model=model, batch=(x, y), step=step, optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


@healthy()
def adaptive_clipping(images, labels):  # each gradient against the norm of its own weights
    x, y, tx, ty = ready(images, labels)
    model = conv_net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step(x, y):
        model.train()
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        for p in model.parameters():
            limit = 0.1 * p.detach().norm().clamp(min=1e-3)
            p.grad.mul_((limit / p.grad.norm().clamp(min=1e-6)).clamp(max=1))
        optimizer.step()

    return asked(model=model, batch=(x, y), step=step, optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


@healthy(falls=0.995)
def fine_tuned_gently(images, labels):  # a network that knows the data, AdamW with a small rate
    x, y, tx, ty = ready(images, labels)
    model = conv_net()
    before = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(25):
        plain_step(model, before)(x, y)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer), optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


@healthy(steps=3, falls=1.2)
def learned_by_heart(images, labels):  # asked after the training: the loss on the batch is near 0
    x, y, tx, ty = ready(images, labels)
    model = dense_net()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(60):
        plain_step(model, optimizer)(x, y)
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer), optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


# Steps that do more than one thing ---------------------------------------------------------------

def with_step_loss(images, labels, loss_of, model=None, lr=2e-3):
    """A step whose loss is a function of the model, the images and the labels."""
    x, y, tx, ty = ready(images, labels)
    model = model or conv_net()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)

    def step(x, y):
        model.train()
        loss = loss_of(model, x, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return asked(model=model, batch=(x, y), step=step, optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


@healthy(steps=30)
def mixup(images, labels):
    def loss_of(model, x, y):
        part, order = torch.rand(()).item(), torch.randperm(len(x))
        out = model(part * x + (1 - part) * x[order])
        return part * F.cross_entropy(out, y) + (1 - part) * F.cross_entropy(out, y[order])
    return with_step_loss(images, labels, loss_of, bn_net())


@healthy(steps=30)
def cutmix(images, labels):  # a square of another image, soft labels
    def loss_of(model, x, y):
        order = torch.randperm(len(x))
        x = x.clone()
        x[..., 8:20, 8:20] = x[order][..., 8:20, 8:20]
        target = 0.86 * F.one_hot(y, 10) + 0.14 * F.one_hot(y[order], 10)
        return F.cross_entropy(model(x), target)
    return with_step_loss(images, labels, loss_of)


@healthy(steps=30)
def random_flip_and_erase(images, labels):  # augmentation of the batch in the step
    def loss_of(model, x, y):
        x = torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(3), x)
        x = x * (torch.rand(len(x), 1, 32, 32) > 0.1)
        return F.cross_entropy(model(x), y)
    return with_step_loss(images, labels, loss_of, bn_net())


@healthy()
def adversarial_training(images, labels):  # FGSM: the images' gradient first
    def loss_of(model, x, y):
        x = x.clone().requires_grad_()
        grad, = torch.autograd.grad(F.cross_entropy(model(x), y), x)
        return F.cross_entropy(model((x + 0.02 * grad.sign()).detach()), y)
    return with_step_loss(images, labels, loss_of)


@healthy()
def gradient_penalty(images, labels):  # double backward
    def loss_of(model, x, y):
        x = x.clone().requires_grad_()
        loss = F.cross_entropy(model(x), y)
        grad, = torch.autograd.grad(loss, x, create_graph=True)
        return loss + 0.1 * grad.pow(2).sum((1, 2, 3)).mean()
    return with_step_loss(images, labels, loss_of)


@healthy()
def lasso_on_weights(images, labels):  # an L1 term by hand
    return with_step_loss(images, labels, lambda model, x, y: F.cross_entropy(model(x), y)
                          + 1e-5 * sum(p.abs().sum() for p in model.parameters()))


@healthy()
def two_passes_agree(images, labels):  # R-Drop: two passes with dropout, KL between them
    def loss_of(model, x, y):
        a, b = model(x), model(x)
        kl = F.kl_div(a.log_softmax(1), b.softmax(1), reduction="batchmean")
        return F.cross_entropy(a, y) + F.cross_entropy(b, y) + 0.5 * kl
    return with_step_loss(images, labels, loss_of, dense_net(10, nn.Dropout(0.2)))


@healthy()
def distillation(images, labels):  # a teacher in evaluation mode
    teacher = bn_net().eval().requires_grad_(False)

    def loss_of(model, x, y, T=3.0):
        with torch.no_grad():
            soft = (teacher(x) / T).softmax(1)
        out = model(x)
        return 0.7 * F.cross_entropy(out, y) + 0.3 * T * T * F.kl_div(
            (out / T).log_softmax(1), soft, reduction="batchmean")
    return with_step_loss(images, labels, loss_of)


@healthy()
def mean_teacher(images, labels):  # half the batch without labels, a moving average as teacher
    model = conv_net()
    teacher = copy.deepcopy(model).requires_grad_(False)

    def loss_of(model, x, y):
        with torch.no_grad():
            for t, p in zip(teacher.parameters(), model.parameters(), strict=True):
                t.lerp_(p, 0.1)
            target = teacher(x).softmax(1)
        out = model(x)
        return F.cross_entropy(out[::2], y[::2]) + F.mse_loss(out.softmax(1), target)
    return with_step_loss(images, labels, loss_of, model)


@healthy()
def classifier_and_generator(images, labels):  # ACGAN-like: two networks, two optimizers
    class Judge(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(*conv_net(32), nn.LeakyReLU(0.2))
            self.real, self.kind = nn.Linear(32, 1), nn.Linear(32, 10)

        def forward(self, x):
            h = self.body(x)
            return self.real(h), self.kind(h)

    x, y, _, _ = ready(images, labels)
    judge = Judge()
    forger = nn.Sequential(nn.Linear(26, 3072), nn.Tanh(), nn.Unflatten(1, (3, 32, 32)))
    opt_d = torch.optim.Adam(judge.parameters(), lr=2e-3, betas=(0.5, 0.999))
    opt_g = torch.optim.Adam(forger.parameters(), lr=2e-4, betas=(0.5, 0.999))
    bce = F.binary_cross_entropy_with_logits

    def step(x, y):
        noise = torch.cat([torch.randn(len(y), 16), F.one_hot(y, 10)], 1)
        fake = forger(noise)
        opt_d.zero_grad()
        real_out, kind = judge(x)
        fake_out, _ = judge(fake.detach())
        (bce(real_out, torch.ones_like(real_out)) + bce(fake_out, torch.zeros_like(fake_out))
         + F.cross_entropy(kind, y)).backward()
        opt_d.step()
        opt_g.zero_grad()
        fake_out, kind = judge(fake)
        (bce(fake_out, torch.ones_like(fake_out)) + F.cross_entropy(kind, y)).backward()
        opt_g.step()

    return asked(model=judge, batch=(x, y), step=step, optimizer=opt_d,
                 loss_fn=lambda out, y: F.cross_entropy(out[1], y))


@healthy()
def gradual_unfreezing(images, labels):  # the first block comes in after ten steps
    x, y, tx, ty = ready(images, labels)
    model = conv_net()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    model[0].requires_grad_(False)
    inner, count = plain_step(model, optimizer), [0]

    def step(x, y):
        count[0] += 1
        if count[0] == 10:
            model[0].requires_grad_(True)
        inner(x, y)

    return asked(model=model, batch=(x, y), step=step, optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


# Networks that look odd and are right ------------------------------------------------------------

@healthy()
def last_layer_zero(images, labels):  # newer recipes: all outputs are the same at the start
    model = conv_net()
    nn.init.zeros_(model[-1].weight)
    nn.init.zeros_(model[-1].bias)
    return with_step_loss(images, labels, lambda m, x, y: F.cross_entropy(m(x), y), model)


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x):
        return F.relu(x + self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


@healthy()
def residual_blocks_zero_gamma(images, labels):  # ResNet recipe: each block begins as the identity
    model = nn.Sequential(nn.Conv2d(3, 12, 4, stride=4), nn.ReLU(), Residual(12), Residual(12),
                          nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(48, 10))
    for m in model.modules():
        if isinstance(m, Residual):
            nn.init.zeros_(m.bn2.weight)
    return with_step_loss(images, labels, lambda m, x, y: F.cross_entropy(m(x), y), model, 5e-3)


@healthy()
def vision_transformer(images, labels):  # a class token, positions, heads with batch_first
    class ViT(nn.Module):
        def __init__(self, width=32):
            super().__init__()
            self.patch = nn.Conv2d(3, width, 8, stride=8)
            self.token = nn.Parameter(torch.zeros(1, 1, width))
            self.position = nn.Parameter(torch.randn(1, 17, width) * 0.02)
            layer = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.1, batch_first=True,
                                               norm_first=True)
            self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
            self.head = nn.Linear(width, 10)

        def forward(self, x):
            x = self.patch(x).flatten(2).transpose(1, 2)
            x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.position
            return self.head(self.encoder(x)[:, 0])
    return with_step_loss(images, labels, lambda m, x, y: F.cross_entropy(m(x), y), ViT(), 3e-3)


@healthy()
def mlp_mixer(images, labels):
    class Mixer(nn.Module):
        def __init__(self):
            super().__init__()
            self.patch, self.tokens = nn.Conv2d(3, 32, 8, stride=8), nn.Linear(16, 16)
            self.norm, self.channels = nn.LayerNorm(32), nn.Linear(32, 32)
            self.head = nn.Linear(32, 10)

        def forward(self, x):
            x = self.patch(x).flatten(2).transpose(1, 2)
            x = x + F.gelu(self.tokens(self.norm(x).transpose(1, 2))).transpose(1, 2)
            return self.head((x + F.gelu(self.channels(self.norm(x)))).mean(1))
    return with_step_loss(images, labels, lambda m, x, y: F.cross_entropy(m(x), y), Mixer(), 3e-3)


@healthy()
def rows_as_a_sequence(images, labels):  # tutorials: an LSTM over the rows
    class Rows(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.fc = nn.LSTM(96, 48, batch_first=True), nn.Linear(48, 10)

        def forward(self, x):
            _, (h, _) = self.lstm(x.permute(0, 2, 1, 3).flatten(2))
            return self.fc(h[-1])
    return with_step_loss(images, labels, lambda m, x, y: F.cross_entropy(m(x), y), Rows(), 5e-3)


@healthy()
def one_layer_used_twice(images, labels):  # shared weights
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.again = nn.Conv2d(3, 16, 4, stride=4), nn.Conv2d(16, 16, 3, padding=1)
            self.head = nn.Linear(16 * 16, 10)

        def forward(self, x):
            x = self.stem(x).relu()
            for _ in range(3):
                x = self.again(x).relu() + x
            return self.head(F.max_pool2d(x, 2).flatten(1))
    return with_step_loss(images, labels, lambda m, x, y: F.cross_entropy(m(x), y), Shared())


@healthy()
def tied_autoencoder_beside(images, labels):  # the same weight encodes and decodes, a second loss
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.encode, self.head = nn.Linear(3072, 64), nn.Linear(64, 10)

        def forward(self, x):
            code = self.encode(x.flatten(1)).relu()
            return self.head(code), F.linear(code, self.encode.weight.t())

    def criterion(out, y):
        return F.cross_entropy(out[0], y)

    x, y, _, _ = ready(images, labels)
    model = Tied()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step(x, y):
        logits, again = model(x)
        loss = F.cross_entropy(logits, y) + 0.1 * F.mse_loss(again, x.flatten(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return asked(model=model, batch=(x, y), step=step, optimizer=optimizer, loss_fn=criterion)


@healthy()
def weight_and_spectral_norm(images, labels):  # a buffer that moves in training
    from torch.nn.utils.parametrizations import spectral_norm, weight_norm
    model = nn.Sequential(spectral_norm(nn.Conv2d(3, 16, 5, stride=2)), nn.LeakyReLU(0.1),
                          nn.MaxPool2d(2), nn.Flatten(), weight_norm(nn.Linear(784, 10)))
    return with_step_loss(images, labels, lambda m, x, y: F.cross_entropy(m(x), y), model, 3e-3)


@healthy(steps=40)
def much_dropout_and_stochastic_depth(images, labels):  # regularized strongly, in training only
    class Depth(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Conv2d(3, 12, 4, stride=4)
            self.blocks = nn.ModuleList([Residual(12) for _ in range(3)])
            self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(768, 10))

        def forward(self, x):
            x = self.stem(x).relu()
            for block in self.blocks:
                if not self.training or torch.rand(()) < 0.7:
                    x = block(x)
            return self.head(x)
    return with_step_loss(images, labels, lambda m, x, y: F.cross_entropy(m(x), y), Depth())


@healthy(steps=40)
def half_of_six_blocks_left_out(images, labels):  # stochastic depth: a pass uses some layers only
    class Deep(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.head = nn.Conv2d(3, 8, 4, stride=4), nn.Linear(512, 10)
            self.blocks = nn.ModuleList([nn.Conv2d(8, 8, 3, padding=1) for _ in range(6)])

        def forward(self, x):
            x = self.stem(x)
            for block in self.blocks:
                if not self.training:
                    x = x + 0.5 * block(x.relu())
                elif torch.rand(()) < 0.5:
                    x = x + block(x.relu())
            return self.head(x.relu().flatten(1))
    return with_step_loss(images, labels, lambda m, x, y: F.cross_entropy(m(x), y), Deep(), 3e-3)


@healthy()
def noise_in_training_only(images, labels):  # augmentation in forward, under self.training
    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = conv_net()

        def forward(self, x):
            return self.net(x + 0.2 * torch.randn_like(x) if self.training else x)
    return with_step_loss(images, labels, lambda m, x, y: F.cross_entropy(m(x), y), Noisy())


@healthy()
def group_norm_and_gelu(images, labels):
    model = nn.Sequential(nn.Conv2d(3, 16, 4, stride=4), nn.GroupNorm(4, 16), nn.GELU(),
                          nn.Conv2d(16, 16, 3, padding=1), nn.InstanceNorm2d(16), nn.SiLU(),
                          nn.AdaptiveMaxPool2d(4), nn.Flatten(), nn.Linear(256, 10))
    return with_step_loss(images, labels, lambda m, x, y: F.cross_entropy(m(x), y), model)


@healthy()
def fully_convolutional(images, labels):  # the classes are maps, averaged at the end
    model = nn.Sequential(nn.Conv2d(3, 16, 5, stride=3), nn.BatchNorm2d(16), nn.ReLU(),
                          nn.Conv2d(16, 32, 3, stride=2), nn.BatchNorm2d(32), nn.ReLU(),
                          nn.Conv2d(32, 10, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return with_step_loss(images, labels, lambda m, x, y: F.cross_entropy(m(x), y), model, 1e-2)


@healthy()
def prior_in_the_bias(images, labels):  # RetinaNet: rare classes begin as rare
    keep = (labels == 0) | (torch.arange(len(labels)) % 6 == 0)
    images, labels = images[keep].repeat(5, 1, 1, 1)[:384], labels[keep].repeat(5)[:384]
    model = conv_net()
    with torch.no_grad():
        model[-1].bias.copy_((labels.bincount(minlength=10).float() / len(labels)).log())
    return with_step_loss(images, labels, lambda m, x, y: F.cross_entropy(m(x), y), model)


@healthy()
def unused_branch_in_training(images, labels):  # a pre-trained part without use here
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Sequential(*conv_net(32), nn.ReLU()), nn.Linear(32, 10)
            self.pretraining_head = nn.Linear(32, 100).requires_grad_(False)

        def forward(self, x):
            return self.head(self.body(x))

    x, y, tx, ty = ready(images, labels)
    model = Branches()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=2e-3)
    return asked(model=model, batch=(x, y), step=plain_step(model, optimizer), optimizer=optimizer,
                 evaluate=tested(model, tx, ty))


# Evaluations -------------------------------------------------------------------------------------

def asked_with(evaluate, model, optimizer, batch):
    return asked(model=model, batch=batch, step=plain_step(model, optimizer), optimizer=optimizer,
                 evaluate=evaluate)


@healthy()
def mode_put_back_after_the_test(images, labels):  # was_training, in a finally
    x, y, tx, ty = ready(images, labels)
    model = bn_net()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

    def evaluate():
        was_training = model.training
        model.eval()
        try:
            with torch.inference_mode():
                return sum((model(a).argmax(1) == b).sum().item()
                           for a, b in zip(tx.split(50), ty.split(50), strict=True)) / len(ty)
        finally:
            model.train(was_training)

    return asked_with(evaluate, model, optimizer, (x, y))


@healthy()
def flips_averaged_in_the_test(images, labels):  # test-time augmentation
    x, y, tx, ty = ready(images, labels)
    model = conv_net()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

    @torch.inference_mode()
    def evaluate():
        model.eval()
        p = (model(tx).softmax(1) + model(tx.flip(3)).softmax(1)) / 2
        return p.topk(3).indices.eq(ty[:, None]).any(1).float().mean()

    return asked_with(evaluate, model, optimizer, (x, y))


@healthy()
def test_of_a_copy_reloaded(images, labels):  # the best state is loaded into a second model
    x, y, tx, ty = ready(images, labels)
    model, other = conv_net(), conv_net()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

    def evaluate():
        other.load_state_dict(model.state_dict())
        return tested(other, tx, ty)()

    return asked_with(evaluate, model, optimizer, (x, y))


@healthy()
def best_state_kept_by_the_test(images, labels):  # early stopping: the evaluation keeps a copy
    x, y, tx, ty = ready(images, labels)
    model = conv_net()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    best = {"accuracy": 0.0, "state": None}

    def evaluate():
        accuracy = tested(model, tx, ty)()
        if accuracy > best["accuracy"]:
            best.update(accuracy=accuracy, state=copy.deepcopy(model.state_dict()))
        return accuracy

    return asked_with(evaluate, model, optimizer, (x, y))


@healthy()
def evaluation_without_dropout_or_batch_norm(images, labels):  # no eval(): it would change nothing
    x, y, tx, ty = ready(images, labels)
    model = conv_net()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

    def evaluate():
        with torch.no_grad():
            return (model(tx).argmax(1) == ty).float().mean().item()

    return asked_with(evaluate, model, optimizer, (x, y))


@healthy()
def predictions_by_numpy_and_sklearn(images, labels):  # kernels: lists of numpy, a report
    from sklearn.metrics import accuracy_score
    x, y, tx, ty = ready(images, labels)
    model = bn_net()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

    def evaluate():
        model.eval()
        predictions, truths = [], []
        with torch.no_grad():
            for a, b in zip(tx.split(40), ty.split(40), strict=True):
                predictions.extend(model(a).max(1)[1].cpu().numpy())
                truths.extend(b.cpu().numpy())
        return accuracy_score(truths, predictions)

    return asked_with(evaluate, model, optimizer, (x, y))
