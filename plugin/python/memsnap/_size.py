"""Sizes as people read them."""

from __future__ import annotations

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def format_size(size: float, sign: bool = False) -> str:
    """``82.8 KiB``, ``2392 KiB``; with ``sign``, ``+2392 KiB``."""
    unit = 0
    while unit < len(_UNITS) - 1 and abs(size) >= (100 if unit and abs(size) < 100 else 10 * 1024):
        size /= 1024
        unit += 1
    digits = 1 if unit and abs(size) < 100 else 0
    return f"{size:{'+' if sign else ''}.{digits}f} {_UNITS[unit]}"
