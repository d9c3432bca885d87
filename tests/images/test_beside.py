"""Gateway and worker beside each other on one localhost, as on Cloud Run."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.images.builds import GATEWAY, WORKER
from tests.images.commands import ROOT, run
from tests.images.conftest import Images
from tests.images.containers import Container, container, once
from tests.images.worker import deliver, get, readiness, result, trader, until_not_ready, until_ready
from tests.support.stack import until
from trader.domain.configuration_sample import sample

SECRETS = {"IB_USER": "user-6f1e8c", "IB_PASSWORD": "secret-6f1e8c"}
SCENARIOS = ROOT / "worker" / "gateway_simulator" / "scenarios"
HELD = """
- when: {after: 0}
  then:
    - manual_order: {symbol: SPY, side: BUY, quantity: 10}
    - manual_order: {symbol: AAPL, side: SELL, quantity: 5}
"""
COMMAND_PORT = 7462
QUICK = {"TRADER_CONNECT_S": "5"}
BARS = {"intent": "collect-market-data", "instruments": ["SPY"], "duration": "1 W", "id": "bars"}
Record = Callable[[str, object], None]


@contextmanager
def both(settings: Path) -> Iterator[tuple[Container, Container]]:
    """Run the gateway with a mounted settings folder, and the worker beside it."""
    settings.chmod(0o777)
    (settings / "market.yaml").write_text("hours: always\n")
    (settings / "configuration.json").write_text(json.dumps(sample("DU1234567")))
    mounted = ("-v", f"{settings}:/home/gateway/settings")
    configured = ("-v", f"{settings}/configuration.json:/configuration.json:ro")
    with (
        container("gateway", GATEWAY, variables=SECRETS, more=mounted) as gateway,
        container("worker", WORKER, network=gateway.network, variables=QUICK, more=configured) as worker,
    ):
        yield gateway, worker


def positions(settings: Path) -> dict[str, str]:
    """Return what the account in the simulated gateway really holds."""
    book = json.loads((settings / "gateway.json").read_text())["book"]
    held = {line["contract"]["symbol"]: line.get("quantity", "0") for line in book.get("positions", ())}
    return {symbol: quantity for symbol, quantity in held.items() if float(quantity)}


def test_the_two_trade_and_nobody_sees_the_credentials(
    images: Images, tmp_path: Path, record_property: Record
) -> None:
    (tmp_path / "scenario.yaml").write_text(HELD)
    with both(tmp_path) as (gateway, worker):
        until_ready(worker)
        assert gateway.check_health().code == 0
        until(lambda: positions(tmp_path) == {"SPY": "10", "AAPL": "-5"}, "positions to close")
        assert trader(worker, "config", "set", "/configuration.json").code == 0
        active = {"intent": "set-trading-state", "state": "active", "reason": "to close", "id": "active"}
        assert result(worker, active)["status"] == "succeeded"
        seen = result(worker, {"intent": "summary", "id": "before"})
        assert {line["symbol"] for line in seen["outcome"]["positions"]} == {"SPY", "AAPL"}
        closed = result(worker, {"intent": "close-all", "id": "close"})
        assert closed["status"] == "succeeded"
        orders = {order["instrument"]: (order["filled"], order["state"]) for order in closed["orders"]}
        assert orders == {"SPY": ("-10", "filled"), "AAPL": ("5", "filled")}
        assert positions(tmp_path) == {}
        assert result(worker, BARS)["status"] == "succeeded"
        assert ".parquet" in worker.exec("find", "/data/bars", "-type", "f").said
        known = "".join(each.known_to_processes() + each.logs() for each in (gateway, worker))
        for name, each in (("gateway", gateway), ("worker", worker)):
            record_property("processes", f"{name}:\n{each.processes().rstrip()}")
        assert "Traceback" not in known
        assert worker.stop() in (0, 143)  # uvicorn ends with the signal that it was sent
        assert gateway.stop() == 0
        assert "standin: logged out" in gateway.logs()
    known += "".join(run("buildah", "inspect", "--type", "image", image).said for image in (GATEWAY, WORKER))
    assert [secret for secret in SECRETS.values() if secret in known] == []


def test_a_gateway_that_restarts_at_night_is_survived_by_the_same_worker(
    images: Images, tmp_path: Path, record_property: Record
) -> None:
    with both(tmp_path) as (gateway, worker):
        evening = until_ready(worker)
        with gateway.connect(COMMAND_PORT) as commands:
            commands.sendall(b"RESTART\n")
        until(lambda: gateway.logs().count("standin: started") == 2, "a gateway that started again")
        until(lambda: readiness(worker)["since"] != evening["since"], "a worker that noticed")
        until_ready(worker)
        assert worker.inspect(".State.Pid") == worker.pid
        assert result(worker, {"intent": "summary", "id": "morning"})["status"] == "succeeded"
        for name, each in (("gateway", gateway), ("worker", worker)):
            record_property("night restart", f"{name}:\n{each.logs().rstrip()}")


def test_a_login_that_waits_for_its_second_factor_is_told_and_restarts_nothing(
    images: Images, tmp_path: Path
) -> None:
    (tmp_path / "scenario.yaml").write_bytes((SCENARIOS / "second-factor-pending.yaml").read_bytes())
    ahead = tmp_path / "ahead"
    ahead.write_text("-150")  # two and a half minutes behind, until somebody approves
    with both(tmp_path) as (gateway, worker):
        until(lambda: until_not_ready(worker)["gateway"] == "login-required", "a worker that knows why")
        unwell = gateway.check_health()
        assert unwell.code == 1
        assert "expected a gateway that is logged in on 4002" in unwell.said
        assert deliver(worker, {"intent": "summary", "id": "early"}) == 503
        ahead.write_text("0")
        until_ready(worker)
        assert gateway.check_health().code == 0
        assert result(worker, {"intent": "summary", "id": "early"})["status"] == "succeeded"
        assert (gateway.inspect(".State.Pid"), gateway.logs().count("standin: started")) == (gateway.pid, 1)


def test_the_worker_is_ready_only_once_a_gateway_is_logged_in_whichever_starts_first(images: Images) -> None:
    with (
        container("network", GATEWAY, more=("--entrypoint", '["sleep", "600"]')) as network,
        container("worker", WORKER, network=network.network) as worker,
    ):
        until_not_ready(worker)
        health = get(worker, "/healthz")
        assert (health["status"], health["revision"]) == ("ok", "local")
        assert health["version"]
        with container("gateway", GATEWAY, network=network.network, variables=SECRETS):
            until_ready(worker)
        until_not_ready(worker)
        with container("gateway", GATEWAY, network=network.network, variables=SECRETS):
            until_ready(worker)


def test_without_credentials_the_gateways_container_ends_with_one_line(images: Images) -> None:
    ran = once(GATEWAY)
    assert ran.code == 2
    (line,) = (line for line in ran.said.splitlines() if "gatewaystart" in line)
    assert line.startswith("gatewaystart: IB_USER and IB_PASSWORD: expected credentials, found none")
