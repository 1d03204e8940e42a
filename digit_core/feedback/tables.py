"""The database's only table. `migrations` creates it and upgrades older versions."""

from sqlalchemy import Boolean, Column, Float, Index, Integer, LargeBinary, MetaData, String, Table

NAME_LENGTH, TEXT_LENGTH, SESSION_LENGTH = 64, 64, 32  # characters

metadata = MetaData()

corrections = Table(
    "corrections",
    metadata,
    Column("id", String(32), primary_key=True),  # set by the caller, so that nothing is saved twice
    Column("created", Float, nullable=False),  # seconds since 1970
    Column("session", String(SESSION_LENGTH), nullable=False),  # a random tag
    Column("model", String(NAME_LENGTH), nullable=False),
    Column("text", String(TEXT_LENGTH), nullable=False),  # the whole reading
    Column("value", Integer, nullable=False),  # the digit that the mark was read as, or `NO_DIGIT`
    Column("truth", Integer, nullable=False),  # what it is: a digit, `NO_DIGIT` or `TWO_DIGITS`
    Column("probability", Float, nullable=False),  # that the model gave the truth
    Column("confidence", Float, nullable=False),  # in what it read
    Column("held", Boolean, nullable=False),  # waits for review; not used for training until then
    Column("image", LargeBinary, nullable=False),  # the normalised digit, 28 x 28 bytes
    Column("picture", LargeBinary, nullable=False),  # a crop around the mark, PNG; may be empty
)
Index("corrections_by_time", corrections.c.created)
Index("corrections_by_session", corrections.c.session, corrections.c.created)
