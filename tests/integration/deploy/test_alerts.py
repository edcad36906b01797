"""Every alert fires when it should and no other does, on series made up for it."""

import json
from pathlib import Path

import pytest

from tests.integration.deploy.files import PROMETHEUS, SERVICES, rules, run

VERSION = 'phiforge_run_version{run="a"}'
RESENT = 'phiforge_resent_total{kind="job"}'
TRAINING = 'phiforge_queue_messages{queue="training"}'
ALL_UP = {f'up{{job="{job}"}}': "1x120" for job in SERVICES}
"""A value each 15 seconds for half an hour: ``1x120`` stays at 1, ``0+5x120`` grows by 5, ``_x40`` is not there."""

FIRING = {
    "a run stands still and is asked for again": ("PhiforgeRunStalled", {VERSION: "7x120", RESENT: "0+1x120"}),
    "a run was marked failed": ("PhiforgeRunFailed", {"phiforge_failed_runs_total": "0x80 1x40"}),
    "a study was marked failed": ("PhiforgeStudyFailed", {"phiforge_failed_studies_total": "0x80 1x40"}),
    "jobs fail": ("PhiforgeJobsFailing", {'phiforge_jobs_total{outcome="failed"}': "0+1x120"}),
    "no trainer is left": ("PhiforgeNoTrainer", {'up{job="trainer"}': "1x20 _x100"}),
    "no sampler is left": ("PhiforgeNoSampler", {'up{job="sampler"}': "1x20 _x100"}),
    "no evaluator is left": ("PhiforgeNoEvaluator", {'up{job="evaluator"}': "1x20 _x100"}),
    "one of the trainers hangs": ("PhiforgeWorkerUnreachable", {'up{job="trainer",instance="b"}': "1x20 0x100"}),
    "a queue grows": ("PhiforgeQueueGrowing", {TRAINING: "0+5x120"}),
    "objects are damaged": ("PhiforgeDamagedObjects", {'phiforge_damaged_objects_total{job="trainer"}': "0x80 2x40"}),
}

QUIET: dict[str, dict[str, str]] = {
    "nothing to do": {},
    "a run moves": {VERSION: "0+3x120", RESENT: "0+1x120"},
    "a slow run moves": {VERSION: "0x15 1x15 2x15 3x15 4x15 5x15 6x15 7x15", RESENT: "0+1x120"},
    "a run is complete while another is asked for again": {
        VERSION: "7x120",
        'phiforge_run_accuracy_ratio{run="a",split="test"}': "0.9x120",
        RESENT: "0+1x120",
    },
    "a cancelled run can still be seen": {VERSION: "7x120", RESENT: "3x120"},
    "a long queue shrinks": {TRAINING: "900-5x120"},
    "a short queue is busy": {TRAINING: "8 2 9 1 7 3 8 2 9 1 7 3x110"},
}


def check_alerts(promtool: str, folder: Path, series: dict[str, str], firing: list[str]) -> None:
    """Let promtool compare the alerts that fire at the end of ``series`` with those that should."""
    test = {
        "interval": "15s",
        "input_series": [{"series": name, "values": values} for name, values in (ALL_UP | series).items()],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": "29m",
                "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in firing],
            }
        ],
    }
    file = folder / "test.yml"
    file.write_text(json.dumps({"rule_files": [str(PROMETHEUS / "rules.yml")], "tests": [test]}))
    run(promtool, "test", "rules", file)


@pytest.mark.parametrize("case", FIRING)
def test_an_alert_fires_when(case: str, promtool: str, tmp_path: Path) -> None:
    alert, series = FIRING[case]
    check_alerts(promtool, tmp_path, series, [alert])


@pytest.mark.parametrize("case", QUIET)
def test_no_alert_fires_when(case: str, promtool: str, tmp_path: Path) -> None:
    check_alerts(promtool, tmp_path, QUIET[case], [])


def test_every_alert_is_seen_to_fire() -> None:
    assert {alert for alert, _ in FIRING.values()} == {alert["alert"] for alert in rules("alert")}
