"""The commands, each from its own file; heavy imports stay inside them, so that help is quick."""

from typing import Annotated

import typer

from trader.entrypoints.cli import (
    clock,
    config,
    demo,
    dev,
    doctor,
    expect,
    explain,
    gcloud_env,
    holdings,
    intents,
    publish,
    replay,
    results,
    schedules,
    schemas,
    settled,
    state,
    strategies,
    unresolved,
)
from trader.entrypoints.cli.output import console
from trader.version import version

app = typer.Typer(
    help="Trade by intents: publish one, follow its result, run the whole system on this machine.",
    epilog="Exit codes: 0 succeeded or skipped, 1 any other end or a finding, 2 wrong use, "
    "3 no result in time, 4 topic or store out of reach.",
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def trader(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    """Print the version, or the help where no command is named."""
    if show_version:
        console().print(version())
    elif context.invoked_subcommand is None:
        console().print(context.get_help())


app.command(epilog=demo.EPILOG)(demo.demo)
app.command(epilog=dev.EPILOG)(dev.dev)
app.command(epilog=clock.EPILOG)(clock.clock)
app.command("gcloud-env", epilog=gcloud_env.EPILOG)(gcloud_env.gcloud_env)
app.command(epilog=publish.EPILOG)(publish.publish)
app.command(epilog=results.EPILOG)(results.results)
app.command(epilog=replay.EPILOG)(replay.replay)
app.command(epilog=doctor.EPILOG)(doctor.doctor)
app.command(epilog=intents.EPILOG)(intents.intents)
app.command(epilog=strategies.EPILOG)(strategies.strategies)
app.command(epilog=explain.EPILOG)(explain.explain)
app.command(epilog=state.EPILOG)(state.state)
app.add_typer(config.app, name="config")
app.command(epilog=holdings.EPILOG)(holdings.holdings)
app.command(epilog=unresolved.EPILOG)(unresolved.unresolved)
app.command(epilog=settled.EPILOG)(settled.settled)
app.add_typer(schedules.app, name="schedules")
app.command(epilog=expect.EPILOG)(expect.expect)
app.command(epilog=schemas.EPILOG)(schemas.schemas)
