"""What may go wrong between us and Pub/Sub."""

from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError


class StreamEnded(Exception):
    """The server has ended a stream without an error."""


FAILURES = (exceptions.GoogleAPICallError, GoogleAuthError, TimeoutError, StreamEnded)
"""Everything that talking to Pub/Sub raises."""

_TRANSIENT = (
    exceptions.Aborted,
    exceptions.Cancelled,
    exceptions.DeadlineExceeded,
    exceptions.InternalServerError,
    exceptions.ResourceExhausted,
    exceptions.ServiceUnavailable,
    exceptions.Unknown,
    TimeoutError,
)


def is_transient(error: BaseException) -> bool:
    """Whether the same call may succeed a moment later."""
    return isinstance(error, _TRANSIENT) or (isinstance(error, GoogleAuthError) and error.retryable)
