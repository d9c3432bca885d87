"""Serves one function file as the worker serves its own: functions-framework on uvicorn."""

import sys

import uvicorn
from functions_framework.aio import create_asgi_app

from trader.entrypoints.parent import exit_with_parent


def main() -> None:
    """Serve ``SOURCE`` at ``PORT`` until SIGTERM, or until standard input ends."""
    source, port = sys.argv[1:]
    exit_with_parent()
    app = create_asgi_app(target="handle", source=source, signature_type="cloudevent")
    uvicorn.run(
        app, host="127.0.0.1", port=int(port), log_config=None, access_log=False, timeout_keep_alive=75
    )


if __name__ == "__main__":
    main()
