"""An optimizer that is interrupted."""

from torch import optim


class Stops(optim.SGD):
    """No checkpoint looks at how often it has moved."""

    left = 10**9

    def step(self, closure=None):
        if Stops.left == 0:
            raise KeyboardInterrupt
        Stops.left -= 1
        super().step(closure)
