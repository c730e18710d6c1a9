import matplotlib.pyplot as plt
import pytest


@pytest.fixture(autouse=True)
def close():
    plt.switch_backend("Agg")
    yield
    plt.close("all")
