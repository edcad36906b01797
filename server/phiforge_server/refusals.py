"""Why a request is refused: a status and a sentence."""

from phiforge.base.errors import DataError, IncapableWorkerError, PhiforgeError, RunError, StoreError, TaskError


class RefusedError(PhiforgeError):
    """Raised when a request is not served.

    Args:
        status: of HTTP.
        message: what was wrong, what is allowed, and what to do.
    """

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


def status_of(error: PhiforgeError) -> int:
    """Return the HTTP status of an error: whose fault it is."""
    if isinstance(error, RefusedError):
        return error.status
    kinds = {(DataError, TaskError): 422, (RunError,): 404, (StoreError, IncapableWorkerError): 503}
    return next((status for kind, status in kinds.items() if isinstance(error, kind)), 500)
