"""A process of the stack: started, kept running, stopped, and never left behind."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from trader.entrypoints.cli.output import tell

FIRST_WAIT_S = 0.25
LONGEST_WAIT_S = 15.0
STEADY_S = 10.0
"""A process that lived this long is started again without much of a wait."""


_LISTENING = re.compile(r"^listening on 127\.0\.0\.1:(\d+)$", re.MULTILINE)


class Child:
    """A Python module run as a process; it ends with this one, since it watches its standard input.

    ``holds`` is a file descriptor that it inherits. What it prints goes to ``log``; the log of the start
    before is kept beside it as ``….1``.
    """

    def __init__(self, name: str, log: Path, *, holds: int, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = log
        self._holds = holds
        self._environment = {**os.environ, **environment}
        self._process: Process | None = None
        with suppress(FileNotFoundError):
            log.rename(log.with_name(log.name + ".1"))

    @property
    def pid(self) -> int | None:
        """The process, once there is one."""
        return self._process.pid if self._process else None

    @property
    def runs(self) -> bool:
        """Whether the process has started and not ended."""
        return self._process is not None and self._process.returncode is None

    async def start(self, module: str, *arguments: str) -> None:
        """Start the process."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # no module of the folder that this was started in
                "-m",
                module,
                *arguments,
                "--exit-with-parent",
                stdin=PIPE,
                stdout=log,
                stderr=log,
                env=self._environment,
                pass_fds=(self._holds,),
                process_group=0,  # Ctrl-C is for the stack, which stops its processes in their order
            )

    async def listening(self) -> int | None:
        """Return the port on which it says that it listens; None when it ended without saying so."""
        while not (found := _LISTENING.search(self.log.read_text(errors="replace"))):
            if not self.runs:
                return None
            await asyncio.sleep(0.01)
        return int(found[1])

    async def ended(self) -> int:
        """Wait for the end of the process and return its exit code."""
        assert self._process is not None  # noqa: S101 - asked only of what was started
        return await self._process.wait()

    async def keep(self, command: Sequence[str], on_start: Callable[[], None]) -> NoReturn:
        """Start the process again with ``command`` whenever it ends."""
        clock = asyncio.get_running_loop()
        wait_s, started_at = FIRST_WAIT_S, clock.time()
        while True:
            code = await self.ended()
            if clock.time() - started_at > STEADY_S:
                wait_s = FIRST_WAIT_S
            tell(f"the {self.name} ended ({_why(code)}); starting it again in {wait_s:g} s, see {self.log}")
            await asyncio.sleep(wait_s)
            wait_s, started_at = min(wait_s * 2, LONGEST_WAIT_S), clock.time()
            await self.start(*command)
            on_start()

    async def stop(self, within_s: float) -> None:
        """Ask the process to end, and kill it if it has not ``within_s`` or when this is cancelled."""
        if self._process is None or self._process.returncode is not None:
            return
        try:
            self._process.terminate()
            async with asyncio.timeout(within_s):
                await self._process.wait()
        except TimeoutError:
            tell(
                f"the {self.name} did not end within {within_s:g} s and is killed; "
                "what it was doing goes on at the next start"
            )
        finally:
            if self._process.returncode is None:
                self._process.kill()
                await self._process.wait()

    def last_words(self) -> str:
        """Return the last line of the log."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "(it printed nothing)"


def _why(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
