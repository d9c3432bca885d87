"""Images built and run without a container engine's daemon: stand-in bases, buildah, podman and runc.

As root on Debian. What it makes is named ``ib-intents-test``, and what runs carries this run's own number, so
that two runs beside each other don't meet. Containers are removed at the end, and images stay, so that a second
run finds their layers again.
"""

import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from uuid import uuid4

ROOT = Path(__file__).parents[2]
STANDIN = Path(__file__).parent / "standin"
NAME = f"ib-intents-test-{uuid4().hex[:8]}"
"""What everything of this run is named after."""
DEBIAN, PYTHON = "localhost/ib-intents-test-debian:bookworm", "localhost/ib-intents-test-python:bookworm"
PACKAGES = "libssl3 libffi8 libbz2-1.0 liblzma5 libreadline8 libsqlite3-0 zlib1g ca-certificates"
CERTIFICATES, PIP = "/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf"
PODMAN = ("podman", "--cgroup-manager", "cgroupfs", "--runtime", "/usr/sbin/runc", "--log-level", "fatal")
HOW = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--no-healthcheck")


def missing() -> str | None:
    """Return why images can't be built here, None if they can."""
    asked = run(str(Path(__file__).parent / "tools.sh"))
    return asked.said.strip() if asked.code else None


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended, and all that it said."""

    code: int
    said: str


def run(*command: str, within_s: float = 600) -> Ran:
    """Run a command to its end."""
    ran = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=within_s, check=False
    )
    return Ran(ran.returncode, ran.stdout.decode(errors="replace"))


def done(*command: str) -> str:
    """Run a command that has to succeed, and return what it said."""
    ran = run(*command)
    assert ran.code == 0, f"{command}: {ran.said[-2000:]}"
    return ran.said


def has(image: str) -> bool:
    return run("buildah", "inspect", "--type", "image", image).code == 0


def make_bases(folder: Path) -> None:
    """Make what stands in for debian:bookworm-slim and for python:3.12-slim-bookworm, unless they are there.

    The second has this very Python, whichever that is: the lock is for all that are supported.
    """
    if has(DEBIAN) and has(PYTHON):
        return
    root = folder / "root"
    done("debootstrap", "--variant=minbase", "bookworm", str(root))
    _import(root, DEBIAN)
    home, name = Path(sys.base_prefix), f"python{sys.version_info.major}.{sys.version_info.minor}"
    local = root / "usr" / "local"
    done("cp", "-a", str(home / "bin" / name), str(local / "bin"))
    packed = f"tar -C {home}/lib --exclude=site-packages --exclude=__pycache__ --exclude=test -c {name}"
    done("bash", "-c", f"{packed} | tar -C {local}/lib -x")
    done("bash", "-c", f"cp -a {home}/lib/libpython3* {local}/lib/ 2>/dev/null || true")
    (local / "lib" / name / "site-packages").mkdir(exist_ok=True)
    for link in ("python", "python3"):
        (local / "bin" / link).symlink_to(name)
    install = f"apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q {PACKAGES}"
    done("chroot", str(root), "sh", "-c", f"{install} && ldconfig && python -m ensurepip")
    _import(root, PYTHON)
    done("rm", "-rf", str(root))


def _import(root: Path, image: str) -> None:
    done("bash", "-c", f"tar -C {root} -c . | podman import - {image}")


def make_downloads(folder: Path) -> dict[str, Path]:
    """Make a stand-in for the gateway's installer, which holds our simulator, and one for IBC's release."""
    site = folder / "site"
    pip = (str(Path(sys.base_prefix) / "bin" / "python3"), "-m", "pip", "--disable-pip-version-check")
    # For the Python of bookworm, whichever this one is.
    theirs = ("--python-version", "3.11", "--only-binary", ":all:", "--no-compile", "--target", str(site))
    done(*pip, "install", "--quiet", *theirs, "--require-hashes", "--no-deps", "-r", str(_needed(folder)))
    done("cp", "-r", str(ROOT / "worker" / "gateway_simulator"), str(site))
    packed = folder / "site.tgz"
    with tarfile.open(packed, "w:gz") as tar:
        tar.add(site, ".", filter=lambda entry: None if "__pycache__" in entry.name else entry)
    installer, release = folder / "gateway.sh", folder / "ibc.zip"
    installer.write_bytes((STANDIN / "installer.sh").read_bytes() + packed.read_bytes())
    with zipfile.ZipFile(release, "w") as file:
        for name in ("ibcstart.sh", "standin.py"):
            file.write(STANDIN / name, f"scripts/{name}")
    return {"GATEWAY": installer, "IBC": release}


def _needed(folder: Path) -> Path:
    """Return the part of the lock that the simulator needs, for the Python of bookworm."""
    wanted = (
        "annotated-types",
        "pydantic",
        "pydantic-core",
        "pyyaml",
        "typing-extensions",
        "typing-inspection",
        "tzdata",
    )
    kept, keeps = [], False
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if line and not line.startswith((" ", "#")):
            keeps = line.partition("==")[0] in wanted
        if keeps and not line.strip().startswith("#"):
            kept.append(line)
    path = folder / "needed.lock"
    path.write_text("\n".join(kept) + "\n")
    return path


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback, and yield its address."""
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()


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


