"""Inkling's core: reads handwritten digits, and knows no screen.

`from digit_core import Recognizer; Recognizer.load().read(picture).text`
"""

from digit_core.images import UnreadableImageError
from digit_core.recognition import Digit, Reading, Recognizer

__all__ = ["Digit", "Reading", "Recognizer", "UnreadableImageError"]
