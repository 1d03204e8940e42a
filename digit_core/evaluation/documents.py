"""A document made of blocks, written as one self-contained HTML file or as a PDF."""

import html
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from digit_core.evaluation.report import STYLE
from digit_core.reading import overlay

MARGIN, WIDTH = 18, 174  # millimetres of a PDF page
PICTURE, ROOM = 19, 3  # millimetres of a picture's side, and between two
CAPTION_LINE = 3.2  # millimetres
CHART = 110  # millimetres
LATIN = str.maketrans({"–": "-", "−": "-", "→": ">", "“": '"', "”": '"', "’": "'", "…": "...", "≤": "<="})


@dataclass(frozen=True)
class Heading:
    """The beginning of a section."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """Plain text."""

    text: str


@dataclass(frozen=True)
class Table:
    """Rows of texts, with or without a heading."""

    rows: Sequence[Sequence[str]]
    heading: Sequence[str] = ()


@dataclass(frozen=True)
class Chart:
    """An SVG picture, as `svg_charts` makes them."""

    svg: str


@dataclass(frozen=True)
class Pictures:
    """Small pictures, uint8 (height, width) or (height, width, 3), each with a caption; lines end with a newline.
    On paper there are `columns` a row, at most 8."""

    images: Sequence[np.ndarray]
    captions: Sequence[str]
    columns: int = 8


Block = Heading | Paragraph | Table | Chart | Pictures


def to_html(title: str, blocks: Sequence[Block]) -> str:
    """The document as HTML with embedded pictures."""
    content = "".join(_as_html(block) for block in blocks)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>'
        f"<body><h1>{html.escape(title)}</h1>{content}</body></html>"
    )


def _as_html(block: Block) -> str:
    if isinstance(block, Heading):
        return f"<h2>{html.escape(block.text)}</h2>"
    if isinstance(block, Paragraph):
        return f"<p>{html.escape(block.text)}</p>"
    if isinstance(block, Chart):
        return block.svg
    if isinstance(block, Pictures):
        figures = zip(block.images, block.captions, strict=True)
        return f'<div class="digits">{"".join(_figure(*figure) for figure in figures)}</div>'
    head = f"<tr>{''.join(f'<th>{html.escape(cell)}</th>' for cell in block.heading)}</tr>" if block.heading else ""
    rows = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in block.rows)
    return f"<table>{head}{rows}</table>"


def _figure(image: np.ndarray, caption: str) -> str:
    said = html.escape(caption)
    return (
        f'<figure><img alt="{said}" src="{overlay.data_url(image)}">'
        f"<figcaption>{said.replace(chr(10), '<br>')}</figcaption></figure>"
    )


def to_pdf(title: str, blocks: Sequence[Block]) -> bytes:
    """The document as a PDF of A4 pages; characters that its font lacks are replaced by "?"."""
    from fpdf import FPDF

    page = FPDF(format="A4")
    page.set_margin(MARGIN)
    page.set_auto_page_break(True, MARGIN)
    page.set_title(_latin(title))
    page.add_page()
    page.set_font("Helvetica", "B", 20)
    page.multi_cell(WIDTH, 10, _latin(title), new_x="LMARGIN", new_y="NEXT")
    for block in blocks:
        WRITERS[type(block)](page, block)
    return bytes(page.output())


def _write_heading(page, block: Heading) -> None:
    if page.will_page_break(40):
        page.add_page()
    page.ln(4)
    page.set_font("Helvetica", "B", 14)
    page.multi_cell(WIDTH, 8, _latin(block.text), new_x="LMARGIN", new_y="NEXT")


def _write_paragraph(page, block: Paragraph) -> None:
    page.set_font("Helvetica", size=10)
    page.multi_cell(WIDTH, 5, _latin(block.text), new_x="LMARGIN", new_y="NEXT")
    page.ln(1)


def _write_table(page, block: Table) -> None:
    page.set_font("Helvetica", size=9)
    with page.table(
        borders_layout="HORIZONTAL_LINES", line_height=5, first_row_as_headings=bool(block.heading), text_align="LEFT"
    ) as table:
        for cells in [block.heading, *block.rows] if block.heading else block.rows:
            row = table.row()
            for cell in cells:
                row.cell(_latin(cell))
    page.ln(2)


def _write_chart(page, block: Chart) -> None:
    page.image(io.BytesIO(block.svg.replace("currentColor", "#222222").encode()), w=CHART)
    page.ln(2)


def _write_pictures(page, block: Pictures) -> None:
    page.set_font("Helvetica", size=7)
    high = PICTURE + ROOM + CAPTION_LINE * max((caption.count("\n") + 1 for caption in block.captions), default=1)
    for place, (image, caption) in enumerate(zip(block.images, block.captions, strict=True)):
        if place % block.columns == 0:
            if place:
                page.set_y(page.get_y() + high)
            if page.will_page_break(high):
                page.add_page()
        left, top = MARGIN + place % block.columns * (PICTURE + ROOM), page.get_y()
        page.image(Image.fromarray(image), left, top, PICTURE, PICTURE)
        page.set_xy(left, top + PICTURE)
        page.multi_cell(PICTURE, CAPTION_LINE, _latin(caption), align="C")
        page.set_xy(MARGIN, top)
    page.set_xy(MARGIN, page.get_y() + high)


WRITERS = {
    Heading: _write_heading,
    Paragraph: _write_paragraph,
    Table: _write_table,
    Chart: _write_chart,
    Pictures: _write_pictures,
}


def _latin(text: str) -> str:
    return text.translate(LATIN).encode("latin-1", "replace").decode("latin-1")
