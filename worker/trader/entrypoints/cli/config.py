"""`trader config`: what an account may trade and how much of it, shown, written and checked."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from trader.entrypoints.cli import options
from trader.entrypoints.cli.errors import Exit, WrongUse
from trader.entrypoints.cli.output import console, print_json, print_line, table, tell
from trader.entrypoints.cli.written_file import Text

if TYPE_CHECKING:
    from trader.domain.wire import JsonObject
    from trader.entrypoints.cli.configuration_parts import Parts
    from trader.ports import Store
    from trader.settings import Settings

EPILOG = """\b
Examples:
  trader config show                     each value, and whether it is the account's own, common or a default
  trader config check plan.yaml          what is wrong with a file, a line each
  trader config set plan.yaml            replace the account's own part
  trader config set --common limits.yaml replace the part that every account has below its own
  trader config set --once plan.yaml     write it only where there is none
"""

SUCH_AS = "account: DU1234567"

File = Annotated[
    str | None, typer.Argument(metavar="FILE", help="YAML or JSON; - is standard input.", show_default=False)
]
Common = Annotated[bool, typer.Option("--common", help="The common part; otherwise the account's own.")]

app = typer.Typer(
    help="Show, write and check what an account may trade, and how much of it.",
    epilog=EPILOG,
    rich_markup_mode=None,
    invoke_without_command=True,
)


@app.callback()
def config(context: typer.Context) -> None:
    """Print the help where no command is named."""
    if context.invoked_subcommand is None:
        console().print(context.get_help())


@app.command(epilog="Example: trader config show --json")
def show(
    account: options.Account = None, data_dir: options.DataDir = None, as_json: options.AsJson = False
) -> int:
    """Show the configuration as runs read it, and where each value is from."""
    from trader.domain.configuration_reading import parse
    from trader.entrypoints.cli.configuration_parts import leaves

    parts = asyncio.run(_stored(options.settings(data_dir, account)))
    if found := parts.problems():
        return _told(found, Exit.OTHER)
    configuration = parse(parts.whole)
    rows = [(path, text, parts.origin(path)) for path, text in leaves(configuration.to_json())]
    if as_json:
        print_json(
            {
                "account": parts.account,
                "version": configuration.version,
                "configuration": configuration.to_json(),
                "defaults": [".".join(path) for path, _, origin in rows if origin == "default"],
            }
        )
        return Exit.OK
    shown = table("key", "value", "from")
    for path, text, origin in rows:
        shown.add_row(".".join(path), text, origin)
    console().print(shown)
    return Exit.OK


@app.command("set", epilog="Example: trader config set plan.yaml --account DU1234567")
def set_(
    file: File = None,
    text: Text = None,
    common: Common = False,
    once: Annotated[bool, typer.Option("--once", help="Leave what is there as it is.")] = False,
    account: options.Account = None,
    data_dir: options.DataDir = None,
) -> int:
    """Replace the account's own part, or the common one; nothing is written if the whole can't be used."""
    data = _given(file, text)
    settings = options.settings(data_dir, account)
    whose, found, is_written = asyncio.run(_set(settings, data, common=common, once=once))
    if found:
        return _told(found, Exit.WRONG_USE)
    done = "is written; the next run reads it" if is_written else "is there, and stays as it is"
    print_line(f"{_named(whose)} {done}")
    return Exit.OK


def _given(file: str | None, text: str | None) -> "JsonObject":
    from trader.entrypoints.cli.written_file import as_file, read_file

    if (file is None) == (text is None):
        found = "neither" if file is None else "both"
        raise WrongUse(f"expected FILE or --text, found {found}; name a file, - is standard input")
    with as_file(text) as written:
        return read_file(str(written or file), such_as=SUCH_AS)


@app.command(epilog="Example: trader config check plan.yaml")
def check(
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="YAML or JSON, - is standard input; without: the store."),
    ] = None,
    common: Common = False,
    account: options.Account = None,
    data_dir: options.DataDir = None,
    as_json: options.AsJson = False,
) -> int:
    """Say all that is wrong with the stored configuration, or with FILE in the place of one part of it."""
    from trader.entrypoints.cli.written_file import read_file

    settings = options.settings(data_dir, account)
    data = None if file is None else read_file(file, such_as=SUCH_AS)
    whose, found = asyncio.run(_checked(settings, data, common=common))
    if as_json:
        print_json({"account": whose, "problems": list(found)})
        return Exit.OTHER if found else Exit.OK
    if found:
        return _told(found, Exit.OTHER)
    print_line(f"{_named(whose)} can be used")
    return Exit.OK


async def _stored(settings: "Settings") -> "Parts":
    from trader.entrypoints.cli.configuration_parts import parts_of
    from trader.entrypoints.cli.stored import account_of, open_store

    async with open_store(settings) as store:
        return await parts_of(store, await account_of(store, settings))


async def _checked(
    settings: "Settings", data: "JsonObject | None", *, common: bool
) -> tuple[str | None, tuple[str, ...]]:
    """Return whose part this is and what is wrong with the whole, ``data`` in the place of what is stored.

    The common part is nobody's.
    """
    from trader.domain.configuration_reading import problems
    from trader.entrypoints.cli.configuration_parts import Parts
    from trader.entrypoints.cli.stored import open_store

    if data is not None and not settings.data_dir.is_dir():  # nothing lies below it or above
        if common:
            return None, problems(data, partial=True)
        whose = settings.account or str(data.get("account"))
        return whose, Parts(whose, None, data).problems()
    async with open_store(settings) as store:
        return await _held_against(store, settings, data, common=common)


async def _set(
    settings: "Settings", data: "JsonObject", *, common: bool, once: bool
) -> tuple[str | None, tuple[str, ...], bool]:
    """Write ``data`` if nothing is wrong; return whose it is, what is wrong, and whether it is written."""
    from trader.entrypoints.cli.stored import open_store
    from trader.stored import records

    async with open_store(settings, new=True) as store:
        account, found = await _held_against(store, settings, data, common=common)
        if found:
            return account, found, False
        path = records.COMMON_CONFIGURATION if account is None else records.configuration_path(account)
        if once:
            return account, (), await records.write_first_configuration(store, path, data)
        await records.write_configuration(store, path, data)
        return account, (), True


async def _held_against(
    store: "Store", settings: "Settings", data: "JsonObject | None", *, common: bool
) -> tuple[str | None, tuple[str, ...]]:
    from trader.entrypoints.cli.configuration_parts import Parts, common_problems, own_account, parts_of
    from trader.stored import records

    if common:
        stored = await store.get(records.COMMON_CONFIGURATION)
        standing = stored.data if stored else {}
        return None, await common_problems(store, settings, standing if data is None else data)
    account = await own_account(store, settings, data)
    parts = await parts_of(store, account)
    return account, (parts if data is None else Parts(account, parts.common, data)).problems()


def _named(account: str | None) -> str:
    return "the common configuration" if account is None else f"the configuration of {account}"


def _told(found: tuple[str, ...], code: Exit) -> int:
    for line in found:
        tell(line)
    return code
