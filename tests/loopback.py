"""A server of files on loopback, whose transfers can break."""

import contextlib
import hashlib
import socket
import struct
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event

CONTENT = bytes(range(256)) * 2000


class Server(ThreadingHTTPServer):
    """Serves `files`, of each transfer `cut` bytes if that is set; keeps the `ranges` asked for.

    It may announce another length, and after `cut` bytes it may stall, or reset the connection.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {"/data.bin": CONTENT}
        self.cut: int | None = None
        self.announced: int | None = None
        self.trouble: str | None = None
        self.knows_ranges = True
        self.ranges: list[str | None] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        content = self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        wanted = self.headers["Range"] if self.server.knows_ranges else None
        tag = f'"{hashlib.md5(content).hexdigest()}"'
        if self.headers["If-Range"] not in (None, tag):
            wanted = None
        self.server.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str((self.server.announced or len(content)) - start))
        self.send_header("ETag", tag)
        self.send_header("Content-Type", "text/html" if self.path.endswith("/") else "data/data")
        self.end_headers()
        end = None if self.server.cut is None else start + self.server.cut
        with contextlib.suppress(ConnectionError):
            self.wfile.write(content[start:end])
        if self.server.trouble == "stall":
            Event().wait(5)  # for tests that replace time.sleep too
        if self.server.trouble == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def log_message(self, *_: object) -> None:
        pass
