"""Save, list, change and delete corrections of marks: confirmed as right, or what they really are.

    corrections.save([corrections.of(digit, 7, reading.text, model="inkling", session=tag, picture=picture)])
    images, labels = corrections.digits()

A correction holds nothing about a person but a random session tag. Corrections that the model strongly contradicts
are held for review, because they may be wrong or malicious.
"""

import hashlib
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import cv2
import numpy as np
from sqlalchemy import ColumnElement, Connection, and_, case, delete, func, insert, or_, select, update

from digit_core import Digit
from digit_core.feedback import database
from digit_core.feedback.database import FeedbackError
from digit_core.feedback.tables import NAME_LENGTH, SESSION_LENGTH, TEXT_LENGTH, corrections
from digit_core.pictures import normalization

IMPORTED = "imported"  # the session and model of corrections from a file
NO_DIGIT, TWO_DIGITS = -1, -2  # what a mark may be besides 0..9

MOST = 50_000  # corrections in total
MOST_A_SESSION = 200  # per `HOUR`
MOST_OF_ALL = 3000  # per `HOUR`, over all sessions, since anyone can open new ones
HOUR = 3600  # seconds
MOST_AT_ONCE = 100
MOST_VARIABLES = 500  # per query
HELD_BELOW = 0.01  # a correction is held for review if the model gives its truth a lower probability
AROUND = 1.9  # side of the saved crop, relative to the larger side of the mark's box
PICTURE_SIDE = 96  # maximum side of the crop in pixels
LARGEST_PICTURE = 60_000  # bytes


@dataclass(frozen=True)
class Correction:
    """One mark of a reading, and what it is.

    Attributes:
        value: the digit that it was read as, 0..9, or `NO_DIGIT`.
        truth: what it is: 0..9, `NO_DIGIT` or `TWO_DIGITS`.
        image: the normalised digit, uint8 (28, 28).
        text: the whole reading.
        probability: that the model gave the truth, 0..1.
        confidence: in what it read, 0..1.
        picture: a crop around the mark, PNG, or b"".
        session: a random tag.
        created: seconds since 1970.
        held: waits for review.
        id: unique identifier.
    """

    value: int
    truth: int
    image: np.ndarray = field(repr=False)
    model: str = ""
    text: str = ""
    probability: float = 0.0
    confidence: float = 0.0
    picture: bytes = field(default=b"", repr=False)
    session: str = ""
    created: float = field(default_factory=time.time)
    held: bool = False
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        if self.value not in range(NO_DIGIT, 10) or self.truth not in range(TWO_DIGITS, 10):
            raise ValueError("A mark is a digit, none, or two.")
        if self.image.shape != (normalization.SIDE,) * 2 or self.image.dtype != np.uint8:
            raise ValueError("A digit is uint8 (28, 28).")
        if len(self.picture) > LARGEST_PICTURE:
            raise ValueError("The picture is too large.")

    @property
    def agrees(self) -> bool:
        """Whether it was read right."""
        return self.value == self.truth


def of(
    digit: Digit,
    truth: int,
    text: str,
    model: str,
    session: str,
    picture: np.ndarray | None = None,
    probabilities: np.ndarray | None = None,
) -> Correction:
    """Make a correction of a mark; the same mark in the same session is the same correction.

    Args:
        text: the whole reading.
        probabilities: of the ten digits, by a trusted model, if the one that read the mark is not trusted.
        picture: the picture that was read, uint8 (height, width) or (height, width, 3).
    """
    believed = digit.probabilities if probabilities is None else probabilities
    given = float(believed[truth]) * digit.acceptance if truth >= 0 else 1 - digit.acceptance
    return Correction(
        value=digit.value if digit.trusted else NO_DIGIT,
        truth=truth,
        image=digit.image,
        model=model[:NAME_LENGTH],
        text=text[:TEXT_LENGTH],
        probability=given,
        confidence=float(digit.confidence if digit.trusted else 1 - digit.acceptance),
        picture=_close_up(picture, digit.box) if picture is not None else b"",
        session=session[:SESSION_LENGTH],
        held=given < HELD_BELOW,
        id=hashlib.sha256(session.encode() + digit.image.tobytes()).hexdigest()[:32],
    )


def imported(image: np.ndarray, truth: int, probabilities: np.ndarray, name: str) -> Correction:
    """A digit from a file.

    Args:
        image: uint8 (28, 28).
        truth: its label, 0..9.
        probabilities: (10,), by a trusted model.
        name: its id.
    """
    value, given = int(probabilities.argmax()), float(probabilities[truth])
    return Correction(
        value=value,
        truth=truth,
        image=image,
        model=IMPORTED,
        probability=given,
        confidence=float(probabilities[value]),
        session=IMPORTED,
        held=given < HELD_BELOW,
        id=name,
    )


