"""`trader gcloud-env`: what points gcloud, and the other commands, at what `trader dev --google` runs."""

import shlex
from typing import TYPE_CHECKING

from trader.entrypoints.cli import options
from trader.entrypoints.cli.errors import WrongUse
from trader.entrypoints.cli.output import print_json, print_line

if TYPE_CHECKING:
    from pathlib import Path

    from trader.entrypoints.cli.stack import Emulators

EPILOG = """\b
Examples:
  eval "$(trader gcloud-env)"
  gcloud pubsub topics publish intents --message='{"intent": "summary"}'
  trader results --follow
\b
For this shell alone; a new one is what it was before. gcloud needs no login, and can reach nothing else.
"""


def gcloud_env(data_dir: options.DataDir = None, as_json: options.AsJson = False) -> None:
    """Print the exports that point gcloud and trader at the emulators of `trader dev --google`."""
    from trader.entrypoints.cli.stack import running_stack

    folder = options.settings(data_dir).data_dir
    stack = running_stack(folder)
    if stack is None or stack.emulators is None:
        found = "no stack there" if stack is None else "one without emulators"
        raise WrongUse(
            f"expected `trader dev --google` to run on {folder}, found {found}; start it, "
            "or name its folder with --data-dir"
        )
    variables = _variables(stack.emulators, folder)
    if as_json:
        print_json(dict(variables))
        return
    for name, value in variables.items():
        print_line(f"export {name}={shlex.quote(value)}")


def _variables(emulators: "Emulators", folder: "Path") -> dict[str, str]:
    """Return the environment; gcloud's own folder is a fresh one, which knows of no login and no project."""
    configuration = folder / "gcloud"
    configuration.mkdir(exist_ok=True)
    return {
        "CLOUDSDK_CONFIG": str(configuration),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_PROJECT": emulators.project,
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB": f"http://{emulators.pubsub}/",
        **emulators.variables(),
    }
