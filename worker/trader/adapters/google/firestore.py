"""The store in Firestore: claims by creation, changes at a version, each batch one atomic commit."""

import asyncio
import random
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

from google.api_core import exceptions as api
from google.api_core.datetime_helpers import DatetimeWithNanoseconds
from google.cloud.firestore_v1.services.firestore import FirestoreAsyncClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcAsyncIOTransport
from google.cloud.firestore_v1.types import (
    CommitRequest,
    GetDocumentRequest,
    Precondition,
    RunQueryRequest,
    RunQueryResponse,
    StructuredQuery,
    Value,
)
from google.cloud.firestore_v1.types import Document as DocumentMessage
from google.cloud.firestore_v1.types import Write as WriteMessage

from trader.adapters.documents import check_batch, check_indexed, damaged, split, too_large
from trader.adapters.google.calls import bounded, retry
from trader.adapters.google.channel import Connection
from trader.adapters.google.values import decode, encode
from trader.domain.errors import Failed, StoreUnavailable
from trader.domain.wire import JsonObject
from trader.ports import Clock, Conflict, Create, Delete, Document, Write

CALL_S = 10.0
QUERY_S = 30.0
CONTENDED_TRIES = 5

KEPT: Mapping[str, timedelta] = {"runs": timedelta(days=400)}
"""How long after its last write Firestore's TTL policy may remove a document, by its collection.

A run has to outlive its message, or a late redelivery would run again: 31 days on the topic, 31 in the
subscription, 31 among the dead letters. A year and more of it is the record of what was done.
"""

_PATH = re.compile(r"/documents/(\S+[^\s,;.\"'])")


class FirestoreStore:
    """Documents of a project's default database, or of an emulator.

    A document's version is its update time. Commits are never repeated by themselves: whether one that
    ended in an error was written is for the caller to find out.
    """

    def __init__(
        self,
        project: str,
        clock: Clock,
        *,
        emulator: str | None = None,
        call_s: float = CALL_S,
        query_s: float = QUERY_S,
    ) -> None:
        self._clock = clock
        self._call_s = call_s
        self._query_s = query_s
        self._database = f"projects/{project}/databases/(default)"
        self._root = f"{self._database}/documents"
        self._metadata = [("google-cloud-resource-prefix", self._database)]
        if emulator:  # who may do everything there
            self._metadata.append(("authorization", "Bearer owner"))
        transport = FirestoreGrpcAsyncIOTransport
        self._connection = Connection(
            transport, lambda channel: FirestoreAsyncClient(transport=transport(channel=channel)), emulator
        )

    async def close(self) -> None:
        """End the connection."""
        await self._connection.close()

    async def get(self, path: str) -> Document | None:
        """Return the document; it is damaged if it holds what JSON doesn't."""
        split(path)
        request = GetDocumentRequest(name=f"{self._root}/{path}")

        async def call() -> DocumentMessage | None:
            client = await self._connection.client()
            try:
                return await client.get_document(
                    request, retry=retry(self._call_s), timeout=self._call_s, metadata=self._metadata
                )
            except api.NotFound as error:
                if _names_a_document(error):
                    return None
                raise

        found = await bounded(call, self._call_s, path, _unavailable)
        return None if found is None else self._document(found)

    async def query(
        self, collection: str, *, where: Mapping[str, str] | None = None, limit: int = 1000
    ) -> Sequence[Document]:
        """Return matching documents by id; ValueError for a field that has no index."""
        split(f"{collection}/id")
        for field in where or {}:
            check_indexed(field)
        parent, _, last = f"{self._root}/{collection}".rpartition("/")
        request = RunQueryRequest(parent=parent, structured_query=_query(last, where or {}, limit))

        async def call() -> list[DocumentMessage]:
            client = await self._connection.client()
            return await retry(self._query_s)(partial(self._read, client, request))()

        found = await bounded(call, self._query_s, collection, _unavailable)
        return [self._document(message) for message in found]

    async def commit(self, writes: Sequence[Write]) -> Sequence[str]:
        """Write all or nothing. Also raises Failed (document-too-large); the documents share a version."""
        check_batch(writes)
        for write in writes:  # a version that isn't one of ours is none that any document has
            if not isinstance(write, Create) and _time(write.version) is None:
                raise Conflict(write.path)
        if not writes:
            return []
        mark = uuid4().hex
        request = CommitRequest(
            database=self._database, writes=[self._write(write, mark) for write in writes]
        )
        try:
            answer = await bounded(partial(self._commit, request), self._call_s, writes[0].path, _unavailable)
        except _Refused as refused:
            raise refused.meant(writes) from None
        times = [result.update_time for result in answer.write_results]
        return [
            "" if isinstance(write, Delete) else _version(at) for write, at in zip(writes, times, strict=True)
        ]

    async def _commit(self, request: CommitRequest) -> Any:
        client = await self._connection.client()
        for attempt in range(1, CONTENDED_TRIES + 1):
            try:
                return await client.commit(request, retry=None, timeout=self._call_s, metadata=self._metadata)
            except api.Aborted:  # contention: told so only of what was surely not written
                if attempt == CONTENDED_TRIES:
                    raise
                await asyncio.sleep(random.uniform(0.01, 0.05) * 2**attempt)
            except (api.AlreadyExists, api.NotFound, api.FailedPrecondition, api.InvalidArgument) as error:
                if (refused := _Refused.of(error)) is not None:
                    raise refused from None
                raise
        raise AssertionError("the last try returns or raises")

    async def _read(self, client: FirestoreAsyncClient, request: RunQueryRequest) -> list[DocumentMessage]:
        answers = await client.run_query(request, retry=None, timeout=self._query_s, metadata=self._metadata)
        return [
            answer.document async for answer in answers if RunQueryResponse.pb(answer).HasField("document")
        ]

    def _write(self, write: Write, mark: str) -> WriteMessage:
        name = f"{self._root}/{write.path}"
        if isinstance(write, Delete):
            return WriteMessage(delete=name, current_document=Precondition(update_time=_time(write.version)))
        collection = split(write.path)[0].rpartition("/")[2]
        kept = KEPT.get(collection)
        expires_at = self._clock.now() + kept if kept else None
        message = DocumentMessage.wrap(encode(name, write.data, written=mark, expires_at=expires_at))
        if isinstance(write, Create):
            return WriteMessage(update=message, current_document=Precondition(exists=False))
        return WriteMessage(update=message, current_document=Precondition(update_time=_time(write.version)))

    def _document(self, message: DocumentMessage) -> Document:
        path = message.name.removeprefix(f"{self._root}/")
        content: JsonObject | Failed
        try:
            content = decode(DocumentMessage.pb(message).fields)
        except ValueError as error:
            content = damaged(path, str(error))
        return Document(path, content, _version(message.update_time))


