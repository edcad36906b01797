"""Makes what a fleet needs to trust itself: certificates, and for each service a Redis user and an S3 user of its own.

Needs nothing but Python and openssl, so that it runs on a machine that only has Docker: `make secrets`.

What each user may do is in policies/ (S3, as IAM policies) and redis/users.acl; this only adds passwords. The files are
readable by all, for Compose shows them to containers as they are here, and those run as different users; their
folder lets in nobody but its owner. The authority's own key is thrown away once it has signed: nobody can sign with it
again, and what is renewed is renewed whole.
"""

import argparse
import hashlib
import json
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).parent
SERVICES = ("sampler", "trainer", "evaluator", "client")
WITHOUT_REDIS = ("serve",)
"""Those that need object storage alone."""
SERVERS = ("redis", "object-store")
DAYS = 825


def main() -> None:
    """Write every file into the folder that is named, unless it is there already."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=HERE / "secrets")
    parser.add_argument("--host", action="append", default=[], help="another name or address of the servers")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    if folder.exists():
        print(f"{folder} is there already: remove it to renew all secrets, then restart the fleet")
        return
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".secrets-") as unfinished:
        for name, content in all_secrets(Path(unfinished), arguments.host).items():
            write(Path(unfinished) / name, content)
        folder.mkdir(mode=0o700)
        Path(unfinished).rename(folder)
        Path(unfinished).mkdir()  # for the context to remove
    print(f"wrote certificates, users and passwords to {folder}")


def all_secrets(work: Path, hosts: Sequence[str]) -> dict[str, str]:
    """Return every file's content by its name."""
    redis = {service: secrets.token_urlsafe(32) for service in SERVICES}
    s3 = {service: secrets.token_urlsafe(32) for service in SERVICES + WITHOUT_REDIS}
    return {
        **{f"{service}-redis-password": password for service, password in redis.items()},
        **{f"{service}-s3-secret-key": key for service, key in s3.items()},
        "grafana-admin-password": secrets.token_urlsafe(32),
        "serve-key": secrets.token_urlsafe(32),
        "redis-users.acl": redis_users(redis),
        "object-store-identities.json": s3_identities(s3),
        **certificates(work, hosts),
    }


def redis_users(passwords: Mapping[str, str]) -> str:
    """Return the ACL file; it holds hashes, which open nothing."""
    digests = {service: hashlib.sha256(password.encode()).hexdigest() for service, password in passwords.items()}
    return (HERE / "redis" / "users.acl").read_text().format(**digests)


def s3_identities(keys: Mapping[str, str]) -> str:
    """Return SeaweedFS's identities: one a service, whose access key is the service's name."""
    identities = [
        {
            "name": service,
            "credentials": [{"accessKey": service, "secretKey": key}],
            "policyNames": [service],
        }
        for service, key in keys.items()
    ]
    policies = [{"name": service, "content": (HERE / "policies" / f"{service}.json").read_text()} for service in keys]
    return json.dumps({"identities": identities, "policies": policies}, indent=2)


def certificates(work: Path, hosts: Sequence[str]) -> dict[str, str]:
    """Return an authority's certificate, and each server's certificate and key, signed by it."""
    authority = ["-CA", str(work / "ca.crt"), "-CAkey", str(work / "ca.key")]
    usage = ["keyUsage=critical,keyCertSign,cRLSign"]
    certify(work / "ca", "Phiforge fleet", ["basicConstraints=critical,CA:TRUE", *usage], [])
    for server in SERVERS:
        names = ",".join(map(alternative_name, (server, "localhost", "127.0.0.1", *hosts)))
        certify(work / server, server, ["basicConstraints=critical,CA:FALSE", f"subjectAltName={names}"], authority)
    (work / "ca.key").unlink()
    return {path.name: path.read_text() for path in sorted(work.iterdir())}


def certify(path: Path, name: str, extensions: Sequence[str], authority: Sequence[str]) -> None:
    """Write a new key and a certificate for it beside each other; without an ``authority`` it signs itself."""
    options = [option for extension in extensions for option in ("-addext", extension)]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-keyout", f"{path}.key"]
    where = ["-out", f"{path}.crt", "-subj", f"/CN={name}", "-days", str(DAYS)]
    command = ["openssl", "req", "-x509", *key, *where, *options, *authority]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"openssl failed: {done.stderr}")


def alternative_name(host: str) -> str:
    """Spell a name or an address as a certificate does."""
    return f"IP:{host}" if host.replace(".", "").isdigit() or ":" in host else f"DNS:{host}"


def write(path: Path, content: str) -> None:
    """Write a file that every container may read and nobody may change."""
    path.unlink(missing_ok=True)
    path.write_text(content)
    path.chmod(0o444)


if __name__ == "__main__":
    main()
