"""Archives and batch files for the tests: small, and in every spelling."""

import io
import os
import pickle
import tarfile

import numpy as np

from helpers.data.official import CLASSES, FOLDER, MD5


class Python2Pickler(pickle._Pickler):
    """Writes as Python 2 and NumPy 1 did: protocol 2, strings as bytes, `numpy.core`."""

    dispatch = dict(pickle._Pickler.dispatch)

    def _byte_string(self, text):
        raw = text.encode("latin1") if isinstance(text, str) else text
        if len(raw) < 256:
            self.write(pickle.SHORT_BINSTRING + bytes([len(raw)]) + raw)
        else:
            self.write(pickle.BINSTRING + len(raw).to_bytes(4, "little") + raw)
        self.memoize(text)

    dispatch[str] = dispatch[bytes] = _byte_string

    def save_global(self, obj, name=None):
        module, name = getattr(obj, "__module__", None), name or obj.__qualname__
        self.write(pickle.GLOBAL +
                   f"{module.replace('numpy._core', 'numpy.core')}\n{name}\n".encode())
        self.memoize(obj)

    dispatch[type] = dispatch[type(len)] = dispatch[type(lambda: 0)] = save_global


def python2_pickle(value) -> bytes:
    stream = io.BytesIO()
    Python2Pickler(stream, protocol=2).dump(value)
    return stream.getvalue()


def batch(number: int, count: int = 10_000) -> dict:
    labels = np.arange(count) % 10
    pixels = np.zeros((count, 3072), np.uint8)  # red's and green's first, blue's last pixel:
    pixels[:, 0], pixels[:, 1024], pixels[:, 3071] = number, labels, 255
    return {"batch_label": f"batch {number}", "data": pixels, "labels": labels.tolist(),
            "filenames": ["x.png"] * 3}


def meta() -> bytes:
    return python2_pickle({"label_names": list(CLASSES)})


def archive(*entries: tuple[str | tarfile.TarInfo, bytes], files: int = 20_000) -> bytes:
    """A small archive of seven files of that many random bytes, with other entries around them."""
    stream = io.BytesIO()
    own = [(f"{FOLDER}/{name}", os.urandom(files)) for name in MD5]
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as tar:
        for entry, content in (*entries, *own, *entries):
            entry = tarfile.TarInfo(entry) if isinstance(entry, str) else entry
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()
