"""Passes a command line on to the process that has gcloud imported, with this one's files and variables.

It is started as the interpreter of gcloud: ``client.py SOCKET [-S …] …/gcloud.py ARGUMENTS``.
"""

import array
import json
import os
import socket
import sys
from pathlib import Path

FILES = 3  # standard input, output and error


def main() -> int:
    """Return the command's exit code."""
    path, *rest = sys.argv[1:]
    arguments = rest[next(n for n, word in enumerate(rest) if word.endswith("gcloud.py")) + 1 :]
    told = {"arguments": arguments, "folder": str(Path.cwd()), "variables": dict(os.environ)}
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        files = array.array("i", range(FILES))
        server.sendmsg([b"files"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)])
        server.sendall(json.dumps(told).encode() + b"\n")
        code = server.recv(1)
    return code[0] if code else 1


if __name__ == "__main__":
    sys.exit(main())
