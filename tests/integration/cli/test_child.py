"""A process of the stack is kept running, and never outlives its supervisor."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.process import line, python
from trader.entrypoints.cli import child as children
from trader.entrypoints.cli.child import Child

LIVES = """
import os, sys, threading
print(os.getpid(), *sys.argv[1:], flush=True)
threading.Thread(target=lambda: (sys.stdin.buffer.raw.read(), os._exit(0)), daemon=True).start()
"""
PATIENT = LIVES + "threading.Event().wait()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)" + PATIENT
SHORT = "import sys; print('all that it says', flush=True); sys.exit(3)"


@asynccontextmanager
async def a_child(folder: Path, code: str, *, within_s: float = 10) -> AsyncIterator[Child]:
    (folder / "some_module.py").write_text(code)
    child = Child("worker", folder / "worker.log", holds=2, environment={"PYTHONPATH": str(folder)})
    await child.start("some_module", "one")
    try:
        yield child
    finally:
        await child.stop(within_s)


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def starts(child: Child) -> list[str]:
    return child.log.read_text().splitlines()


async def test_a_process_runs_with_its_arguments_and_its_log(tmp_path: Path) -> None:
    (tmp_path / "worker.log").write_text("the last start's")
    async with a_child(tmp_path, PATIENT) as child:
        await eventually(lambda: bool(starts(child)))
        assert starts(child) == [f"{child.pid} one --exit-with-parent"]
        assert (tmp_path / "worker.log.1").read_text() == "the last start's"
        assert child.runs
    assert not child.runs


async def test_a_process_that_dies_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(children, "FIRST_WAIT_S", 0.01)
    noted: list[int | None] = []
    async with a_child(tmp_path, PATIENT) as child:
        first = child.pid
        keeping = asyncio.create_task(child.keep(("some_module", "two"), lambda: noted.append(child.pid)))
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: bool(noted))
        await eventually(lambda: any(f"{noted[0]} two" in start for start in starts(child)))
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
    assert (
        f"the worker ended (signal 9); starting it again in 0.01 s, see {child.log}"
        in capsys.readouterr().err
    )


async def test_the_wait_grows_while_it_dies_young(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(children, "FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(children, "LONGEST_WAIT_S", 0.002)
    started: list[int | None] = []
    async with a_child(tmp_path, SHORT) as child:
        keeping = asyncio.create_task(child.keep(("some_module",), lambda: started.append(child.pid)))
        await eventually(lambda: len(started) >= 3)
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        assert child.last_words() == "all that it says"
    said = capsys.readouterr().err.splitlines()
    assert [text.split(" again in ")[1].split(" s,")[0] for text in said[:3]] == ["0.001", "0.002", "0.002"]
    assert "exit code 3" in said[0]


async def test_a_process_that_does_not_end_is_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_child(tmp_path, STUBBORN, within_s=0.05) as child:
        await eventually(lambda: bool(starts(child)))
    assert child.pid is not None
    assert not lives(child.pid)
    assert "did not end within 0.05 s and is killed" in capsys.readouterr().err


async def test_a_process_ends_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "some_module.py").write_text(PATIENT)
    supervisor = """
import asyncio, sys
from pathlib import Path
from trader.entrypoints.cli.child import Child

async def main():
    folder = Path(sys.argv[1])
    child = Child("worker", folder / "worker.log", holds=2, environment={"PYTHONPATH": str(folder)})
    await child.start("some_module")
    print(child.pid, flush=True)
    await child.ended()

asyncio.run(main())
"""
    async with python(supervisor, str(tmp_path)) as process:
        pid = int(await line(process))
        await eventually(lambda: (tmp_path / "worker.log").read_text() != "")
        process.kill()
        await eventually(lambda: not lives(pid))
