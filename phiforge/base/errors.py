"""Every error that Phiforge raises on purpose, in one small tree."""


class PhiforgeError(Exception):
    """Base of all errors raised on purpose: its message is meant for the user."""


class SpecError(PhiforgeError):
    """Raised when a run or a study cannot be submitted; lists every problem at once."""

    def __init__(self, problems: list[str], of: str = "spec") -> None:
        self.problems = problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"the {of} has {count}:\n" + "\n".join(f"  - {problem}" for problem in problems))


class UnknownFieldError(PhiforgeError):
    """Raised when a field or part of a spec is asked for by a name that is not there."""


class DataError(PhiforgeError):
    """Raised when a dataset cannot be read, downloaded or split as asked."""


class TaskError(PhiforgeError, ValueError):
    """Raised when a learner is shown a task that it is not built for."""


class FormatError(PhiforgeError):
    """Raised when bytes are not what they claim to be: damaged, cut short or of another format."""


class StoreError(PhiforgeError):
    """Raised when object storage cannot be reached or does not keep its promises."""


class UnreachableStoreError(StoreError):
    """Raised when object storage gives no answer now: it may give one later."""


class MissingObjectError(StoreError):
    """Raised when an object that should be in storage is not there."""


class RunError(PhiforgeError):
    """Raised when a run does not exist or is not in a state that allows what was asked."""


class QueueError(PhiforgeError):
    """Raised when a run cannot be queued as asked, or the queue not be served so."""


class StudyError(PhiforgeError):
    """Raised when a study does not exist or is not in a state that allows what was asked."""


class ServiceError(PhiforgeError):
    """Raised when a process that Phiforge needs cannot be started or reached."""


class MessageError(PhiforgeError):
    """Raised when a message is not one that a service can act on: it is dropped, for it will never be."""


class SettingsError(PhiforgeError):
    """Raised when a ``PHIFORGE_*`` variable cannot be used; lists every problem at once."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("the settings cannot be used:\n" + "\n".join(f"  - {problem}" for problem in problems))


class AttemptError(PhiforgeError):
    """Raised when work broke off for a reason that another attempt may not meet: memory, input or output."""


class IncapableWorkerError(PhiforgeError):
    """Raised when this process cannot do what a run asks, and another may: it lacks an engine, a device or a part."""


class MissingPartError(IncapableWorkerError):
    """Raised when a part that a spec names is not installed in this process."""


class RegistryError(IncapableWorkerError):
    """Raised when an installed part is not what its entry point says; another process may have it whole."""
