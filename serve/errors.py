"""The errors of the service, each a sentence for the person who can mend the cause."""

from __future__ import annotations

from vision.errors import CityEyeError


class ServiceError(CityEyeError):
    """Root of what the service refuses or cannot do."""


class NotFound(ServiceError, LookupError):
    """There is no such thing, or the caller may not know of it."""


class NotSignedIn(ServiceError, PermissionError):
    """The caller did not say who they are, or not truly."""


class NotAllowed(ServiceError, PermissionError):
    """The caller's role or token does not allow this."""


class Conflict(ServiceError, ValueError):
    """The request does not fit the state that the thing is in."""


class Stale(ServiceError, ValueError):
    """The thing was changed by someone else since it was read."""


class MissingCondition(ServiceError, ValueError):
    """A change came without saying which version it changes."""


class TooLarge(ServiceError, ValueError):
    """More was sent than is accepted."""


class QuotaExceeded(ServiceError, ValueError):
    """The user's share of space is used up."""


class TooMany(ServiceError, ValueError):
    """Too many requests; later they will be served again."""

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        """Say what is too much, and when to come again."""
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Gone(ServiceError, LookupError):
    """It was here, and was deleted on purpose."""


class Unavailable(ServiceError, ConnectionError):
    """Something that is needed does not answer."""


class StorageError(ServiceError, OSError):
    """A stored file could not be read or written."""
