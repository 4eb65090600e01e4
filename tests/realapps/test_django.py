"""A Django project: the admin, sqlite, sessions, login, an upload, static files."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from realapps.deploy import ADMIN, Deployed

pytestmark = pytest.mark.timeout(600)  # environments are made on first use

UPLOAD_SIZE = 20_000_000


@pytest.fixture(params=["daemon", "embedded", "express"])
def site(request: pytest.FixtureRequest, deploy: Callable[[str, str], Deployed]) -> Deployed:
    return deploy("django", request.param)


def token(page: requests.Response) -> str:
    """The secret that Django puts into its forms."""
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    assert found, page.text
    return found[1]


def log_in(site: Deployed, password: str = ADMIN[1]) -> tuple[requests.Session, requests.Response]:
    """Fill in the admin's form, as a browser does."""
    browser = site.browser()
    form = browser.get(site.url("/admin/login/?next=/admin/"))
    assert form.status_code == 200
    fields = {"csrfmiddlewaretoken": token(form), "username": ADMIN[0], "password": password}
    return browser, browser.post(form.url, data=fields, headers={"Referer": form.url})


def upload(
    site: Deployed, browser: requests.Session, title: str, content: bytes
) -> requests.Response:
    url = site.url("/documents/")
    fields = {"csrfmiddlewaretoken": token(browser.get(url)), "title": title}
    files = {"file": (f"{title}.bin", content, "application/octet-stream")}
    return browser.post(url, data=fields, files=files, timeout=60)


def test_the_admin_asks_for_a_login(site: Deployed) -> None:
    answer = site.browser().get(site.url("/admin/"), allow_redirects=False)
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/admin/login/?next=/admin/"


def test_log_in_look_around_and_log_out(site: Deployed) -> None:
    browser, page = log_in(site)
    assert page.status_code == 200
    assert page.url == site.url("/admin/")
    assert "Site administration" in page.text
    assert "Documents" in page.text
    cookie = next(each for each in browser.cookies if each.name == "sessionid")
    assert cookie.has_nonstandard_attr("HttpOnly")

    left = browser.post(site.url("/admin/logout/"), data={"csrfmiddlewaretoken": token(page)})
    assert "Logged out" in left.text
    answer = browser.get(site.url("/admin/"), allow_redirects=False)
    assert answer.status_code == 302


def test_a_wrong_password_is_refused(site: Deployed) -> None:
    _, page = log_in(site, "guessed")
    assert page.status_code == 200
    assert "Please enter the correct username and password" in page.text


def test_a_form_without_its_token_is_refused(site: Deployed) -> None:
    browser, _ = log_in(site)
    site.log.allow("Forbidden")
    answer = browser.post(site.url("/admin/logout/"), data={})
    assert answer.status_code == 403
    assert "CSRF verification failed" in answer.text
    assert "Site administration" in browser.get(site.url("/admin/")).text


def test_a_row_is_added_changed_and_deleted_in_the_admin(site: Deployed) -> None:
    browser, _ = log_in(site)
    users = site.url("/admin/auth/user/")
    form = browser.get(users + "add/")
    fields = {
        "csrfmiddlewaretoken": token(form),
        "username": "grüße",
        "usable_password": "true",
        "password1": "a long enough one",
        "password2": "a long enough one",
        "_save": "Save",
    }
    page = browser.post(form.url, data=fields)
    assert "was added successfully" in page.text, page.text
    listing = browser.get(users, params={"q": "grüße"})
    found = re.search(r'href="/admin/auth/user/(\d+)/change/[^"]*">grüße<', listing.text)
    assert found, listing.text

    url = f"{users}{found[1]}/delete/"
    fields = {"csrfmiddlewaretoken": token(browser.get(url)), "post": "yes"}
    assert "was deleted successfully" in browser.post(url, data=fields).text
    assert "grüße" not in browser.get(users).text.split("deleted successfully")[-1]


def test_each_browser_has_its_session(site: Deployed) -> None:
    one, other = site.browser(), site.browser()
    for visit in range(1, 6):
        assert one.get(site.url("/")).text == f"Visit {visit} of stranger\n"
    assert other.get(site.url("/")).text == "Visit 1 of stranger\n"
    member, _ = log_in(site)
    assert member.get(site.url("/")).text == "Visit 1 of admin\n"


def test_browsers_at_the_same_time(site: Deployed) -> None:
    def visit_five_times(_: int) -> list[str]:
        browser = site.browser()
        return [browser.get(site.url("/"), timeout=60).text for _ in range(5)]

    expected = [f"Visit {visit} of stranger\n" for visit in range(1, 6)]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(visit_five_times, range(6))) == [expected] * 6


def test_a_large_upload_arrives_byte_for_byte(site: Deployed) -> None:
    browser, _ = log_in(site)
    content = os.urandom(UPLOAD_SIZE)
    digest = hashlib.sha256(content).hexdigest()

    page = upload(site, browser, f"large-{os.getpid()}", content)
    assert page.status_code == 200, page.text
    assert page.history[0].status_code == 302
    assert "attachment" in page.headers["Content-Disposition"]
    assert page.headers["Content-Length"] == str(UPLOAD_SIZE)
    assert page.content == content

    assert browser.get(page.url, params={"digest": ""}).json() == {
        "size": UPLOAD_SIZE,
        "sha256": digest,
    }
    (stored,) = (site.folder / "data/media/documents").glob(f"large-{os.getpid()}*.bin")
    assert stored.read_bytes() == content
    stored.unlink()


def test_a_file_of_the_site_comes_from_apache(site: Deployed) -> None:
    path = "static/admin/css/base.css"
    answer = site.browser().get(site.url(f"/{path}"))
    assert answer.status_code == 200
    assert answer.content == Path(site.folder, path).read_bytes()
    assert answer.headers["Content-Type"].startswith("text/css")
    assert "ETag" in answer.headers, "Django would have sent none"
    missing = site.browser().get(site.url("/static/none.css"))
    assert missing.status_code == 404


def test_the_login_page_finds_its_style_sheets(site: Deployed) -> None:
    browser = site.browser()
    page = browser.get(site.url("/admin/login/"))
    sheets = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page.text)
    assert sheets
    for sheet in sheets:
        assert browser.get(site.url(sheet)).status_code == 200, sheet


def test_an_error_of_a_view_is_a_page_of_django(site: Deployed) -> None:
    answer = site.browser().get(site.url("/failing"))
    assert answer.status_code == 500
    assert "<h1>Server Error (500)</h1>" in answer.text
    missing = site.browser().get(site.url("/nowhere"))
    assert missing.status_code == 404
    assert "<h1>Not Found</h1>" in missing.text
