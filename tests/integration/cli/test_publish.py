"""`trader publish` to Pub/Sub, where the reply to a publication is lost."""

import asyncio

import pytest

from tests.support.emulators import fresh_project
from tests.support.proxy import proxy
from trader.adapters.clock import SystemClock
from trader.adapters.google.provisioning import provisioning
from trader.adapters.google.pubsub import PubsubTopics
from trader.domain.run_key import message_key
from trader.entrypoints.cli import main
from trader.ports import Topic


async def test_one_command_is_one_run_although_its_message_is_published_twice(
    pubsub_emulator: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = fresh_project()
    async with provisioning(project, pubsub_emulator) as made:
        for name in ("intents", "results"):
            await made.topic(name)
    # A reader of the intents topic, as the worker's subscription is one.
    names = {Topic.INTENTS: "intents", Topic.RESULTS: "intents"}
    topics = PubsubTopics(project, names, SystemClock(), emulator=pubsub_emulator)
    reader = await topics.results(past=False)
    async with proxy(pubsub_emulator) as between:
        monkeypatch.setenv("TRADER_BACKEND", "google")
        monkeypatch.setenv("TRADER_PROJECT", project)
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", between.address)
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")  # it isn't asked
        with between.losing_a_reply():
            code = await asyncio.to_thread(main, ["publish", "cash-balancer"])
    found = [message async for message in reader.follow(wait=False)]
    await reader.close()
    await topics.close()
    assert (code, between.lost, len(found)) == (0, 1, 2)
    assert [message_key(message.id, message.attributes) for message in found] == [
        capsys.readouterr().out.strip()
    ] * 2
