"""QR codes in the terminal."""

from __future__ import annotations


def qr_lines(text: str) -> list[str]:
    """Return the lines of a QR code; none without the library."""
    try:
        import segno
    except ImportError:
        return []
    from io import StringIO

    out = StringIO()
    segno.make(text, error="l").terminal(out=out, compact=True, border=2)
    return out.getvalue().splitlines()
