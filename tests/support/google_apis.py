"""Google's management APIs on loopback: records each request, and keeps what it is told as plain documents.

gcloud reaches it as an HTTP proxy. It knows no rules of Google's: what gcloud sends is what is tested.
"""

import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Json = dict[str, Any]

_VERSION = re.compile(r"^(apis/[a-z.]+/|storage/|upload/storage/)?v[0-9][a-z0-9]*/")
PROJECT, NUMBER, REGION = "demo-project", "123456789012", "us-east4"


_ALIASES = {
    f"namespaces/{NUMBER}/": f"namespaces/{PROJECT}/",
    "projects/-/serviceAccounts": f"projects/{PROJECT}/serviceAccounts",
}
_PROJECT: Json = {
    f"projects/{PROJECT}": {"projectId": PROJECT, "projectNumber": NUMBER, "lifecycleState": "ACTIVE"},
    f"projects/{PROJECT}/billingInfo": {"name": f"projects/{PROJECT}/billingInfo", "billingEnabled": True},
}


@dataclass(frozen=True, slots=True)
class Call:
    """A request: ``method``, ``resource`` without host and version, its query and its JSON body."""

    api: str
    method: str
    resource: str
    query: Json
    body: Json

    @property
    def changes(self) -> bool:
        """Whether it would change anything."""
        asks = (":getIamPolicy", "entries:list", ":testIamPermissions")
        return self.method != "GET" and not self.resource.endswith(asks)


