"""What a reading says, in a plain sentence for people."""

from digit_core.reading.result import Digit, Reading

SURE = 0.95  # confidence from which the sentence is "Sure it's ..."
DOUBT = 0.5  # acceptance below which a mark may well be no digit
RIVAL = 0.10  # probability from which the runner-up is named

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")

BLANK = "Nothing to read yet."
TURNED = " The page was sideways."
ON_ITS_HEAD = " The page was upside down."
CROWDED = " There are more marks here than can be read at once: show a part of them."
NOT_A_DIGIT = "That doesn't look like a digit."


def sentence(reading: Reading) -> str:
    """One sentence of confidence: about the digit, or about the least certain one of a number."""
    return _confidence(reading) + _left_out(reading) + _turned(reading) + (CROWDED if reading.is_crowded else "")


def _left_out(reading: Reading) -> str:
    if not reading.left_out or not any(digit.trusted for digit in reading.digits):
        return ""
    return " One other mark was ignored." if reading.left_out == 1 else " Other marks were ignored."


def _turned(reading: Reading) -> str:
    return "" if not reading.turned else ON_ITS_HEAD if reading.turned == 180 else TURNED


def _confidence(reading: Reading) -> str:
    if not reading.digits:
        return BLANK
    if len(reading.digits) == 1:
        said = digit_sentence(reading.digits[0])
        return f"Sure it's {reading.text}." if said.startswith("Sure") and "-" in reading.text else said
    unknown = sum(not digit.trusted for digit in reading.digits)
    if unknown == len(reading.digits):
        return "None of these marks looks like a digit."
    if unknown == 1:
        return f"One of these {len(reading.digits)} marks doesn't look like a digit."
    if unknown:
        return f"{unknown} of these {len(reading.digits)} marks don't look like digits."
    weakest = min(reading.digits, key=lambda digit: (digit.acceptance >= DOUBT, digit.confidence))
    if certainty(weakest) == "sure":
        return "Sure of both digits." if len(reading.digits) == 2 else f"Sure of all {len(reading.digits)} digits."
    return f"Least sure of {place(reading, reading.digits.index(weakest))}: {_lower(digit_sentence(weakest))}"


def place(reading: Reading, index: int) -> str:
    """Where a mark stands: "the third digit", or in several rows "the third digit in row 2"."""
    row = 0
    while row < len(reading.lines) - 1 and index >= len(_marks(reading.lines[row])):
        index -= len(_marks(reading.lines[row]))
        row += 1
    digit = f"the {ORDINALS[index]} digit" if index < len(ORDINALS) else f"digit {index + 1}"
    return f"{digit} in row {row + 1}" if len(reading.lines) > 1 else digit


def _marks(line: str) -> str:
    """A line's text without its signs, which are no marks of their own."""
    return line.replace(".", "").replace("-", "")


def digit_sentence(digit: Digit) -> str:
    """One sentence about one mark, naming the runner-up where it is a real rival."""
    if not digit.trusted:
        return NOT_A_DIGIT
    if digit.acceptance < DOUBT:
        return f"Perhaps {with_article(digit.value)}, or no digit at all."
    rival = int(digit.probabilities.argsort()[-2])
    if digit.confidence >= SURE:
        return f"Sure it's {with_article(digit.value)}."
    if digit.probabilities[rival] >= RIVAL:
        return f"{with_article(digit.value).capitalize()}, but it could be {with_article(rival)}."
    return f"Probably {with_article(digit.value)}."


def certainty(digit: Digit) -> str:
    """How a mark is shown: "sure", "doubtful", or "none" for what is no digit."""
    if not digit.trusted:
        return "none"
    return "sure" if digit.acceptance >= DOUBT and digit.confidence >= SURE else "doubtful"


def acceptance_sentence(digit: Digit) -> str:
    """State the probability that a mark is a digit."""
    share = digit.acceptance
    shown = "over 99%" if share > 0.99 else "under 1%" if share < 0.01 else f"{share:.0%}"
    return f"The chance that this mark is a digit is {shown}."


def with_article(value: int) -> str:
    """a 7, an 8"""
    return f"an {value}" if value == 8 else f"a {value}"


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]
