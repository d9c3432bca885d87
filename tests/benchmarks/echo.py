"""The floor of a delivery: a function that does nothing with what it is sent."""

from cloudevents.http import CloudEvent
from functions_framework.aio import cloud_event


@cloud_event
async def handle(_: CloudEvent) -> None:
    """Acknowledge."""
