"""A gateway that is down at the start: said, waited for, and used by itself once it comes."""

import json
from pathlib import Path

from tests.support.endpoint import loopback
from tests.support.stack import running, stack


def test_a_gateway_that_comes_later_is_found_and_what_waited_is_done(tmp_path: Path) -> None:
    bound = loopback()
    port = bound.getsockname()[1]
    with stack(tmp_path, "--gateway", f"127.0.0.1:{port}") as local:
        assert local.dev.out.count("\n") == 1
        assert "gateway is disconnected: nothing listens at" in local.dev.out
        run = local.trader("publish", "summary").strip()
        local.trader("publish", "summary", "--wait", "--timeout", "0.1", code=3)
        bound.close()
        with running(tmp_path / "gateway", "gateway_simulator", "--port", str(port), "--exit-with-parent"):
            assert "account DU1234567 (halted;" in local.dev.until_says("the gateway is ready")
            assert local.result(run)["status"] == "succeeded"
            # Another gateway than the simulated one restarts at night, so that window is not left out.
            shown = json.loads(local.trader("config", "show", "--json"))
            assert "restartWindow" in json.dumps(shown)
