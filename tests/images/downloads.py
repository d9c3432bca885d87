"""Stand-ins for the gateway's installer, which holds our simulator, and for IBC's release; their server."""

import gzip
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from tests.images.bases import BOOKWORM, DEBIAN, PIP
from tests.images.commands import ROOT, STANDIN, done

USUAL_PORT = 20_412
"""The address is part of the cache's key, so it is the same as last time where this port is free."""


def make_downloads(folder: Path, wheels: Path) -> dict[str, Path]:
    """Make both; of the same programs they are the same bytes, as the cache's key has their checksums."""
    site = folder / "site"
    offline = ("--no-index", "--find-links", str(wheels), "--no-deps", "--no-compile")
    done(*PIP, "install", *offline, *BOOKWORM, "--target", str(site), "-r", str(wheels / "needed.lock"))
    done("cp", "-r", str(ROOT / "worker" / "gateway_simulator"), str(site))
    packed = folder / "site.tgz"
    with (
        gzip.GzipFile(packed, "wb", compresslevel=1, mtime=0) as file,
        tarfile.open(fileobj=file, mode="w") as tar,
    ):
        tar.add(site, ".", filter=_timeless)
    installer, release = folder / "gateway.sh", folder / "ibc.zip"
    installer.write_bytes((STANDIN / "installer.sh").read_bytes() + packed.read_bytes())
    with zipfile.ZipFile(release, "w") as ibc:
        for name in ("ibcstart.sh", "standin.py"):
            entry = zipfile.ZipInfo(f"scripts/{name}")
            entry.external_attr = 0o755 << 16
            ibc.writestr(entry, (STANDIN / name).read_bytes())
    return {"GATEWAY": installer, "IBC": release}


def _timeless(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    entry.mtime = 0
    return None if "__pycache__" in entry.name else entry


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback, and yield its address."""
    with _server(folder) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()


def _server(folder: Path) -> ThreadingHTTPServer:
    handler = partial(_Quiet, directory=str(folder))
    try:
        return ThreadingHTTPServer(("127.0.0.1", USUAL_PORT), handler)
    except OSError:
        return ThreadingHTTPServer(("127.0.0.1", 0), handler)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def gateway_arguments(downloads: Mapping[str, Path], address: str) -> dict[str, str]:
    """Return the build arguments of the gateway's image."""
    given = {"BASE": DEBIAN, "GATEWAY_VERSION": "1037", "IBC_VERSION": "3.23.0"}
    for name, path in downloads.items():
        given |= {
            f"{name}_URL": f"{address}/{path.name}",
            f"{name}_SHA256": sha256(path.read_bytes()).hexdigest(),
        }
    return given
