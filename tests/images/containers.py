"""Containers that run without an engine's daemon, by podman and runc, as root on Debian."""

import ctypes
import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.images.commands import NAME, Ran, done, run

PODMAN = ("podman", "--cgroup-manager", "cgroupfs", "--runtime", "/usr/sbin/runc", "--log-level", "fatal")
HOW = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--no-healthcheck")
CLONE_NEWNET = 0x40000000
"""setns(2): the namespace is that of a network; os.setns came with Python 3.12."""


@dataclass(frozen=True, slots=True)
class Container:
    """A container that runs, or has run."""

    name: str
    image: str
    pid: str

    @property
    def network(self) -> str:
        """What puts another container beside it, on the same localhost."""
        return f"container:{self.name}"

    def logs(self) -> str:
        return run(*PODMAN, "logs", self.name).said

    def exec(self, *command: str) -> Ran:
        return run(*PODMAN, "exec", self.name, *command, within_s=120)

    def inspect(self, what: str) -> str:
        """Return one value of podman's description, such as ``.State.Pid``."""
        return _inspect(self.name, what)

    def stop(self) -> int:
        """Send SIGTERM, wait, and return the exit code."""
        run(*PODMAN, "stop", "--time", "20", self.name)
        return int(self.inspect(".State.ExitCode"))

    def check_health(self) -> Ran:
        """Run the image's own health check, as an engine does."""
        (described,) = json.loads(done("podman", "image", "inspect", self.image))
        kind, *command = described["Healthcheck"]["Test"]
        assert kind == "CMD", kind
        return self.exec(*command)

    def connect(self, port: int) -> socket.socket:
        """Connect to a port of the container's own localhost."""
        with ThreadPoolExecutor(1) as alone:  # the thread goes there, connects, and ends
            return alone.submit(_connect_inside, self.pid, port).result()

    def processes(self) -> str:
        """Return its processes, as ps lists them."""
        return done(*PODMAN, "top", self.name, "user,pid,ppid,args")

    def known_to_processes(self) -> str:
        """Return the command lines and environments of its processes, as the machine's root sees them."""
        pids = done(*PODMAN, "top", self.name, "hpid").split()[1:]
        files = [Path("/proc") / pid / name for pid in pids for name in ("cmdline", "environ")]
        return "\n".join(file.read_bytes().decode(errors="replace") for file in files if file.exists())


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
    name = f"{NAME}-{role}"
    given = [word for key, value in variables.items() for word in ("-e", f"{key}={value}")]
    try:
        done(*PODMAN, "run", "-d", "--name", name, *HOW, "--network", network, *given, *more, image)
        yield Container(name, image, _inspect(name, ".State.Pid"))
    finally:
        _remove(name)


def once(image: str, *command: str, more: Sequence[str] = ()) -> Ran:
    """Run an image to its end, without a network, and remove the container."""
    name = f"{NAME}-once"
    try:
        return run(*PODMAN, "run", "--name", name, *HOW, "--network", "none", *more, image, *command)
    finally:
        _remove(name)


def _connect_inside(pid: str, port: int) -> socket.socket:
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(f"/proc/{pid}/ns/net").open("rb") as network:
        if libc.setns(network.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    return socket.create_connection(("127.0.0.1", port), 60)


def _inspect(name: str, what: str) -> str:
    return done(*PODMAN, "inspect", name, "--format", f"{{{{{what}}}}}").strip()


def _remove(name: str) -> None:
    done(*PODMAN, "rm", "--force", "--volumes", "--ignore", "--time", "2", name)
