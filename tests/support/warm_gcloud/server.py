"""Imports gcloud's code once, then forks for each command: ``server.py LIB SOCKET``, with gcloud's Python.

It ends when its standard input does, and a command's process with its command.
"""
# Only the Google Cloud CLI has these modules.
# mypy: ignore-errors

import array
import atexit
import json
import os
import select
import signal
import socket
import sys

FILES = 3  # standard input, output and error
LARGEST = 1 << 20


def run(command: dict[str, object]) -> int:
    """Run one command as gcloud.py does, in the process that was forked for it."""
    import gcloud
    from googlecloudsdk.core.configurations import named_configs

    named_configs.ActivePropertiesFile.Invalidate()  # an earlier command may have set one
    os.chdir(command["folder"])
    os.environ.clear()
    os.environ.update(command["variables"], CLOUDSDK_PYTHON=sys.executable)
    sys.argv = ["gcloud.py", *command["arguments"]]
    try:
        gcloud.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def serve(listening: socket.socket) -> None:
    """Fork for each command, until standard input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while sys.stdin not in select.select([listening, sys.stdin], [], [])[0]:
        client, _ = listening.accept()
        if os.fork():
            client.close()
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        listening.close()
        _, sent, *_ = client.recvmsg(5, socket.CMSG_LEN(FILES * array.array("i").itemsize))
        files = array.array("i")
        files.frombytes(sent[0][2])
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        with client.makefile("rb") as told:
            code = run(json.loads(told.readline(LARGEST)))
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        client.send(bytes([code & 255]))
        # Who reads the output waits for its end, and taking an interpreter apart takes a while.
        os._exit(code)


def main() -> None:
    """Say ``ready`` when the next command can be taken."""
    library, path = sys.argv[1:]
    sys.path.insert(0, library)
    import gcloud

    sys.path = gcloud.reorder_sys_path(sys.path)
    gcloud._import_gcloud_main()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        os.write(1, b"ready\n")
        serve(listening)


if __name__ == "__main__":
    main()
