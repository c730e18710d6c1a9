"""A regression on a small table: from ten measurements, how diabetes has progressed in a year.

Data: Efron et al., Least Angle Regression, 2004, 442 patients, as scikit-learn ships them.
"""

import torch
from torch import Tensor, nn


def standardized_diabetes() -> tuple[Tensor, Tensor]:
    """Return features (442, 10) and target (442, 1), each with mean 0 and deviation 1, shuffled."""
    from sklearn.datasets import load_diabetes

    features, target = (torch.tensor(a, dtype=torch.float32)
                        for a in load_diabetes(return_X_y=True))
    order = torch.randperm(len(target), generator=torch.Generator().manual_seed(0))
    columns = torch.cat([features, target[:, None]], 1)[order]
    columns = (columns - columns.mean(0)) / columns.std(0)
    return columns[:, :10], columns[:, 10:]


def diabetes_net() -> nn.Module:
    """Return a network for a regression: 10 features (N, 10) to one number (N, 1)."""
    # the same first weights each time, and the caller's draws as they were
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 32), nn.ReLU(),
                             nn.Linear(32, 1))
