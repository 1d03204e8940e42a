"""Tables that people open in a spreadsheet."""


def safe_cell(value: str) -> str:
    """A cell that no spreadsheet takes for a formula, whatever a file was called."""
    return "'" + value if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