def save(some: Sequence[Correction], is_limited: bool = True) -> int:
    """Save corrections and return how many are new. An existing correction is updated to the latest truth, not saved
    twice. Two marks with the same pixels are one correction.

    Args:
        is_limited: whether they come from a visitor, who is limited per call and per hour.

    Raises:
        FeedbackError: there are too many, or the database cannot be written.
    """
    if is_limited and len(some) > MOST_AT_ONCE:
        raise FeedbackError(f"At most {MOST_AT_ONCE} corrections can be saved at once.")
    with database.writing() as connection:
        known = _known(connection, [correction.id for correction in some])
        for correction in some:
            if known.get(correction.id, correction.truth) != correction.truth:
                newest = {name: value for name, value in _row(correction).items() if name not in ("id", "created")}
                connection.execute(update(corrections).where(corrections.c.id == correction.id).values(**newest))
        new = [*{correction.id: correction for correction in some if correction.id not in known}.values()]
        if connection.scalar(select(func.count()).select_from(corrections)) + len(new) > MOST:
            raise FeedbackError("There is no room for more corrections.")
        if is_limited and new:
            recent = and_(corrections.c.model != IMPORTED, corrections.c.created > time.time() - HOUR)
            count = connection.scalar(select(func.count()).select_from(corrections).where(recent))
            if count + len(new) > MOST_OF_ALL:
                raise FeedbackError("Too many corrections are coming in at the moment. Please try again later.")
        for session in {correction.session for correction in new} if is_limited else ():
            recent = and_(corrections.c.session == session, corrections.c.created > time.time() - HOUR)
            count = connection.scalar(select(func.count()).select_from(corrections).where(recent))
            if count + sum(c.session == session for c in new) > MOST_A_SESSION:
                raise FeedbackError("That is the limit of corrections for one hour. Please continue later.")
        if new:
            connection.execute(insert(corrections), [_row(correction) for correction in new])
    return len(new)


def listed(offset: int = 0, count: int = 50, *, held: bool | None = None, wrong: bool = False) -> list[Correction]:
    """Corrections, those that the model contradicts most first.

    Args:
        held: only those that are held (True) or are not (False); None for both.
        wrong: only those that were misread.
    """
    query = select(corrections).where(*_only(held, wrong))
    query = query.order_by(corrections.c.held.desc(), corrections.c.probability, corrections.c.id)
    with database.reading() as connection:
        return [_correction(row) for row in connection.execute(query.offset(offset).limit(count)).mappings()]


def number(*, held: bool | None = None, wrong: bool = False) -> int:
    """How many there are; arguments as for `listed`."""
    query = select(func.count()).select_from(corrections).where(*_only(held, wrong))
    with database.reading() as connection:
        return int(connection.scalar(query) or 0)


def change(ids: Sequence[str], truth: int) -> None:
    """Set what marks really are, and release them from review: nothing about them is contradicted any more."""
    if truth not in range(TWO_DIGITS, 10):
        raise ValueError(truth)
    with database.writing() as connection:
        for some in _some(ids):
            connection.execute(update(corrections).where(some).values(truth=truth, held=False, probability=1.0))


def approve(truths: Mapping[str, int]) -> None:
    """Release held corrections for training.

    Args:
        truths: each one's id, and its truth as it was looked at: one that has changed since stays held.
    """
    with database.writing() as connection:
        for truth in set(truths.values()):
            for some in _some([name for name, own in truths.items() if own == truth]):
                seen = and_(some, corrections.c.truth == truth)
                connection.execute(update(corrections).where(seen).values(held=False))


def remove(ids: Sequence[str]) -> None:
    """Delete corrections."""
    with database.writing() as connection:
        for some in _some(ids):
            connection.execute(delete(corrections).where(some))


def remove_session(session: str, ids: Sequence[str]) -> None:
    """Delete corrections that this session saved."""
    with database.writing() as connection:
        connection.execute(delete(corrections).where(corrections.c.id.in_(ids), corrections.c.session == session))


def everything() -> Iterator[Correction]:
    """All corrections, each once, whatever is saved or changed meanwhile."""
    last = ""
    while True:
        query = select(corrections).where(corrections.c.id > last).order_by(corrections.c.id).limit(MOST_VARIABLES)
        with database.reading() as connection:
            found = [_correction(row) for row in connection.execute(query).mappings()]
        if not found:
            return
        yield from found
        last = found[-1].id


