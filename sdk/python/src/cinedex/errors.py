"""Errors of algorithms, of workers and of the client. The kind of an error decides what the platform does with the run."""

from __future__ import annotations


class Error(Exception):
    """The base of the errors of this package."""


class Misuse(Error):
    """The algorithm breaks the contract. The text says which rule, and what to write. The run has failed."""


class Invalid(Error):
    """The algorithm can never process this asset. The run has failed."""


class Unavailable(Error):
    """A later attempt may succeed. The run is executed again later."""


class Cancelled(Error):
    """The platform ended the run. An algorithm lets the error pass, and MAY clean up in `finally`."""


class Refused(Error):
    """The search API refused a request. `code` is the code of Connect, such as "invalid_argument"."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
