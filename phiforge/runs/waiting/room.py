"""How many runs may be active: as many as give every trainer a job, and no more; or as many as a person set."""

from phiforge.base.errors import FormatError, IncapableWorkerError, RunError
from phiforge.runs.consistency.chosen import consistency_of
from phiforge.runs.platform import RunPlatform
from phiforge.runs.submitted import RunRecord
from phiforge.runs.waiting.policy import Policy


class Room:
    """What the active runs leave of the fleet: seen once, and then kept up with what is admitted.

    A run keeps no more trainers busy than can do its work: those who said that they cannot are left for others.

    A run whose training is over gives trainers nothing to do, so it is not in their way. It waits for evaluators, of
    whom each has one such run before no other is admitted: what is trained must also be judged.
    """

    def __init__(self, platform: RunPlatform, policy: Policy) -> None:
        self._platform, self._policy = platform, policy
        exchange = platform.exchange
        self._trainers, self._judges = max(1, exchange.workers("training")), max(1, exchange.workers("evaluation"))
        self._jobs = self._judged = 0
        self.active: set[str] = set()
        for run in platform.record.active():
            self.add(run)

    @property
    def left(self) -> bool:
        """Whether one more run may be active."""
        if self._policy.at_once is not None:
            return len(self.active) < self._policy.at_once
        return self._jobs < self._trainers and self._judged <= self._judges

    def add(self, run: str) -> None:
        """Take ``run`` for active."""
        self.active.add(run)
        try:
            record = self._platform.run(run)
        except (FormatError, IncapableWorkerError, RunError):
            return  # it is about to fail, or keeps others busy than those who cannot read it
        jobs = self._jobs_of(record)
        self._jobs += min(jobs, self._trainers - self._platform.exchange.refusing(run, "training"))
        self._judged += not jobs

    def _jobs_of(self, record: RunRecord) -> int:
        """Return how many trainers a run can keep busy: none once it only waits for scores."""
        state, outer = self._platform.exchange.state(record.run), record.spec.outer
        head = state.head if state else record.first_version
        return 0 if head >= outer.versions else outer.jobs * (1 + consistency_of(record.spec).reach)
