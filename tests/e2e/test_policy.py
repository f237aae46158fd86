"""What pages of Hosting may do is in the headers of every one of them, and the browser holds them to it."""

import re

import httpx
import pytest
from playwright.sync_api import Browser

from tests.support.browser import Window, needs_chromium
from tests.support.stack import Stack

PAGES = {
    "/": "Talk to people and assistants",
    "/no/such/page": "There is no such page",
    "/reference/": "Confab REST API",
    "/reference/client/": "Confab for JavaScript",
}
EXPECTED = ("the server responded with a status of 404", "https://cdn.redoc.ly/")
"""Of the page that is not there, and of Redoc's logo, which the policy keeps from the network."""
INJECT = """() => new Promise((resolve) => {
  document.addEventListener("securitypolicyviolation", ({effectiveDirective, blockedURI}) =>
    blockedURI === "inline" && resolve([effectiveDirective, window.ran ?? null]));
  const script = document.createElement("script");
  script.textContent = "window.ran = true";
  document.body.append(script);
})"""


def test_every_page_has_the_whole_policy_as_a_header(stack: Stack) -> None:
    with httpx.Client(base_url=stack.url) as client:
        for path in (*PAGES, "/app.bundle.js"):
            headers = client.get(path).headers
            parts = headers["content-security-policy"].split("; ")
            policy = dict(part.split(" ", 1) for part in parts)
            assert not re.search("unsafe-(inline|eval)", str(policy)), path
            assert [policy[name] for name in ("default-src", "base-uri", "frame-ancestors")] == ["'none'"] * 3
            realtime = {f"{scheme}{url[4:]}" for url in stack.realtime for scheme in ("http", "ws")}
            assert realtime | {"'self'", stack.auth} <= set(policy["connect-src"].split()), path
            assert not re.search(r"\*|https?:( |$)", policy["connect-src"]), path
            assert {
                "x-content-type-options": "nosniff",
                "cross-origin-opener-policy": "same-origin-allow-popups",
                "cross-origin-resource-policy": "same-origin",
                "referrer-policy": "no-referrer",
                "permissions-policy": headers.get("permissions-policy", "none"),
            }.items() <= dict(headers).items(), path


@needs_chromium
@pytest.mark.parametrize(("path", "shown"), PAGES.items())
def test_a_page_works_under_its_policy_and_an_injected_script_does_not_run(
    stack: Stack, browser: Browser, path: str, shown: str
) -> None:
    window = Window(browser, stack.url)
    with window.watched():
        window.page.goto(path)
        window.page.get_by_role("heading", name=re.compile(shown)).first.wait_for()
        window.page.wait_for_load_state("networkidle")
        faults = [fault for fault in window.faults if not any(part in fault for part in EXPECTED)]
        assert faults == []
        assert window.page.evaluate(INJECT) == ["script-src-elem", None]
        window.faults.clear()
