# SPDX-License-Identifier: Apache-2.0
"""Comments on pull and merge requests, against a GitHub and a GitLab on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_forge import TOKEN, Forge, forge

from mcusim.ci.comments import Thread, find_thread, put_comment
from mcusim.cli.main import main
from mcusim.errors import McusimError

HOSTS = {"github": "me/net", "gitlab": "42"}


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[Forge]:
    for name in ("http_proxy", "HTTP_PROXY", "GITHUB_ACTIONS", "GITLAB_CI"):
        monkeypatch.delenv(name, raising=False)
    with forge() as state:
        yield state


def thread(there: Forge, host: str, token: str = TOKEN) -> Thread:
    return Thread(host, there.url, HOSTS[host], 7, token)


@pytest.mark.parametrize("host", HOSTS)
def test_the_same_comment_is_updated_each_time(host: str, there: Forge) -> None:
    there.comments = {1: "looks good", 2: "> <!-- mcusim: report -->\nquoted by a person"}
    assert put_comment(thread(there, host), "first") == "created"
    assert put_comment(thread(there, host), "second") == "updated"
    assert put_comment(thread(there, host), "other board", "h743") == "created"
    assert list(there.comments.values())[2:] == [
        "<!-- mcusim: report -->\nsecond", "<!-- mcusim: h743 -->\nother board"
    ]  # fmt: skip
    assert there.comments[1] == "looks good"


@pytest.mark.parametrize("host", HOSTS)
def test_the_comment_is_found_on_a_later_page(host: str, there: Forge) -> None:
    there.comments = {number: f"comment {number}" for number in range(1, 351)}
    there.comments[320] = "<!-- mcusim: report -->\nold"
    assert put_comment(thread(there, host), "new") == "updated"
    assert there.comments[320] == "<!-- mcusim: report -->\nnew"
    assert len(there.comments) == 350
    assert [command for command, _, _ in there.requests] == ["GET"] * 4 + ["PATCH" if host == "github" else "PUT"]


@pytest.mark.parametrize("host", HOSTS)
def test_a_comment_that_is_too_long_is_cut_at_a_line(host: str, there: Forge) -> None:
    put_comment(thread(there, host), "a line of thirty characters..\n" * 40_000)
    (body,) = there.comments.values()
    assert len(body) <= (65_536 if host == "github" else 1_000_000)
    assert len(body) > (65_000 if host == "github" else 999_000)
    assert body.endswith("characters..\n\n*The rest is left out: a comment holds no more.*\n")


@pytest.mark.parametrize(
    ("host", "fail", "said"),
    [
        ("github", (403, b'{"message": "Resource not accessible by integration"}'),
         "403 Resource not accessible by integration: give the job 'permissions: pull-requests: write'"),
        ("github", (404, b'{"message": "Not Found"}'), "404 Not Found: is the number right"),
        ("github", (502, b"<html>"), "502 Bad Gateway"),
        ("gitlab", (401, b'{"message": "401 Unauthorized"}'), "GITLAB_TOKEN needs scope 'api'"),
        ("gitlab", (200, b"<html>a login page"), "answered no JSON"),
        ("github", (200, b'{"a": "page"}'), "answered no list of comments"),
    ],
)  # fmt: skip
def test_errors_of_the_api_are_one_clear_line(host: str, fail: tuple[int, bytes], said: str, there: Forge) -> None:
    there.fail = fail
    with pytest.raises(McusimError) as raised:
        put_comment(thread(there, host), "text")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert TOKEN not in str(raised.value)


def test_a_wrong_token_changes_nothing(there: Forge) -> None:
    with pytest.raises(McusimError, match="401 Bad credentials"):
        put_comment(thread(there, "github", "wrong"), "text")
    assert there.comments == {}


def test_a_host_that_does_not_answer_is_said(there: Forge) -> None:
    gone = Thread("github", "http://127.0.0.1:9", "me/net", 7, TOKEN)
    with pytest.raises(McusimError, match="no answer: "):
        put_comment(gone, "text")


def test_the_token_goes_to_no_other_host(there: Forge) -> None:
    with forge() as other:
        there.elsewhere = other.url
        there.comments = dict.fromkeys(range(1, 151), "x")
        with pytest.raises(McusimError, match="its next page is on another host"):
            put_comment(thread(there, "github"), "text")
        there.redirect = True
        with pytest.raises(McusimError, match="302"):
            put_comment(thread(there, "github"), "text")
        assert other.requests == []


# What the environment says


def event(tmp_path: Path, content: object) -> str:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(content))
    return str(path)


def test_github_says_where(tmp_path: Path) -> None:
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_TOKEN": "t", "GITHUB_REPOSITORY": "me/net",
                   "GITHUB_EVENT_PATH": event(tmp_path, {"pull_request": {"number": 12}})}  # fmt: skip
    assert find_thread(environment) == Thread("github", "https://api.github.com", "me/net", 12, "t")
    environment["GITHUB_API_URL"] = "https://git.example.com/api/v3/"
    environment["GITHUB_EVENT_PATH"] = event(tmp_path, {"issue": {"number": 13}})
    assert find_thread(environment) == Thread("github", "https://git.example.com/api/v3", "me/net", 13, "t")
    environment["GITHUB_EVENT_PATH"] = event(tmp_path, {"push": True})
    environment["GITHUB_REF"] = "refs/pull/14/merge"
    assert find_thread(environment).number == 14
    assert find_thread(environment, number=15, repository="you/it", api="http://x").repository == "you/it"
    for wrong in ("ab", "a/b/c", "a/", "a b/c"):
        with pytest.raises(McusimError, match="is no GitHub repository: give OWNER/NAME"):
            find_thread(environment, number=15, repository=wrong)


def test_gitlab_says_where() -> None:
    environment = {"GITLAB_CI": "true", "GITLAB_TOKEN": "t", "CI_PROJECT_ID": "42", "CI_MERGE_REQUEST_IID": "7",
                   "CI_API_V4_URL": "https://gitlab.example.com/api/v4"}  # fmt: skip
    assert find_thread(environment) == Thread("gitlab", "https://gitlab.example.com/api/v4", "42", 7, "t")


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "give --host github or --host gitlab"),
        ({"GITHUB_ACTIONS": "true"}, "GITHUB_TOKEN is not set"),
        ({"GITLAB_CI": "true"}, "GITLAB_TOKEN is not set"),
        ({"GITHUB_ACTIONS": "true", "GITHUB_TOKEN": "t"}, "GITHUB_REPOSITORY is not set"),
        (
            {"GITHUB_ACTIONS": "true", "GITHUB_TOKEN": "t", "GITHUB_REPOSITORY": "a/b"},
            "this event is of no pull request",
        ),
        ({"GITLAB_CI": "true", "GITLAB_TOKEN": "t", "CI_PROJECT_ID": "1"}, "this pipeline is of no merge request"),
        ({"GITHUB_ACTIONS": "true", "GITHUB_TOKEN": "t", "GITHUB_API_URL": "ftp:x"}, "is not the address of an API"),
    ],
)
def test_what_the_environment_lacks_is_named(environment: dict[str, str], said: str) -> None:
    with pytest.raises(McusimError, match=said):
        find_thread(environment)


def test_comment_on_the_command_line(
    there: Forge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    Path("report.md").write_text("## Budgets\n")
    words = ["comment", "report.md", "--host", "github", "--repository", "me/net", "--number", "7", "--api", there.url]
    assert main(words) == 0
    assert "created the comment 'report' on me/net, number 7" in capsys.readouterr().err
    assert main(words) == 0
    assert "updated the comment" in capsys.readouterr().err
    assert main([*words, "--marker", "a b"]) == 2
    assert "--marker 'a b'" in capsys.readouterr().err
    assert main(["comment", "none.md"]) == 2
    assert "none.md: cannot be read" in capsys.readouterr().err
