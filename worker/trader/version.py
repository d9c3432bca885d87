"""Which version of the program this is."""

import tomllib
from importlib import metadata
from pathlib import Path

NAME = "ib-intents"


def version() -> str:
    """Return the version, of the installed package or, as in the worker's image, of the source beside it."""
    try:
        return metadata.version(NAME)
    except metadata.PackageNotFoundError:
        project = Path(__file__).parents[2] / "pyproject.toml"
        return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])
