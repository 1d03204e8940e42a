"""Importing TensorFlow and Keras: optional packages are left out only meanwhile."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

CODE = """
import gc, sys
from digit_core.frameworks import keras, layers, tf
assert not {"sklearn", "pandas"} & set(sys.modules)
assert gc.isenabled()
import pandas, sklearn
assert layers is keras.layers
"""


def test_optional_packages_are_not_loaded_and_can_be_loaded_later():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
