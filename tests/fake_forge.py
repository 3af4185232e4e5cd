# SPDX-License-Identifier: Apache-2.0
"""A GitHub and a GitLab on this machine, as far as comments go: pages, tokens, and the errors they give."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

TOKEN = "secret-token"
GITHUB_LIST = re.compile(r"/repos/me/net/issues/7/comments")
GITHUB_ONE = re.compile(r"/repos/me/net/issues/comments/(\d+)")
GITLAB_LIST = re.compile(r"/projects/(?:42|me%2Fnet)/merge_requests/7/notes")
GITLAB_ONE = re.compile(r"/projects/(?:42|me%2Fnet)/merge_requests/7/notes/(\d+)")


@dataclass
class Forge:
    """What it holds: comments by number, what was asked, and how it misbehaves.

    `fail` is a status and body for every request, `elsewhere` the host that next pages and redirects point to.
    """

    url: str = ""
    comments: dict[int, str] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    fail: tuple[int, bytes] | None = None
    elsewhere: str = ""
    redirect: bool = False


class _Handler(BaseHTTPRequestHandler):
    forge: Forge

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _answer(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for key, value in {**(headers or {}), "Content-Length": str(len(data))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(data)

    def _handle(self) -> None:
        forge, split = self.forge, urlsplit(self.path)
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        forge.requests.append((self.command, self.path, dict(self.headers)))
        if forge.fail is not None:
            self._answer(*forge.fail)
        elif forge.redirect:
            self._answer(302, b"", {"Location": f"{forge.elsewhere}{self.path}"})
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._answer(401, {"message": "Bad credentials"})
        elif GITHUB_LIST.fullmatch(split.path) or GITLAB_LIST.fullmatch(split.path):
            self._list(split.path, split.query, sent)
        elif one := GITHUB_ONE.fullmatch(split.path) or GITLAB_ONE.fullmatch(split.path):
            number, verb = int(one[1]), "PATCH" if "/repos/" in split.path else "PUT"
            if self.command != verb or number not in forge.comments:
                self._answer(404, {"message": "Not Found"})
                return
            forge.comments[number] = json.loads(sent)["body"]
            self._answer(200, {"id": number})
        else:
            self._answer(404, {"message": "Not Found"})

    def _list(self, path: str, query: str, sent: bytes) -> None:
        forge = self.forge
        if self.command == "POST":
            number = max(forge.comments, default=100) + 1
            forge.comments[number] = json.loads(sent)["body"]
            self._answer(201, {"id": number})
            return
        asked = parse_qs(query)
        rows, page = int(asked.get("per_page", ["30"])[0]), int(asked.get("page", ["1"])[0])
        every = [{"id": number, "body": body} for number, body in sorted(forge.comments.items())]
        shown, more = every[(page - 1) * rows : page * rows], len(every) > page * rows
        host = forge.elsewhere or forge.url
        if "/repos/" in path:
            link = f'<{host}{path}?per_page={rows}&page={page + 1}>; rel="next", <{host}{path}>; rel="last"'
            self._answer(200, shown, {"Link": link} if more else {})
        else:
            self._answer(200, shown, {"X-Next-Page": str(page + 1) if more else ""})

    do_GET = do_POST = do_PATCH = do_PUT = _handle  # noqa: N815 (the names that http.server wants)


@contextmanager
def forge() -> Iterator[Forge]:
    """Serve until the block ends."""
    state = Forge()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"forge": state}))
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
