"""Times are whole numbers of flicks: a frame of every usual rate and a sample of 44.1 or 48 kHz are whole numbers of flicks."""

from __future__ import annotations

FLICKS = 705_600_000
"""The flicks of a second."""


def seconds(s: float) -> int:
    """Seconds as flicks, rounded to the nearest flick."""
    return round(s * FLICKS)


def in_seconds(flicks: int) -> float:
    """Flicks as seconds, for people."""
    return flicks / FLICKS


def clock(flicks: int) -> str:
    """Flicks as hours, minutes, seconds and milliseconds, for people: "0:01:02.500"."""
    ms = round(flicks * 1000 / FLICKS)
    return f"{ms // 3_600_000}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"
