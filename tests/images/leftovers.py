"""What containers and builds leave on a machine."""

from pathlib import Path

from tests.images.commands import NAME, done


def standing() -> set[str]:
    """Return all containers, volumes, mounts and working containers of builds, and this run's processes."""
    return {
        *_listed("container", "podman", "ps", "--all", "--quiet", "--no-trunc"),
        *_listed("volume", "podman", "volume", "ls", "--quiet"),
        *_listed("build", "buildah", "containers", "--quiet", "--notruncate"),
        *(f"mount {line.split()[1]}" for line in _lines("/proc/mounts") if "/containers/" in line),
        *(f"process {name}" for name in _processes()),
    }


def _listed(kind: str, *command: str) -> list[str]:
    return [f"{kind} {line}" for line in done(*command).split()]


def _lines(path: str) -> list[str]:
    return Path(path).read_text(errors="replace").splitlines()


def _processes() -> list[str]:
    """Return the processes whose command line names this run, as that of a container's monitor does."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        if NAME.encode() in words:
            found.append(f"{folder.name} {words.replace(bytes(1), b' ').decode(errors='replace')[:200]}")
    return found
