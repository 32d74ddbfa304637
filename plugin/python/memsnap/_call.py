"""The way to the session: words go there, and text comes back."""

from __future__ import annotations

from typing import Any, Dict, List, Type

_ERRORS: Dict[str, Type[BaseException]] = {
    "usage": ValueError,
    "not_found": LookupError,
    "io": OSError,
    "interrupted": KeyboardInterrupt,
}


# Handles of snapshots that nothing here has any more. A garbage collector may come upon them at any moment, in the midst
# of a call too, so the session is told with the next one.
_forgotten: List[int] = []


def forget(handle: int) -> None:
    """Lets the session forget a snapshot that it keeps for us."""
    _forgotten.append(handle)


def call(*words: str) -> str:
    """Asks the session of the debugger that this runs in.

    What went wrong there is an exception here: ValueError, LookupError, OSError, KeyboardInterrupt, or RuntimeError.
    """
    try:
        # Made by the plugin of the debugger at hand.
        import _memsnap_session as session  # type: ignore[import]
    except ImportError:
        raise RuntimeError("there is no session: memsnap's plugin is not loaded in this Python's debugger") from None
    while _forgotten:
        session.call(["release", str(_forgotten.pop())])
    kind, text = session.call(list(words))
    if kind:
        raise _ERRORS.get(kind, RuntimeError)(text)
    return str(text)


def address_of(value: Any) -> int:
    """An address, of a number or of what the debugger has for a value in the program."""
    if isinstance(value, (str, bytes)):
        raise TypeError(f"an address is a number, not {type(value).__name__}")
    try:
        import _memsnap_session as session
    except ImportError:
        return int(value)
    return int(session.address(value))


def has_session() -> bool:
    """Whether there is a session to ask."""
    try:
        import _memsnap_session  # noqa: F401
    except ImportError:
        return False
    return True
