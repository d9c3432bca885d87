"""Where the emulators are on this machine, and how Java is told to run one; as a script it says which."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
JVM = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""A small heap and quick start; an emulator is ready in a second or two."""


class Missing(Exception):
    """An emulator can't be run here: one line, what was expected and what to do."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One emulator; ``variable`` points Google's clients at it, ``component`` is gcloud's name for it."""

    name: str
    variable: str
    component: str
    jar: str
    main: str | None = None


PUBSUB = Kind(
    "pubsub", "PUBSUB_EMULATOR_HOST", "pubsub-emulator", "pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar"
)
FIRESTORE = Kind(
    "firestore",
    "FIRESTORE_EMULATOR_HOST",
    "cloud-firestore-emulator",
    "cloud-firestore-emulator/cloud-firestore-emulator.jar",
    "com.google.cloud.datastore.emulator.firestore.CloudFirestore",
)
KINDS = {kind.name: kind for kind in (PUBSUB, FIRESTORE)}


def sdk_root() -> Path:
    """Return the folder of the Google Cloud CLI; raises Missing."""
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        raise Missing("expected the Google Cloud CLI, found no gcloud; install it with both emulators")
    beside = Path(gcloud).resolve().parents[1]  # what gcloud itself says, without its second of Python
    if (beside / "platform").is_dir():
        return beside
    command = [gcloud, "info", "--format=value(installation.sdk_root)"]
    asked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    return Path(asked.stdout.strip() or os.devnull)


def command_of(kind: Kind, port: int) -> Sequence[str]:
    """Return the command that serves ``kind`` on loopback at ``port``; raises Missing.

    Java directly: gcloud's own wrapper leaves the Java process behind when it is ended.
    """
    java = shutil.which("java")
    if java is None:
        raise Missing("expected Java 17 or later to run Google's emulators, found no java; install it")
    jars = sorted((sdk_root() / "platform").glob(kind.jar))
    if not jars:
        raise Missing(
            f"expected the {kind.name} emulator, found none; "
            f"install it with `gcloud components install {kind.component}`"
        )
    jar = ("-jar", str(jars[-1])) if kind.main is None else ("-cp", str(jars[-1]), kind.main)
    return (java, *JVM, *jar, f"--host={HOST}", f"--port={port}")


def main() -> int:
    """Print which emulators are here, or why not; 1 if one is missing. It needs no package but this file."""
    try:
        jars = [command_of(kind, 1)[len(JVM) + 2].rpartition("/")[2] for kind in KINDS.values()]
    except Missing as error:
        sys.stdout.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{', '.join(jars)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
