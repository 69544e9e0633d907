"""A Chromium of one's own, driven by selenium, and a page in it."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip

#: Seconds to wait for what has to happen: generous, since machines may be busy.
DEADLINE = 30.0


class Page(NamedTuple):
    """A page in a browser."""

    browser: Any

    def open(self, path: Path, width: int = 1280, height: int = 900, *, dark: bool = False) -> None:
        """Open a file, and wait until it is drawn."""
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        self.dark(dark)
        self.browser.get(path.as_uri())
        self.settle()

    def dark(self, is_dark: bool) -> None:
        """Prefer dark or light colours from now on."""
        feature = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def settle(self) -> None:
        """Wait until all that was asked for is drawn."""
        self.browser.execute_async_script(
            "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()));"
        )

    def run(self, script: str, *arguments: object) -> Any:
        """Run a script in the page; return what it returns."""
        return self.browser.execute_script(script, *arguments)

    def text(self, selector: str) -> str:
        """Return the text of an element, shown or not."""
        return str(self.run("return document.querySelector(arguments[0]).textContent", selector))

    def choose(self, selector: str, text: str) -> None:
        """Choose an option of a select by its text."""
        from selenium.webdriver.common.by import By
        from selenium.webdriver.support.select import Select

        Select(self.browser.find_element(By.CSS_SELECTOR, selector)).select_by_visible_text(text)
        self.settle()

    def hover(self, selector: str) -> None:
        """Move the mouse to the middle of an element."""
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.by import By

        found = self.browser.find_element(By.CSS_SELECTOR, selector)
        self.run("arguments[0].scrollIntoView({block: 'center'})", found)
        ActionChains(self.browser).move_to_element(found).perform()
        self.settle()

    def tooltip(self) -> str:
        """Return what Plotly shows beside the mouse, as soon as it does."""
        from selenium.webdriver.support.wait import WebDriverWait

        find = "return [...document.querySelectorAll('.hoverlayer .hovertext')].map(one => one.textContent).join(' ')"
        return str(WebDriverWait(self.browser, DEADLINE).until(lambda _: self.run(find)))

    def shoot(self, path: Path, since: str = "html") -> None:
        """Save a picture of the page, PNG: all of it, or from an element on."""
        find = "const top = document.querySelector(arguments[0]).getBoundingClientRect().top + scrollY;"
        box = "return [top, document.documentElement.scrollWidth, document.documentElement.scrollHeight - top]"
        top, width, height = self.run(find + box, since)
        clip = {"x": 0, "y": top, "width": width, "height": height, "scale": 1}
        wanted = {"captureBeyondViewport": True, "clip": clip}
        answer = self.browser.execute_cdp_cmd("Page.captureScreenshot", wanted)
        path.write_bytes(base64.b64decode(answer["data"]))

    def complaints(self) -> list[str]:
        """Return what the console has said since the last time."""
        return [entry["message"] for entry in self.browser.get_log("browser")]

    def requests(self) -> list[str]:
        """Return the addresses that pages have asked for since the last time."""
        messages = [json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance")]
        return [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]


def start(folder: Path) -> Any:
    """Start a Chromium with its files in `folder`, driven by selenium."""
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    options = ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (*FLAGS, f"--user-data-dir={folder}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return Chrome(options, ChromeService(shutil.which("chromedriver")))
