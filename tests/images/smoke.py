"""Asks the worker that runs in this container, without a gateway, what it is; the argument is its revision.

Standard library alone, but for the libraries that a worker loads only once it needs them.
"""

import importlib
import json
import sys
import time
from http.client import HTTPConnection

PATIENCE_S = 60
LATE = ("google.cloud.firestore", "google.cloud.pubsub_v1", "exchange_calendars", "pyarrow.parquet")


def asked(path: str) -> tuple[int, dict[str, object]]:
    """Return the status and the body of the worker's answer, as soon as it gives one."""
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        connection = HTTPConnection("127.0.0.1", 8080, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except OSError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.1)
        finally:
            connection.close()


def main() -> int:
    """Return 0 if it is what it should be, 1 with one line if not."""
    revision = sys.argv[1]
    healthy, health = asked("/healthz")
    readied, readiness = asked("/readyz")
    for name in LATE:
        importlib.import_module(name)
    expected = (healthy, health.get("revision"), readied, readiness.get("ready"))
    print(f"healthz: {health}\nreadyz: {readiness}")  # noqa: T201
    if expected != (200, revision, 503, False) or not health.get("version"):
        sys.stderr.write(
            f"smoke: expected a healthy worker of {revision} that isn't ready, found the above\n"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
