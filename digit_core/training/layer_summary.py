"""The networks' layers, to show without loading TensorFlow: `layer_summary.json`, written by running this module.

A test compares the file with the networks.
"""

import functools
import json
from pathlib import Path

FILE = Path(__file__).with_suffix(".json")


@functools.cache
def summaries() -> dict[str, list[dict]]:
    """For every architecture its layers: "name", "kind", "shape" of what comes out, "parameters"."""
    return json.loads(FILE.read_text())


def measured() -> dict[str, list[dict]]:
    """The same from the networks themselves; loads TensorFlow."""
    from digit_core.training import architectures

    return {name: architectures.outline(build()) for name, build in architectures.ARCHITECTURES.items()}


if __name__ == "__main__":
    networks = (f'"{name}": [\n' + ",\n".join(map(json.dumps, layers)) + "\n]" for name, layers in measured().items())
    FILE.write_text("{" + ",\n".join(networks) + "}\n")
