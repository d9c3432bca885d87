"""`trader demo`, as `make demo` runs it: it keeps its promises, and says so when it can't."""

from pathlib import Path

from tests.support.stack import Running, running


def demo(folder: Path, *arguments: str, **variables: str) -> tuple[Running, Path]:
    """Run the demo to its end; what it said, and where it makes its folder."""
    scratch = folder / "scratch"
    scratch.mkdir()
    given = {"TMPDIR": str(scratch), **variables}
    with running(folder / "demo", "trader.entrypoints.cli", "demo", *arguments, variables=given) as ran:
        ran.ended()
    return ran, scratch


def test_the_demo_ends_as_promised_and_leaves_nothing(tmp_path: Path) -> None:
    # What the environment says of another worker is nothing to the demo.
    ran, scratch = demo(tmp_path, COLUMNS="80", TRADER_MODE="live", TRADER_ACCOUNT="U7")
    assert (ran.process.returncode, ran.err) == (0, ""), ran.out
    for status, count in {"succeeded": 17, "rejected": 3, "expired": 1, "skipped": 1}.items():
        assert sum(f"  {status} " in line for line in ran.out.splitlines()) == count
    for word in ("id/demo-signal#2", "symbl", "id/demo-live#2", "holdings 0"):
        assert word in ran.out
    assert all(len(line) <= 80 for line in ran.out.splitlines())
    said = " ".join(ran.out.split())
    assert "is killed in the middle (SIGKILL)" in said
    assert "Wednesday, 09:30" in said
    assert "Thursday, 09:30" in said
    assert "22 results, each as promised" in said
    assert list(scratch.iterdir()) == []


def test_a_demo_that_cannot_start_says_so_and_keeps_its_logs(tmp_path: Path) -> None:
    fake = tmp_path / "fake" / "gateway_simulator"
    fake.mkdir(parents=True)
    (fake / "__init__.py").touch()
    (fake / "__main__.py").write_text("raise SystemExit('no gateway today')")
    ran, scratch = demo(tmp_path, PYTHONPATH=str(fake.parent))
    assert ran.process.returncode == 1
    assert "broken: expected the stack to be ready" in ran.out
    [kept] = scratch.iterdir()
    assert str(kept) in ran.out.replace("\n", "")
    assert "no gateway today" in (kept / "messages" / "gateway.log").read_text()
