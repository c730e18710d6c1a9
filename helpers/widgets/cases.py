"""The patients of `Clinic`: what was done to each, what one may think, and what tells these apart.

Their curves are in helpers/measured/clinic.json; the numbers in these texts are checked against it.
"""

from dataclasses import dataclass

HIGH, LOW = "the rate is too high", "the rate is too low"
OVER = "overfitting"
LABELS = "the training labels are shuffled"
ORDER = "the images come class by class"
SOFTMAX = "a softmax before cross-entropy"
MODE = "eval() is forgotten for the validation"
BYTES = "the images are not normalized"
GRADIENTS = "zero_grad is missing"

# What each would mean, for who has forgotten it.
MEANS = {
    HIGH: "Each step throws the weights farther than it helps.",
    LOW: "Each step is so small that the training hardly gets on.",
    OVER: "The network learns its training images by heart.",
    LABELS: "Each image has the label of some other one.",
    ORDER: "First come all airplanes, then all automobiles, and so on.",
    SOFTMAX: "The loss gets probabilities, and expects logits.",
    MODE: "Then batch normalization goes by the mean of the batch that is tested; here, of images "
          "of one class.",
    BYTES: "Pixels go in as numbers from 0 to 255, instead of around 0.",
    GRADIENTS: "Each step adds up the gradients of all batches before it.",
}


@dataclass(frozen=True)
class Case:
    """A patient: `run` and `treated` are names of runs, `sign` is (chart, from, to) of the axis."""

    run: str
    treated: str
    about: str
    illness: str
    choices: dict[str, str]
    treatment: str
    sign: tuple[str, float, float]


