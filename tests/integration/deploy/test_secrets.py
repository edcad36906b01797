"""Every secret is made, and each service is shown its own alone."""

from pathlib import Path
from typing import Any

from tests.integration.deploy.files import ONE_OFF, ROOT, SERVE, SERVICES
from tests.secured import make_secrets


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
    # who serves predictions no password of Redis, and the key that callers must know;
    assert shown.pop(SERVE) == {
        ("ca.crt", "ca.crt"),
        ("serve-s3-secret-key", "phiforge_s3_secret_key"),
        ("serve-key", "phiforge_serve_key"),
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
