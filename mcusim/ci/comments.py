# SPDX-License-Identifier: Apache-2.0
"""One comment on a pull request (GitHub) or merge request (GitLab), written anew each time.

The comment begins with a hidden marker, an HTML comment; the first comment that begins with it is the one to replace.
Sources: GitHub's REST API, "Issue comments" (a pull request is an issue there); GitLab's REST API, "Notes" of merge
requests; both page their lists, by the `Link` header and by `X-Next-Page`. Tokens go to the API's own host alone:
redirects are not followed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from mcusim.errors import McusimError

TIMEOUT_S = 30
PAGE_ROWS = 100  # the most that either API gives at a time
MOST_PAGES = 100  # a loop in what an API answers must end
DEFAULT_MARKER = "report"
HOSTS = ("github", "gitlab")
_MOST_CHARACTERS = {"github": 65_536, "gitlab": 1_000_000}  # of a comment; more is refused
_CUT = "\n\n*The rest is left out: a comment holds no more.*\n"


@dataclass(frozen=True)
class Thread:
    """Where comments are: `api` is the address of the host's API, `repository` owner/name or a project's number."""

    host: str
    api: str
    repository: str
    number: int
    token: str


def find_thread(
    environment: Mapping[str, str],
    *,
    host: str | None = None,
    api: str | None = None,
    repository: str | None = None,
    number: int | None = None,
) -> Thread:
    """Return the thread that a CI job's environment names; what is given comes before what it says.

    Raises `McusimError` for what is missing, with the variable that would hold it.
    """
    if host is None:
        host = "github" if "GITHUB_ACTIONS" in environment else "gitlab" if "GITLAB_CI" in environment else None
    if host is None:
        raise McusimError("neither GITHUB_ACTIONS nor GITLAB_CI is set: give --host github or --host gitlab")
    github = host == "github"
    token = environment.get("GITHUB_TOKEN" if github else "GITLAB_TOKEN", "")
    if not token:
        raise McusimError(
            "GITHUB_TOKEN is not set: give the step env: GITHUB_TOKEN: ${{ github.token }}" if github else
            "GITLAB_TOKEN is not set: store an access token with scope 'api' as a masked variable of the project "
            "(CI_JOB_TOKEN may not write notes)"
        )  # fmt: skip
    api = (
        api
        or environment.get("GITHUB_API_URL" if github else "CI_API_V4_URL")
        or ("https://api.github.com" if github else "https://gitlab.com/api/v4")
    )
    if urlsplit(api).scheme not in ("http", "https") or not urlsplit(api).netloc:
        raise McusimError(f"'{api}' is not the address of an API: give one such as https://api.github.com")
    repository = repository or environment.get("GITHUB_REPOSITORY" if github else "CI_PROJECT_ID")
    if not repository:
        raise McusimError(f"{'GITHUB_REPOSITORY' if github else 'CI_PROJECT_ID'} is not set: give --repository")
    if github and not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise McusimError(f"'{repository}' is no GitHub repository: give OWNER/NAME, such as octocat/hello")
    if not github and not re.fullmatch(r"\d+|[\w.-]+(/[\w.-]+)+", repository):
        raise McusimError(f"'{repository}' is no GitLab project: give its number, or its path GROUP/NAME")
    if number is None:
        number = _pull_request(environment) if github else _merge_request(environment)
    return Thread(host, api.rstrip("/"), repository, number, token)


def _pull_request(environment: Mapping[str, str]) -> int:
    """Return the number of the pull request of a GitHub event."""
    name = environment.get("GITHUB_EVENT_PATH")
    if name:
        try:
            event = json.loads(Path(name).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise McusimError(f"{name}: GITHUB_EVENT_PATH: cannot be read: {error}") from None
        for key in ("pull_request", "issue"):
            part = event.get(key) if isinstance(event, dict) else None
            if isinstance(part, dict) and isinstance(part.get("number"), int):
                return int(part["number"])
    found = re.fullmatch(r"refs/pull/(\d+)/.*", environment.get("GITHUB_REF", ""))
    if found:
        return int(found[1])
    raise McusimError("this event is of no pull request: run on: pull_request, or give --number")


def _merge_request(environment: Mapping[str, str]) -> int:
    number = environment.get("CI_MERGE_REQUEST_IID", "")
    if not number.isdecimal():
        raise McusimError("this pipeline is of no merge request (CI_MERGE_REQUEST_IID): add a rule, or give --number")
    return int(number)


def put_comment(thread: Thread, markdown: str, marker: str = DEFAULT_MARKER) -> str:
    """Make the comment with this marker, or replace what it says; return 'created' or 'updated'.

    Raises `McusimError` with what the API answered where that is not yes.
    """
    if not re.fullmatch(r"[\w.-]{1,60}", marker):
        raise McusimError(f"--marker '{marker}': give up to 60 letters, digits, '.', '-' and '_'")
    hidden = f"<!-- mcusim: {marker} -->"
    body = _bounded(f"{hidden}\n{markdown}", _MOST_CHARACTERS[thread.host])
    api = _Api(thread)
    for comment in api.comments():
        text, number = comment.get("body"), comment.get("id")
        if isinstance(text, str) and isinstance(number, int) and text.startswith(hidden):
            api.replace(number, body)
            return "updated"
    api.create(body)
    return "created"


def _bounded(text: str, most: int) -> str:
    """Return text that a comment can hold: cut at the end of a line, with a remark."""
    if len(text) <= most:
        return text
    kept = text[: most - len(_CUT)]
    return kept[: kept.rfind("\n")] + _CUT


class _NoRedirects(HTTPRedirectHandler):
    """Redirects are errors: following one would send the token to wherever it points."""

    def redirect_request(
        self, req: Request, fp: Any, code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        return None


class _Api:
    """The calls that are needed, in the words of either host."""

    def __init__(self, thread: Thread) -> None:
        self._thread = thread
        self._opener = build_opener(_NoRedirects)
        project = f"{thread.api}/projects/{quote(thread.repository, safe='')}/merge_requests/{thread.number}/notes"
        issues = f"{thread.api}/repos/{quote(thread.repository)}/issues"
        github = thread.host == "github"
        self._list = f"{issues}/{thread.number}/comments" if github else project
        self._one = f"{issues}/comments" if github else project

    def comments(self) -> list[dict[str, Any]]:
        """Return all comments, oldest first as far as the API gives them so."""
        found: list[dict[str, Any]] = []
        order = "" if self._thread.host == "github" else "&sort=asc&order_by=created_at"
        first = f"{self._list}?per_page={PAGE_ROWS}{order}"
        url: str | None = first
        for _ in range(MOST_PAGES):
            if url is None:
                return found
            answer, headers = self._call("GET", url)
            if not isinstance(answer, list):
                raise McusimError(f"{url}: answered no list of comments: is this the address of the API?")
            found += [each for each in answer if isinstance(each, dict)]
            url = self._next(first, headers)
        raise McusimError(f"{self._list}: more than {MOST_PAGES} pages of comments: the API goes in circles")

    def _next(self, first: str, headers: Mapping[str, str]) -> str | None:
        """Return the address of the page that the headers call next, None after the last; never another host's."""
        if self._thread.host == "gitlab":
            page = headers.get("X-Next-Page", "")
            return f"{first}&page={page}" if page.isdecimal() else None
        found = re.search(r'<([^<>]+)>;[^,]*\brel="next"', headers.get("Link", ""))
        if found is None:
            return None
        here, there = urlsplit(first), urlsplit(found[1])
        if (here.scheme, here.netloc) != (there.scheme, there.netloc):
            raise McusimError(f"{first}: its next page is on another host, {there.netloc}: not asked with the token")
        return found[1]

    def create(self, body: str) -> None:
        """Add a comment."""
        self._call("POST", self._list, body)

    def replace(self, number: int, body: str) -> None:
        """Give a comment another text."""
        self._call("PATCH" if self._thread.host == "github" else "PUT", f"{self._one}/{number}", body)

    def _call(self, method: str, url: str, body: str | None = None) -> tuple[Any, Mapping[str, str]]:
        data = json.dumps({"body": body}).encode() if body is not None else None
        request = Request(url, data, {"User-Agent": "mcusim", "Content-Type": "application/json"}, method=method)
        request.add_unredirected_header("Authorization", f"Bearer {self._thread.token}")
        if self._thread.host == "github":
            request.add_header("Accept", "application/vnd.github+json")
            request.add_header("X-GitHub-Api-Version", "2022-11-28")
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                return json.loads(answer.read() or b"null"), answer.headers
        except HTTPError as error:
            with error:
                raise McusimError(f"{method} {url}: {error.code} {_reason(error)}{self._advice(error.code)}") from None
        except (URLError, TimeoutError, HTTPException, ConnectionError) as error:
            reason = getattr(error, "reason", None) or error
            raise McusimError(f"{method} {url}: no answer: {reason or type(error).__name__}") from None
        except ValueError:
            raise McusimError(f"{method} {url}: answered no JSON: is this the address of the API?") from None

    def _advice(self, code: int) -> str:
        github = self._thread.host == "github"
        if code in (401, 403) and github:
            return (
                ": give the job 'permissions: pull-requests: write' (pull requests from forks have a token that may "
                "only read)"
            )
        if code in (401, 403):
            return ": GITLAB_TOKEN needs scope 'api' and at least the role Reporter, and notes of others stay theirs"
        return ": is the number right, and may the token read it?" if code == 404 else ""


def _reason(error: HTTPError) -> str:
    """Return what the API says is wrong, in one line."""
    try:
        said = json.loads(error.read(10_000))
    except (OSError, ValueError, HTTPException):
        said = None
    text = said.get("message") or said.get("error") if isinstance(said, dict) else None
    return " ".join(str(text or error.reason).split())[:300]
