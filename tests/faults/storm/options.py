"""How hard a storm blows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """A storm. The schedule of faults follows from `seed` and `seconds` alone."""

    seed: int
    seconds: float = 60.0
    """The length of the load; starting and checking come on top."""
    users: int = 6
    clients: int = 40
    conversations: int = 8
    """How many are open at a time; for each that is finalized a new one is started."""
    followed_by: int = 8
    """How many clients follow a conversation."""
    writers: int = 24
    sends_per_second: float = 60.0
    closings_per_minute: float = 24.0
    catch_up_s: float = 20.0
    """Seconds after the last answer within which every client must have every entry."""
    faults: bool = True