CASES = {
    "1": Case("overfitting", "more data", "BN-LeNet, 1,000 images, 40 epochs", OVER, {
        MODE: "Then the validation would be at a guess. Here it has 35 %, as much as 1,000 images "
              "are good for, and only its loss gets worse.",
        LABELS: "A network can learn shuffled labels by heart, too; but then the validation is at "
                "a guess, 10 %. Here it has 35 %.",
        HIGH: "A rate that is too high does not let the training loss come down to 0.",
        OVER: "The training loss goes to 0 and its accuracy to 100 %, while the validation loss "
              "rises from its first point on: 1,000 images are learned by heart. The validation "
              "accuracy stands still, and hides that wrong answers are given with more and more "
              "certainty."},
        "The treatment: ten times as many images, for as many steps. Or augmentation, as in "
        "chapter 8.", ("loss", 0.1, 1.0)),
    "2": Case("too high", "healthy", "LeNet, 6,000 images, 8 epochs", HIGH, {
        LABELS: "Then nothing could be learned beyond a guess, and the validation would stay at "
                "10 %. Here it comes to 20 %: labels and images belong together.",
        HIGH: "The loss falls a little and then jumps about without getting anywhere; training and "
              "validation are equally bad. Each step throws the weights farther than it helps.",
        LOW: "Too low a rate gives a line that is still falling at the end. This one has gone down "
             "by no more than 0.1 since the third epoch.",
        OVER: "Then the training would be good and the validation bad. Here they are equal, and "
              "both are bad."},
        "The treatment: a rate of 0.05 instead of 0.3.", ("loss", 0.3, 1.0)),
    "3": Case("softmax", "healthy, normed", "BN-LeNet, 6,000 images, 8 epochs", SOFTMAX, {
        LOW: "The loss alone looks like it. But the training accuracy is 61 %, as high as that of "
             "a network which has come far.",
        SOFTMAX: "Loss and accuracy do not belong together: 61 % of the training images are right "
                 "at a loss of 1.87; the healthy network has 1.14 where it has 60 %. Instead of "
                 "logits, cross-entropy got numbers from 0 to 1, with which it cannot come below "
                 "1.461.",
        OVER: "There is a gap between training and validation, but it is no larger than that of "
              "the healthy network. What is strange is the loss on the training images.",
        LABELS: "Then the validation would be at a guess. Here it comes to 49 %."},
        "The treatment: no softmax in the network, since F.cross_entropy has its own.",
        ("loss", 0.5, 1.0)),
    "4": Case("bytes", "healthy", "LeNet, 6,000 images, 8 epochs", BYTES, {
        HIGH: "What comes later looks like it: the network is dead at 2.30. But the loss of the "
              "first batch, 3.30, was measured before the first step, so no rate has made it.",
        SOFTMAX: "With a softmax before it, no loss is above 2.461. The first one here is 3.30.",
        LABELS: "An untrained network does not care which label belongs to which image: its first "
                "loss would be near 2.30 as well. Here it is 3.30.",
        BYTES: "The very first loss gives it away: 3.30, where a network that knows nothing has "
               "ln 10 = 2.30. Inputs up to 255 make large logits and large gradients, and after a "
               "few steps the network has the same answer for every image."},
        "The treatment: images of mean 0 and spread 1.", ("loss", 0.0, 0.06)),
    "5": Case("eval", "healthy, normed", "BN-LeNet, 6,000 images, 8 epochs", MODE, {
        OVER: "Overfitting opens a gap while the training goes on. Here the validation is at a "
              "guess in the first epoch already, and no image has been seen more than once then.",
        MODE: "The training is that of a healthy network, and the validation is at a guess from "
              "the first epoch on: the fault is in the test. In training mode, batch "
              "normalization subtracts the mean of the batch that is tested; with one class in it, "
              "that is what makes the class differ. The validation's own labels could be "
              "shuffled just as well: no curve tells that, only a second look.",
        LABELS: "Then the training would be slow, since labels that say nothing are learned by "
                "heart, one by one: look at patient 8. Here it comes to 71 %.",
        LOW: "The training loss falls as fast as that of a healthy network."},
        "The treatment: model.eval() before the validation.", ("accuracy", 0.0, 0.3)),
    "6": Case("too low", "healthy, normed", "BN-LeNet, 6,000 images, 8 epochs", LOW, {
        SOFTMAX: "The loss of patient 3 ends as high. But there 61 % of the training images are "
                 "right, and here 37 %, which goes well with a loss of 1.88.",
        HIGH: "Then the loss would jump about and get nowhere. This one falls in every epoch.",
        LOW: "Both losses fall in every epoch, side by side and without haste, and at the end they "
             "are falling still. Nothing is wrong, but it takes too long.",
        OVER: "There is next to no gap between training and validation; both still get better."},
        "The treatment: a rate of 0.05 instead of 0.0003.", ("loss", 0.5, 1.0)),
    "7": Case("sorted", "any order", "LeNet, 6,000 images, 3 epochs, batches of 20", ORDER, {
        HIGH: "Too high a rate gives jumps without a rule. These teeth have one: ten in each "
              "epoch.",
        GRADIENTS: "Then each step repeats all earlier ones, and the loss grows without end. Here "
                   "it comes down again and again.",
        ORDER: "Ten teeth in each epoch, one for each class. Within a class the loss falls, since "
               "it is enough to say the same for every image; with the next class it jumps. In the "
               "end each class is over before the network names it, so even the training accuracy "
               "is 0 %. The validation is at a guess: it believes in the class that it saw last.",
        LABELS: "Shuffled labels leave nothing that a loss could fall by within a few batches. "
                "Here it falls far below 2.30, ten times in each epoch."},
        "The treatment: the same images in a random order.", ("loss", 0.0, 0.34)),
    "8": Case("shuffled", "healthy, normed", "BN-LeNet, 6,000 images, 8 epochs", LABELS, {
        LOW: "A low rate lets both losses fall. Here that of the validation rises.",
        OVER: "It is the same thing, images learned by heart, but with nothing else to be learned: "
              "an overfitted network is far better than a guess on other images.",
        LABELS: "The validation is at a guess from the first epoch to the last, and its loss "
                "rises, while the training gets better, slowly: what the labels say can only be "
                "learned by heart, one image after the other.",
        MODE: "Then the training would be that of a healthy network, 71 % after eight epochs: "
              "patient 5 has it. Here it comes to 24 %."},
        "The treatment: each image with its own label.", ("accuracy", 0.3, 1.0)),
}

# Patients that look alike, by what they have in common.
WARDS = {"all eight": list(CASES), "validation at a guess": ["4", "5", "7", "8"],
         "slow or stuck": ["2", "3", "6"], "training is better": ["1", "3", "5", "8"]}
