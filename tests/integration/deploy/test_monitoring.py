"""Prometheus takes its files, and these and Grafana's dashboard name only what the code exports."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

import phiforge.base.metrics  # noqa: F401 - registers the metrics
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge_evaluator.collector import RunCollector
from tests.integration.deploy.files import PROMETHEUS, ROOT, SERVICES, read, rules, run

GRAFANA = ROOT / "deploy" / "grafana"
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
EXPRESSION_VARIABLES = {"$__rate_interval": "1m", "$__range": "30m", "$run": ".*"}


def dashboard() -> dict[str, Any]:
    return dict(json.loads((GRAFANA / "dashboards" / "phiforge.json").read_text()))


def dashboard_expressions() -> list[str]:
    return [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", ())]


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
