"""What a reading says, in a plain sentence for people."""

from digit_core.recognition import Digit, Reading

SURE = 0.95  # confidence from which the sentence is "Sure it's ..."
DOUBT = 0.5  # trust below which a mark may well be no digit
RIVAL = 0.10  # probability from which the runner-up is named

BLANK = "Nothing to read yet."
ROWS = " A slash begins a new row."
TURNED = " The page lay on its side."
NOT_A_DIGIT = "That doesn't look like a digit."


def sentence(reading: Reading) -> str:
    """One sentence of confidence: about the digit, or about the least certain one of a number."""
    return _confidence(reading) + (ROWS if len(reading.lines) > 1 else "") + (TURNED if reading.turned else "")


def _confidence(reading: Reading) -> str:
    if not reading.digits:
        return BLANK
    if len(reading.digits) == 1:
        return digit_sentence(reading.digits[0])
    unknown = sum(not digit.trusted for digit in reading.digits)
    if unknown == len(reading.digits):
        return "None of these marks looks like a digit."
    if unknown == 1:
        return f"One of these {len(reading.digits)} marks doesn't look like a digit."
    if unknown:
        return f"{unknown} of these {len(reading.digits)} marks don't look like digits."
    weakest = min(reading.digits, key=lambda digit: (digit.trust >= DOUBT, digit.confidence))
    if weakest.confidence >= SURE and weakest.trust >= DOUBT:
        return f"Sure of all {len(reading.digits)} digits."
    place = reading.digits.index(weakest) + 1
    return f"Least sure of digit {place}: {_lower(digit_sentence(weakest))}"


def digit_sentence(digit: Digit) -> str:
    """One sentence about one mark, naming the runner-up where it is a real rival."""
    if not digit.trusted:
        return NOT_A_DIGIT
    if digit.trust < DOUBT:
        return f"{with_article(digit.value).capitalize()}, if it is a digit at all."
    rival = int(digit.probabilities.argsort()[-2])
    if digit.confidence >= SURE:
        return f"Sure it's {with_article(digit.value)}."
    if digit.probabilities[rival] >= RIVAL:
        return f"{with_article(digit.value).capitalize()}, but it could be {with_article(rival)}."
    return f"Probably {with_article(digit.value)}."


def trust_sentence(digit: Digit) -> str:
    """How surely a mark is a digit at all, whichever."""
    share = f"{digit.trust:.0%}" if 0.01 <= digit.trust <= 0.99 else ("over 99%" if digit.trust > 0.99 else "under 1%")
    return f"That this mark is a digit at all is {share} likely."


def with_article(value: int) -> str:
    """a 7, an 8"""
    return f"an {value}" if value == 8 else f"a {value}"


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]
