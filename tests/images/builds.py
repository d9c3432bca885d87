"""Builds with buildah: a Dockerfile unchanged, and images that stay for the next run's cache."""

from collections.abc import Mapping
from pathlib import Path

from tests.images.commands import FAMILY, NAME, Ran, done, run

GATEWAY, WORKER = f"localhost/{NAME}-gateway", f"localhost/{NAME}-worker"
HOW = ("--isolation", "chroot", "--network", "host", "--pull-never", "--format", "docker", "--layers")
CLEAN = "--force-rm"
"""Without it a build that fails leaves its container."""


def build(image: str, context: Path, arguments: Mapping[str, str], *more: str) -> Ran:
    """Build a Dockerfile."""
    given = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
    return run("buildah", "bud", *HOW, CLEAN, "-t", image, *given, *more, str(context))


def has(image: str) -> bool:
    return run("buildah", "inspect", "--type", "image", image).code == 0


def size(image: str) -> int:
    """Return the bytes of all of an image's layers."""
    return int(done("podman", "image", "inspect", image, "--format", "{{.Size}}"))


def keep_layers(image: str) -> None:
    """Leave an image under the name of all runs, for the next one's cache, and remove its predecessor."""
    if not has(image):
        return
    kept = image.replace(NAME, FAMILY)
    before = _id(kept) if has(kept) else None
    done("podman", "tag", image, kept)
    done("podman", "untag", image, image)  # with one name it takes them all
    if before not in (None, _id(kept)):
        run("podman", "rmi", str(before))  # refused where another run uses it


def _id(image: str) -> str:
    return done("podman", "image", "inspect", image, "--format", "{{.Id}}").strip()
