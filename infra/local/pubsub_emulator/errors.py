"""Errors, with the status codes of the real service."""

from grpc import StatusCode


class Refused(Exception):
    """A call ends with a status other than OK."""

    def __init__(self, code: StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code
        self.details = details


def invalid(details: str) -> Refused:
    """The request violates a rule of the service, or exceeds this emulator."""
    return Refused(StatusCode.INVALID_ARGUMENT, details)


def not_found(name: str) -> Refused:
    """There is no such topic or subscription; in the service's words."""
    return Refused(StatusCode.NOT_FOUND, f"Resource not found (resource={name.rsplit('/', 1)[-1]}).")
