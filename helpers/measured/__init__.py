"""What was measured: the results of the benchmarks, and the bands in which numbers lay."""

import json
import os
from importlib import resources

from ..profiles import profile


def read_json(name: str) -> dict:
    """Read a file of this room: `bands.json`, or a benchmark's results, such as `lenet.json`."""
    return json.loads(resources.files(__name__).joinpath(name).read_text(encoding="utf-8"))


ALWAYS = "the same in every profile"


def expect_band(name: str, value: float, source: str | None = None) -> None:
    """Say whether `value` (a fraction, such as an accuracy) lies in the band measured for `name`.

    Bands differ by profile and by data, so pass `data.source`; without a source, the numbers come
    from neither. In CI (environment variable CI) a value outside its band raises AssertionError;
    elsewhere it is explained. Raises KeyError for an unknown name.
    """
    bands = read_json("bands.json")
    if name not in bands:
        raise KeyError(f"No band is called {name!r}. There are: {', '.join(sorted(bands))}.")
    data = "stand-in" if "stand-in" in (source or "") else "CIFAR-10"
    setting = ALWAYS if source is None else f"{profile()}, {data}"
    band = bands[name].get(setting)
    if band is None:
        return print(f"{100 * value:.1f} %. The band for these settings ({setting}) is not yet "
                     "measured.")
    low, high = band
    inside = low <= round(value, 3) <= high  # as it is printed
    print(f"{100 * value:.1f} % is {'inside' if inside else 'OUTSIDE'} the band {100 * low:.0f} to "
          f"{100 * high:.0f} % measured for these settings ({setting}).")
    if inside:
        return None
    if os.environ.get("CI"):
        raise AssertionError(f"{name}: {value:.4f} is outside [{low}, {high}] ({setting})")
    print("Seeds and processors move it by a point or two. More than that usually means that an "
          "earlier cell was changed or run twice: restart the kernel and run all cells.")
