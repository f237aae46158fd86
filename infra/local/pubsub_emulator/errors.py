"""What the emulator refuses, with the status codes of the real service."""

import grpc


class Refused(Exception):
    """A call that ends with a status other than OK."""

    code = grpc.StatusCode.UNKNOWN

    def __init__(self, details: str) -> None:
        super().__init__(details)
        self.details = details


class NotFound(Refused):
    """There is no such topic or subscription."""

    code = grpc.StatusCode.NOT_FOUND


class AlreadyExists(Refused):
    """The name is taken."""

    code = grpc.StatusCode.ALREADY_EXISTS


class InvalidArgument(Refused):
    """The request breaks a rule of the service, or asks for what this emulator does not do."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class FailedPrecondition(Refused):
    """The subscription is not of the kind that the call needs."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class ResourceExhausted(Refused):
    """The emulator holds as many topics or subscriptions as it may."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED


class Stopping(Refused):
    """The emulator is going down."""

    code = grpc.StatusCode.UNAVAILABLE
