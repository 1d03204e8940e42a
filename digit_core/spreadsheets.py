"""Tables that people open in a spreadsheet."""


def safe_cell(value: str) -> str:
    """Escape a cell so that no spreadsheet treats it as a formula."""
    return "'" + value if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
