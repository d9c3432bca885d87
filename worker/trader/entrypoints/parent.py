"""Ending with the process that started this one, also when that is killed: it holds our standard input."""

import os
import signal
import threading


def exit_with_parent() -> None:
    """End this process, as by SIGTERM, once its standard input ends."""
    threading.Thread(target=_wait, daemon=True, name="exit-with-parent").start()


def _wait() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