class _Refused(Exception):
    """The commit is surely not written, and why is known."""

    def __init__(self, path: str | None, *, too_large: bool = False) -> None:
        super().__init__(path)
        self._path = path
        self._too_large = too_large

    @classmethod
    def of(cls, error: api.GoogleAPICallError) -> "_Refused | None":
        """Return what ``error`` says of the batch; None when it says something of the project."""
        text = str(error.message)
        named = _PATH.search(text)
        path = named[1] if named else None
        if isinstance(error, api.InvalidArgument):
            is_size = re.search(r"maximum|longer than|too (large|big|long)|exceeds", text, re.IGNORECASE)
            return cls(path, too_large=True) if is_size else None
        is_precondition = isinstance(error, api.AlreadyExists) or _names_a_document(error)
        return cls(path) if is_precondition or "match" in text else None

    def meant(self, writes: Sequence[Write]) -> Exception:
        """Return the port's error; where the service doesn't say which document it means, the first one's."""
        paths = [write.path for write in writes]
        path = self._path if self._path in paths else paths[0]
        return too_large(path, "more as Firestore counts") if self._too_large else Conflict(path)


def _names_a_document(error: api.GoogleAPICallError) -> bool:
    # A database that isn't there is NOT_FOUND too.
    return "/documents/" in str(error.message)


def _query(collection: str, where: Mapping[str, str], limit: int) -> StructuredQuery:
    field, order = StructuredQuery.FieldReference, StructuredQuery.Order
    equal = [
        StructuredQuery.Filter(
            field_filter=StructuredQuery.FieldFilter(
                field=field(field_path=name),
                op=StructuredQuery.FieldFilter.Operator.EQUAL,
                value=Value(string_value=value),
            )
        )
        for name, value in where.items()
    ]
    both = StructuredQuery.CompositeFilter(op=StructuredQuery.CompositeFilter.Operator.AND, filters=equal)
    return StructuredQuery(
        from_=[StructuredQuery.CollectionSelector(collection_id=collection)],
        where=StructuredQuery.Filter(composite_filter=both) if equal else None,
        order_by=[order(field=field(field_path="__name__"), direction=StructuredQuery.Direction.ASCENDING)],
        limit=limit,
    )


def _version(at: DatetimeWithNanoseconds) -> str:
    return str(at.rfc3339())


def _time(version: str) -> DatetimeWithNanoseconds | None:
    try:
        found: DatetimeWithNanoseconds = DatetimeWithNanoseconds.from_rfc3339(version)
    except ValueError:
        return None
    return found


def _unavailable(suffix: str, message: str) -> StoreUnavailable:
    return StoreUnavailable(f"store-{suffix}", message)
