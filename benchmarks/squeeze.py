"""Baseline: squeeze the whole picture to 28x28 and classify it, as most demos do.

    python benchmarks/squeeze.py --json PATH...

Prints the same format as `python -m digit_core predict --json`. The network is the default model, so
that only the preprocessing differs; dark ink on light paper is inverted, as in those demos.
"""

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from digit_core import Recognizer, UnreadableImageError
from digit_core.cli import predict
from digit_core.pictures import image_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--json", action="store_true", required=True)
    recognizer = Recognizer.load()
    for path in parser.parse_args().paths:
        for file in predict.find_pictures(path):
            try:
                text = str(int(recognizer.classify(squeeze(image_files.read_file(file)))[0].argmax()))
            except UnreadableImageError:
                text = ""
            print(json.dumps({"file": str(file), "text": text, "lines": [text]}))


def squeeze(picture: np.ndarray) -> np.ndarray:
    """Squeeze a picture into a batch of one digit, uint8 (1, 28, 28)."""
    picture = image_files.on_paper(picture)
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (28, 28), interpolation=cv2.INTER_AREA)
    return (255 - small if small.mean() > 127 else small)[np.newaxis]


if __name__ == "__main__":
    main()