def build(image: str, context: Path, arguments: Mapping[str, str], *more: str) -> Ran:
    """Build a Dockerfile unchanged."""
    given = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
    how = ("--isolation", "chroot", "--network", "host", "--pull-never", "--format", "docker")
    how = (*how, "--layers", "--force-rm")  # else a build that fails leaves its container
    return run("buildah", "bud", *how, "-t", image, *given, *more, str(context))


def keep_layers(image: str) -> None:
    """Leave the image under the name of all runs, for the next one's cache, and remove its predecessor."""
    kept = image.replace(NAME, "ib-intents-test")
    before = run("buildah", "images", "--quiet", "--no-trunc", kept).said.strip() if has(kept) else ""
    done("buildah", "tag", image, kept)
    done("podman", "untag", image, image)  # with one name it takes them all
    after = done("buildah", "images", "--quiet", "--no-trunc", kept).strip()
    if before and before != after:
        run("podman", "rmi", before)  # refused where another run uses it


def registry_mounts() -> list[str]:
    """Return what pip needs in a closed network: the machine's own, lent to the build and in no layer."""
    here = [path for path in (CERTIFICATES, PIP) if Path(path).is_file()]
    return [word for path in here for word in ("-v", f"{path}:{path}:ro")]


@dataclass(frozen=True, slots=True)
class Container:
    """A container that runs, or has run."""

    name: str

    def logs(self) -> str:
        return run(*PODMAN, "logs", self.name).said

    def exec(self, *command: str) -> Ran:
        return run(*PODMAN, "exec", self.name, *command, within_s=120)

    def stop(self) -> int:
        """Send SIGTERM, wait, and return the exit code."""
        run(*PODMAN, "stop", "--time", "20", self.name)
        return int(done(*PODMAN, "inspect", self.name, "--format", "{{.State.ExitCode}}").split()[-1])

    def processes(self) -> str:
        """Return the command lines and environments of its processes, as the machine's root sees them."""
        pids = done(*PODMAN, "top", self.name, "hpid").split()[1:]
        found = []
        for pid in pids:
            for name in ("cmdline", "environ"):
                path = Path("/proc") / pid / name
                if path.exists():
                    found.append(path.read_bytes().decode(errors="replace"))
        return "\n".join(found)


@contextmanager
def container(
    role: str,
    image: str,
    *,
    network: str = "none",
    variables: Mapping[str, str] = {},
    more: Sequence[str] = (),
) -> Iterator[Container]:
    """Run an image; at the end the container is removed, with its volumes, whatever became of the test."""
    made = Container(f"{NAME}-{role}")
    given = [word for key, value in variables.items() for word in ("-e", f"{key}={value}")]
    try:
        done(*PODMAN, "run", "-d", "--name", made.name, *HOW, "--network", network, *given, *more, image)
        yield made
    finally:
        done(*PODMAN, "rm", "-f", "-v", "-i", "-t", "2", made.name)


def once(image: str, *command: str, entrypoint: str | None = None, more: Sequence[str] = ()) -> Ran:
    """Run an image to its end, without a network, and remove the container."""
    name = f"{NAME}-once"
    entry = ("--entrypoint", entrypoint) if entrypoint else ()
    try:
        return run(*PODMAN, "run", "--name", name, *HOW, "--network", "none", *entry, *more, image, *command)
    finally:
        done(*PODMAN, "rm", "-f", "-v", "-i", "-t", "2", name)
