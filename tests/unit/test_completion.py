"""What a shell offers after Tab."""

from pathlib import Path

import pytest

from phiforge.runs.record import Record
from phiforge.runs.store import LocalStore
from phiforge.runs.submitted import RunRecord
from phiforge.spec.run import RunSpec
from phiforge_client import completion

RUN = "mine-20261130-111610-ab12"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a run in it."""
    monkeypatch.setenv("PHIFORGE_SECRETS_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("PHIFORGE_HOME", str(tmp_path))
    spec = RunSpec()
    Record(LocalStore(tmp_path / "store")).create(RunRecord(RUN, spec, spec.hash, "digest", (1, 28, 28), 300, 1.0))
    return tmp_path


def test_what_goes_on_as_it_was_begun() -> None:
    assert completion.runs("") == ["latest", RUN]
    assert completion.runs("mi") == [RUN]
    assert "demo-maml" in completion.specs("demo-")
    assert completion.fields("outer.l") == ["outer.lr", "outer.local_steps", "outer.local_optimizer", "outer.local_lr"]
    assert completion.fields("learner.maml_") == ["learner.maml_plus_plus"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PHIFORGE_STORE_URL", "s3://bucket"), ("PHIFORGE_STORE_URL", "nonsense"), ("PHIFORGE_METRICS_PORT", "many")],
)
def test_what_cannot_be_had_is_not_offered(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a store that is a server's, or settings that cannot be used, I expect no run, no wait, and no word.
    monkeypatch.setenv(variable, value)
    assert RUN not in completion.runs("")
    assert completion.fields("nothing.of.the.kind.") == []
    assert capsys.readouterr().err == ""
