"""Inkling's core: reads handwritten digits; has no interface.

`from digit_core import Recognizer; Recognizer.load().read(picture).text`
"""

from digit_core.pictures.image_files import UnreadableImageError
from digit_core.reading.recognizer import Recognizer
from digit_core.reading.result import Digit, Reading

__all__ = ["Digit", "Reading", "Recognizer", "UnreadableImageError"]