@dataclass
class GoogleApis:
    """What was asked, and what there is.

    ``certificate`` is what gcloud has to trust; ``fails`` are resources whose next change is refused.
    """

    certificate: Path
    port: int = 0
    calls: list[Call] = field(default_factory=list)
    documents: dict[str, Json] = field(default_factory=lambda: dict(_PROJECT))
    policies: dict[str, Json] = field(default_factory=dict)
    fails: set[str] = field(default_factory=set)
    gateway_is_ready: bool = True
    lock: threading.Lock = field(default_factory=threading.Lock)

    def changes(self) -> list[Call]:
        """Return the calls that would change something, in their order."""
        return [call for call in self.calls if call.changes]

    def secrets_ready(self, secret: str) -> None:
        """Have a secret with a version, as a person makes one."""
        path = f"projects/{PROJECT}/secrets/{secret}"
        self.documents[path] = {"name": path}
        self.documents[f"{path}/versions/1"] = {"name": f"{path}/versions/1", "state": "ENABLED"}

    def environment(self, folder: str) -> dict[str, str]:
        """Return what points gcloud here, without a login, with its own files in ``folder``."""
        return {
            "CLOUDSDK_CONFIG": folder,
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
            "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
            "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE": str(self.certificate),
            "CLOUDSDK_PROXY_TYPE": "http",
            "CLOUDSDK_PROXY_ADDRESS": "127.0.0.1",
            "CLOUDSDK_PROXY_PORT": str(self.port),
        }

    def take(self, call: Call) -> tuple[int, Json]:
        """Keep what a request tells, and return the status and the body of its answer."""
        with self.lock:
            self.calls.append(call)
            return self._answer(call)

    def _answer(self, call: Call) -> tuple[int, Json]:
        if call.changes and call.resource in self.fails:
            self.fails.discard(call.resource)
            return _error(400, "FAILED_PRECONDITION", "told to fail")
        resource, _, verb = call.resource.partition(":")
        if verb == "getIamPolicy" or call.resource.endswith("/iam"):
            return self._policy(call, resource.removesuffix("/iam"))
        if verb == "setIamPolicy":
            self.policies[resource] = call.body["policy"]
            return 200, call.body["policy"]
        return _METHODS[call.method](self, call, resource, verb)

    def _policy(self, call: Call, resource: str) -> tuple[int, Json]:
        if call.method == "PUT":  # storage's own form
            self.policies[resource] = call.body
        return 200, self.policies.get(resource, {"etag": "ACAB", "bindings": []})

    def _get(self, call: Call, resource: str, verb: str) -> tuple[int, Json]:
        if resource in self.documents:
            return 200, self.documents[resource]
        if "operations/" in resource:
            return 200, {"name": resource, "done": True, "response": {}}
        if resource.endswith("/storageLayout"):
            return 200, {"locationType": "region"}
        collection = resource.rpartition("/")[2]
        if collection in COLLECTIONS:
            key = "items" if call.api == "run" else COLLECTIONS[collection]
            return 200, {key: self._inside(resource, call), **({"metadata": {}} if call.api == "run" else {})}
        return _error(404, "NOT_FOUND", f"Resource {resource} was not found.")

    def _inside(self, resource: str, call: Call) -> list[Json]:
        if resource.endswith("/collectionGroups/-/fields"):
            wanted = "ttlConfig" if "ttl" in call.query["filter"] else "indexConfig"
            return [
                document
                for path, document in self.documents.items()
                if "/fields/" in path and wanted in document
            ]
        return [
            self.documents[path] for path in sorted(self.documents) if path.rpartition("/")[0] == resource
        ]

    def _post(self, call: Call, resource: str, verb: str) -> tuple[int, Json]:
        if verb in ("batchEnable", "enable"):
            for service in call.body.get("serviceIds", ()):
                path = f"{resource}/{service}"
                self.documents[path] = {"name": path, "config": {"name": service}, "state": "ENABLED"}
            return 200, _done("enabled")
        if verb == "generateServiceIdentity":
            return 200, {**_done("identity"), "response": {"email": "agent@example.com", "uniqueId": "1"}}
        if verb == "addVersion":
            path = f"{resource}/versions/1"
            self.documents[path] = {"name": path, "state": "ENABLED", "clientSpecifiedPayloadChecksum": True}
            return 200, self.documents[path]
        if verb == "publish":
            return 200, {"messageIds": ["1"]}
        if verb in ("pull", "acknowledge"):
            return 200, {"receivedMessages": []} if verb == "pull" else {}
        if verb == "run" and call.api == "cloudscheduler":
            return 200, self.documents[resource]
        if verb == "run":
            job = resource.rpartition("/")[2]
            path = f"{resource.rpartition('/jobs/')[0]}/executions/{job}-{len(self.calls)}"
            self.documents[path] = _settled({}, path.rpartition("/")[2], 1)
            return 200, self.documents[path]
        if verb == "pause" and self.documents[resource]["state"] != "ENABLED":
            return _error(400, "FAILED_PRECONDITION", "Job must be in state ENABLED to be paused.")
        if verb in ("pause", "resume"):
            self.documents[resource]["state"] = "PAUSED" if verb == "pause" else "ENABLED"
            return 200, self.documents[resource]
        if verb == "modifyPushConfig":
            self.documents[resource]["pushConfig"] = call.body["pushConfig"]
            return 200, {}
        if call.resource == "entries:list":
            line = {"timestamp": "2026-11-26T20:00:00Z", "jsonPayload": {"message": "gateway"}}
            return 200, {"entries": [line] if self.gateway_is_ready else []}
        if verb:
            return _error(501, "UNIMPLEMENTED", f"{call.resource} isn't served here")
        if call.api == "cloudbuild" and resource.endswith("/builds"):
            return 200, self._built(call, resource)
        name = next((value for key, value in call.query.items() if key.endswith("Id")), None)
        if "accountId" in call.body:
            name = f"{call.body['accountId']}@{PROJECT}.iam.gserviceaccount.com"
            call.body["email"] = name
        name = (
            name or call.body.get("name") or call.body.get("metadata", {}).get("name") or str(len(self.calls))
        )
        path = f"{resource}/{name.rpartition('/')[2]}"
        if path in self.documents:
            return _error(409, "ALREADY_EXISTS", f"Resource {path} exists.")
        self.documents[path] = {**call.body, "name": path, **_GIVEN.get(resource.rpartition("/")[2], {})}
        if call.api == "run":
            self._settle(path, call.body, name, 1)
        if call.api == "logging":
            self.documents[path] = call.body
        if call.api == "cloudbuild":
            self.documents[path] = {**call.body, "id": name, "resourceName": path}
        return 200, _answer(call, self.documents[path])

    def _settle(self, path: str, wanted: Json, name: str, generation: int) -> None:
        """Have a service or a job as it is wanted at once; of a service a revision is kept."""
        self.documents[path] = _settled(wanted, name, generation)
        if "/services/" in path:
            revision = f"{name}-{generation:05}"
            metadata = {
                "name": revision,
                "labels": wanted["spec"]["template"]["metadata"]["labels"],
                "creationTimestamp": f"2026-11-26T20:00:{generation:02}Z",
            }
            self.documents[f"namespaces/{PROJECT}/revisions/{revision}"] = _settled(
                {"metadata": metadata}, revision, 1
            )

    def _built(self, call: Call, resource: str) -> Json:
        """Have a build done at once, its images pushed under the commit's tag."""
        build = {**call.body, "id": "one", "projectId": PROJECT, "status": "SUCCESS", "logUrl": "none"}
        self.documents[f"{resource}/one"] = build
        packages = f"projects/{PROJECT}/locations/{REGION}/repositories/cloud-run-repo/packages"
        for image in ("worker", "gateway"):
            path = f"{packages}/{image}/tags/{call.body['substitutions']['COMMIT_SHA']}"
            self.documents[path] = {"name": path, "version": f"{packages}/{image}/versions/one"}
        kind = "type.googleapis.com/google.devtools.cloudbuild.v1.BuildOperationMetadata"
        return {"name": f"operations/build/{PROJECT}/one", "metadata": {"@type": kind, "build": build}}

    def _put(self, call: Call, resource: str, verb: str) -> tuple[int, Json]:
        standing = self.documents.get(resource)
        if call.api == "run" and standing is not None:
            generation = standing["metadata"]["generation"] + 1
            self._settle(resource, call.body, call.body["metadata"]["name"], generation)
            return 200, self.documents[resource]
        if standing is not None:
            return _error(409, "ALREADY_EXISTS", f"Resource {resource} exists.")
        self.documents[resource] = {**call.body, "name": resource}
        return 200, self.documents[resource]

    def _patch(self, call: Call, resource: str, verb: str) -> tuple[int, Json]:
        self.documents[resource] = {**self.documents.get(resource, {}), **call.body, "name": resource}
        return 200, _answer(call, self.documents[resource])

    def _delete(self, call: Call, resource: str, verb: str) -> tuple[int, Json]:
        if self.documents.pop(resource, None) is None:
            return _error(404, "NOT_FOUND", f"Resource {resource} was not found.")
        return 200, _answer(call, {})


