"""TensorFlow and Keras, imported in about half the time.

Keras imports scikit-learn and pandas if they are installed, for wrappers that Inkling does not use, and the garbage
collector searches the many new objects again and again.
"""

import contextlib
import gc
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def _without(*packages: str) -> Iterator[None]:
    """Let imports of these packages fail, unless they are already loaded."""
    hidden = [package for package in packages if package not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # Python takes None as "not installed"
    try:
        yield
    finally:
        for package in hidden:
            del sys.modules[package]


@contextlib.contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Do not collect garbage, and never search the objects that exist at the end."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


with _without("sklearn", "pandas"), _without_garbage_collection():
    import keras
    import tensorflow as tf
    from keras import layers
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

__all__ = ["convert_variables_to_constants_v2", "keras", "layers", "tf"]
