"""``phiforge branch``: a new run that goes on from any version of another, with the same spec or a changed one."""

from collections.abc import Sequence

from phiforge.base.errors import RunError, SpecError
from phiforge.fleet.platform import Platform
from phiforge.registry import DATA, PartConfig
from phiforge.runs.branches import carried_on
from phiforge.runs.changing import changed_spec, expect_fit
from phiforge.runs.checkpoints import Checkpoint
from phiforge.runs.datasets import Facts, load_facts, prepare
from phiforge.runs.learners import initial_phi
from phiforge.runs.recompute import recompute
from phiforge.runs.submitted import Parent, RunRecord
from phiforge.runs.weights import with_weights
from phiforge.tasks.datasets.bases.dataset import Progress
from phiforge_client.episodes import TrainingEpisodes
from phiforge_client.submission import checked_record, enqueue
from phiforge_client.verification import determined_checkpoint, expect_recorded, readable_checkpoint, recorded


def branch(
    platform: Platform, run: str, version: int, overrides: Sequence[str] = (), progress: Progress | None = None
) -> str:
    """Queue a run that starts at ``version`` of ``run``, with ``section.field=value`` changed, and return its id.

    Without a change it takes the same steps to the same φ. A version without a checkpoint is computed again.
    Raises SpecError for a spec with problems, RunError if there is no such version or its φ does not fit the new spec.
    """
    parent = platform.run(run)
    expect_recorded(run, version, parent.first_version, recorded(platform, run)[-1])
    raw = with_weights(changed_spec(parent, overrides), platform.settings, platform.store)
    record = checked_record(raw, lambda data: _facts(platform, parent, data, progress), platform.settings.device)
    if record.spec.outer.versions < version:
        last = record.spec.outer.versions
        raise SpecError([f"outer.versions: {last}, but the branch starts at version {version}; allowed: that or more"])
    start = checkpoint_at(platform, parent, version)
    expect_fit(start.phi, initial_phi(record), f"version {version} of run {run!r}")
    origin = Parent(run, version, start.phi_hash, start.tasks)
    return enqueue(platform, record._replace(parent=origin), carried_on(start, parent, record))


def checkpoint_at(platform: Platform, record: RunRecord, version: int) -> Checkpoint:
    """Return φ and the optimiser's state of any recorded version, computed again where it has no checkpoint.

    Raises RunError if what is computed is not what the log says.
    """
    start, _ = readable_checkpoint(platform, record, version)
    if start.version < version:
        start, _ = determined_checkpoint(platform, record, version, version)
    checkpoint = start
    episodes = TrainingEpisodes(platform, record)
    logged = {entry["version"]: entry for entry in platform.record.log(record.run, start.version, version)}
    for checkpoint, entry in recompute(record, start, version, episodes.file, platform.settings.device, logged):
        expected = logged.get(checkpoint.version, {}).get("phi_hash", "nothing")
        if entry["phi_hash"] != expected:
            raise RunError(
                f"version {checkpoint.version} of run {record.run!r} comes out with φ {entry['phi_hash']}, "
                f"but its log says {expected}: see `phiforge verify {record.run} --version "
                f"{checkpoint.version}`, or branch at one of its checkpoints, {platform.record.checkpoints(record.run)}"
            )
    return checkpoint


def _facts(platform: Platform, parent: RunRecord, data: PartConfig, progress: Progress | None) -> Facts:
    """Look the dataset up; the parent's own is taken as it was published, whatever became of its source."""
    if data == parent.spec.data and DATA[data.name].published:
        return load_facts(parent.dataset, platform.store)
    return prepare(data, platform.settings, platform.store, progress)
