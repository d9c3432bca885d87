"""The figures that the README shows."""

from pathlib import Path

from tests.benchmarks.measuring import Unmeasured
from tests.benchmarks.readme import HEAD, shown, stored_rows

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "tests/benchmarks/results/benchmarks.json"


def test_the_readme_shows_the_last_whole_run() -> None:
    readme = ROOT / "README.md"
    assert HEAD in readme.read_text(encoding="utf-8")
    assert readme.read_text(encoding="utf-8") == shown(readme, stored_rows(RESULTS)), "run `make bench`"


def test_what_was_not_measured_says_why_and_what_stands_around_the_table_stays(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n\n{HEAD}| old | | | | | |\n\nafter\n", encoding="utf-8")
    found = shown(readme, [Unmeasured("publish to result", "no emulator here")])
    assert found == (
        f"before\n\n{HEAD}| publish to result | not measured: no emulator here |  |  |  |  |\n\nafter\n"
    )
