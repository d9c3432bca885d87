"""Containers that run without an engine's daemon, by podman and runc, as root on Debian."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.images.commands import NAME, Ran, done, run

PODMAN = ("podman", "--cgroup-manager", "cgroupfs", "--runtime", "/usr/sbin/runc", "--log-level", "fatal")
HOW = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--no-healthcheck")


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

    def inside(self, script: str, *arguments: str) -> Ran:
        """Run Python of this machine on the container's own network."""
        return run(
            "nsenter", "-t", self.pid, "-n", sys.executable, "-I", "-c", script, *arguments, within_s=120
        )

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


def _inspect(name: str, what: str) -> str:
    return done(*PODMAN, "inspect", name, "--format", f"{{{{{what}}}}}").strip()


def _remove(name: str) -> None:
    done(*PODMAN, "rm", "--force", "--volumes", "--ignore", "--time", "2", name)