COLLECTIONS = {
    "services": "services",
    "versions": "versions",
    "fields": "fields",
    "tags": "tags",
    "budgets": "budgets",
    "serviceAccounts": "accounts",
    "topics": "topics",
    "subscriptions": "subscriptions",
    "jobs": "jobs",
    "metrics": "metrics",
    "revisions": "items",
    "executions": "items",
    "managedFolders": "items",
    "secrets": "secrets",
    "triggers": "triggers",
    "repositories": "repositories",
    "alertPolicies": "alertPolicies",
    "o": "items",
    "notificationChannels": "notificationChannels",
}
"""By the end of a path: the field in which its documents are listed."""

_METHODS = {
    "GET": GoogleApis._get,
    "POST": GoogleApis._post,
    "PUT": GoogleApis._put,
    "PATCH": GoogleApis._patch,
    "DELETE": GoogleApis._delete,
}


_GIVEN: dict[str, Json] = {
    "repositories": {"registryUri": "images.example/demo"},
    "jobs": {"state": "ENABLED"},  # Cloud Scheduler's
}
"""What a document gets from Google, by its collection."""

_OPERATIONS = {
    "artifactregistry": f"projects/{PROJECT}/locations/{REGION}/operations/one",
    "firestore": f"projects/{PROJECT}/databases/(default)/operations/one",
}
"""The APIs whose changes are answered with an operation, and how it is named."""


def _answer(call: Call, document: Json) -> Json:
    name = _OPERATIONS.get(call.api)
    return {"name": name, "done": True, "response": document} if name else document


def _settled(wanted: Json, name: str, generation: int) -> Json:
    """Return a service, a job or an execution as Cloud Run tells of it once all that was wanted is so."""
    kinds = ("Ready", "ConfigurationsReady", "RoutesReady", "Completed")
    metadata = {**wanted.get("metadata", {}), "name": name, "namespace": NUMBER, "generation": generation}
    status = {
        "observedGeneration": generation,
        "conditions": [{"type": kind, "status": "True"} for kind in kinds],
        "url": f"https://{name}-{NUMBER}.example",
        "latestReadyRevisionName": f"{name}-{generation:05}",
        "latestCreatedRevisionName": f"{name}-{generation:05}",
        "traffic": [{"percent": 100, "latestRevision": True, "revisionName": f"{name}-{generation:05}"}],
    }
    return {**wanted, "metadata": metadata, "status": status}


def _done(name: str) -> Json:
    return {"name": f"operations/{name}", "done": True}


def _error(code: int, status: str, message: str) -> tuple[int, Json]:
    return code, {"error": {"code": code, "status": status, "message": message}}


def _body(headers: Message, raw: bytes) -> Json:
    """Return a request's JSON; of an upload, what storage says of the file that came with it."""
    kind = headers.get("content-type", "")
    if "multipart/related" in kind:
        file = raw.split(b"\n\n", 2)[2].rpartition(b"\n--")[0]  # the description's part comes first
        return {"size": str(len(file)), "generation": "1"}
    found: Json = json.loads(raw) if raw and "json" in kind else {}
    return found


class _Handler(BaseHTTPRequestHandler):
    """One connection of gcloud's: a tunnel to one of Google's hosts, which ends here."""

    protocol_version = "HTTP/1.1"
    host = ""
    server: "_Server"

    def do_CONNECT(self) -> None:
        """Be the host that is asked for."""
        self.host = self.path.partition(":")[0]
        self.send_response(200)
        self.end_headers()
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self.close_connection = False

    def finish(self) -> None:
        """Close the tunnel's own socket too; what gcloud left unread there is nobody's loss."""
        with suppress(OSError):
            super().finish()
        self.connection.close()

    def _handle(self) -> None:
        address = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        resource = _VERSION.sub("", unquote(address.path).strip("/"))
        for alias, name in _ALIASES.items():
            resource = resource.replace(alias, name)
        call = Call(
            api=self.host.removesuffix(".googleapis.com").rpartition("-")[2],
            method=self.command,
            resource=resource,
            query=dict(parse_qsl(address.query)),
            body=_body(self.headers, raw),
        )
        status, body = self.server.apis.take(call)
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        """Say nothing: what was asked is recorded."""


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, apis: GoogleApis, key: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.apis = apis
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(apis.certificate, key)


def _certify(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for Google's hosts, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("*.googleapis.com")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate, private


@contextmanager
def google_apis(folder: Path) -> Iterator[GoogleApis]:
    """Serve on a free port of loopback; ``folder`` takes the certificate."""
    certificate, key = _certify(folder)
    apis = GoogleApis(certificate)
    with _Server(apis, key) as server:
        apis.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield apis
        finally:
            server.shutdown()
            thread.join()
