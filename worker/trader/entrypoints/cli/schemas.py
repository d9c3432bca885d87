"""`trader schemas`: writes the schemas and the README's table, or says which of them are stale."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from trader.entrypoints.cli import options
from trader.entrypoints.cli.errors import Exit
from trader.entrypoints.cli.output import print_line, tell

EPILOG = """\b
Examples:
  trader schemas          write the folder schemas, and the table of intents in README.md beside it
  trader schemas --check  name each file that is missing, stale or superfluous, and end with 1
"""


def schemas(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; say what isn't current.")] = False,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", parser=options.folder, help="The folder.  [default: schemas]"),
    ] = None,
) -> int:
    """Generate the JSON Schemas, the AsyncAPI description and the README's table of intents."""
    folder = directory or Path("schemas")
    wanted = generated(folder)
    changes = list(differences(wanted, folder))
    if check:
        for path, found in changes:
            tell(f"expected {path} to be current, found it {found}; run `trader schemas`")
        return Exit.OTHER if changes else Exit.OK
    for path, _ in changes:
        if path in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], encoding="utf-8")
        else:
            path.unlink()
    print_line(f"{len(wanted)} files are current, {len(changes)} changed")
    return Exit.OK


def generated(folder: Path) -> dict[Path, str]:
    """Return the text that each generated file should have; a README beside ``folder`` is one of them."""
    from trader.discovery import find_intents
    from trader.schemas.readme import with_intents
    from trader.schemas.schemas import schema_files

    intents = find_intents()
    files = {folder / path: text for path, text in schema_files(intents).items()}
    readme = folder.parent / "README.md"
    if readme.is_file():
        files[readme] = with_intents(readme.read_text(encoding="utf-8"), intents.values())
    return files


def differences(wanted: dict[Path, str], folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield each file that is missing, stale or superfluous, and which of these it is."""
    from trader.schemas.json_schema import GENERATED

    for path, text in wanted.items():
        if not path.is_file():
            yield path, "missing"
        elif path.read_text(encoding="utf-8") != text:
            yield path, "stale"
    for path in sorted([*folder.glob("*.schema.json"), *folder.glob("intents/*.schema.json")]):
        if path not in wanted and GENERATED in path.read_text(encoding="utf-8"):
            yield path, "superfluous"