def labels(with_held: bool = False) -> list[tuple[str, int]]:
    """The ids and truths of the corrections that `digits` returns, without the images."""
    query = select(corrections.c.id, corrections.c.truth).where(corrections.c.truth >= 0)
    if not with_held:
        query = query.where(corrections.c.held.is_(False))
    with database.reading() as connection:
        return list(connection.execute(query.order_by(corrections.c.id)).tuples().all())


def digits(session: str | None = None, with_held: bool = False) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The training data: images uint8 (n, 28, 28), labels uint8 (n,), and their ids, the oldest first.

    Args:
        session: only the corrections of this session.
        with_held: whether those that wait for review are among them.
    """
    query = select(corrections.c.id, corrections.c.image, corrections.c.truth).where(corrections.c.truth >= 0)
    query = query.order_by(corrections.c.created, corrections.c.id)
    if not with_held:
        query = query.where(corrections.c.held.is_(False))
    if session is not None:
        query = query.where(corrections.c.session == session)
    with database.reading() as connection:
        rows = connection.execute(query).all()
    images = np.stack([_image(row.image) for row in rows]) if rows else np.zeros((0, 28, 28), np.uint8)
    return images, np.array([row.truth for row in rows], np.uint8), [row.id for row in rows]


def known_digits() -> set[tuple[bytes, int]]:
    """Pixels and truth of all corrections."""
    query = select(corrections.c.image, corrections.c.truth)
    with database.reading() as connection:
        return {(bytes(image), truth) for image, truth in connection.execute(query)}


def alike(kinds: Iterable[tuple[int, int]]) -> dict[str, int]:
    """The ids of all corrections whose (value, truth) is one of `kinds`, with their truth."""
    either = or_(*(and_(corrections.c.value == value, corrections.c.truth == truth) for value, truth in kinds))
    with database.reading() as connection:
        return dict(connection.execute(select(corrections.c.id, corrections.c.truth).where(either)).tuples().all())


def agreement() -> list[dict[str, Any]]:
    """How often people agreed with an answer: for each model and truth, {"model", "truth", "count", "agreed"}."""
    is_right = case((corrections.c.value == corrections.c.truth, 1), else_=0)
    columns = corrections.c.model, corrections.c.truth
    query = select(*columns, func.count().label("count"), func.sum(is_right).label("agreed"))
    query = query.where(corrections.c.model != IMPORTED)  # which nobody was asked about
    with database.reading() as connection:
        return [dict(row) for row in connection.execute(query.group_by(*columns).order_by(*columns)).mappings()]


def _known(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """Those of these ids that exist, with their saved truth."""
    found: dict[str, int] = {}
    for some in _some(ids):
        found |= dict(connection.execute(select(corrections.c.id, corrections.c.truth).where(some)).tuples().all())
    return found


def _some(ids: Sequence[str]) -> Iterator[ColumnElement[bool]]:
    """WHERE conditions that select these corrections, in batches of `MOST_VARIABLES`."""
    for start in range(0, len(ids), MOST_VARIABLES):
        yield corrections.c.id.in_(ids[start : start + MOST_VARIABLES])


def _only(held: bool | None, wrong: bool) -> list[ColumnElement[bool]]:
    found = []
    if held is not None:
        found.append(corrections.c.held.is_(held))
    if wrong:
        found.append(corrections.c.value != corrections.c.truth)
    return found


def _row(correction: Correction) -> dict[str, Any]:
    return {**asdict(replace(correction, image=np.zeros((28, 28), np.uint8))), "image": correction.image.tobytes()}


def _correction(row: Mapping[str, Any]) -> Correction:
    values = {f.name: row[f.name] for f in fields(Correction)}
    return Correction(**{**values, "image": _image(row["image"]), "picture": bytes(row["picture"])})


def _image(content: bytes) -> np.ndarray:
    return np.frombuffer(bytes(content), np.uint8).reshape(normalization.SIDE, normalization.SIDE)


def _close_up(picture: np.ndarray, box: tuple[int, int, int, int]) -> bytes:
    """A crop around the mark, as PNG; b"" if the box lies outside the picture."""
    x, y, width, height = box
    reach = AROUND * max(width, height) / 2
    left, top = max(round(x + width / 2 - reach), 0), max(round(y + height / 2 - reach), 0)
    right, bottom = round(x + width / 2 + reach), round(y + height / 2 + reach)
    part = picture[top : max(bottom, 0), left : max(right, 0)]
    if not part.size:
        return b""
    if part.ndim == 3:
        part = cv2.cvtColor(part[..., :3], cv2.COLOR_RGB2GRAY)
    scale = min(1.0, PICTURE_SIDE / max(part.shape))
    size = max(round(part.shape[1] * scale), 1), max(round(part.shape[0] * scale), 1)
    return cv2.imencode(".png", cv2.resize(part, size, interpolation=cv2.INTER_AREA))[1].tobytes()
