"""A real headless Chromium, driven by the DevTools protocol."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import websocket

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
START_S = 60
CALL_S = 60
WAIT_S = 30
REFUSED = "ERR_CONNECTION_REFUSED"
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # root needs it, and tests in containers run as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--mute-audio",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)


class Page:
    """One tab. Collects what goes wrong in it."""

    def __init__(self, address: str, target: str) -> None:
        """``address``: of the browser's DevTools; ``target``: id of the tab."""
        self._address = address
        host = re.sub(r"/devtools/.*", "", address)
        self._socket = websocket.create_connection(f"{host}/devtools/page/{target}", timeout=CALL_S)
        self._last = 0
        self._origin = ""
        self.problems: list[str] = []
        """Errors on the console, uncaught exceptions, violations of the content security policy."""
        self.requested: list[str] = []
        """Addresses that were requested."""
        self.received = 0
        """Bytes of all finished answers, without headers."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def other_user(self) -> Page:
        """Open a tab as of another person: with cookies and connections of its own, in a window of its own."""
        context = _ask(self._address, "Target.createBrowserContext")["browserContextId"]
        given = {"url": "about:blank", "browserContextId": context, "newWindow": True}
        return Page(self._address, _ask(self._address, "Target.createTarget", **given)["targetId"])

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        self._last += 1
        number = self._last
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == number:
                assert "error" not in message, f"{method}: {message['error']}"
                result: dict[str, Any] = message["result"]
                return result
            self._note(message)

    def open(self, url: str, seconds: float = WAIT_S) -> None:
        """Load a page."""
        self._origin = "/".join(url.split("/")[:3])
        self.problems = [one for one in self.problems if REFUSED not in one or self._origin in one]
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'", seconds)

    def js(self, expression: str) -> Any:
        """Return the value of a JavaScript expression; a promise is awaited."""
        given = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        answer = self.call("Runtime.evaluate", **given)
        assert "exceptionDetails" not in answer, f"{expression}: {answer['exceptionDetails']}"
        return answer["result"].get("value")

    def wait(self, expression: str, seconds: float = WAIT_S) -> Any:
        """Wait until an expression is true, and return its value."""
        deadline = time.monotonic() + seconds
        while not (value := self.js(expression)):
            assert time.monotonic() < deadline, f"never true: {expression}; {self.problems}"
            time.sleep(0.05)
        return value

    def text(self, selector: str) -> str:
        """Return the text of an element as it is shown."""
        return str(self.js(f"document.querySelector({json.dumps(selector)}).innerText"))

    def center(self, selector: str) -> tuple[float, float]:
        """Scroll to an element and return its center."""
        script = (
            "(async () => { const e = document.querySelector(%s); e.scrollIntoView({block: 'center'});"
            "for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);"  # until the screen has scrolled, too
            "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        x, y = self.js(script % json.dumps(selector))
        return x, y

    def tap(self, selector: str) -> None:
        """Tap on an element as with a finger."""
        x, y = self.center(selector)
        self.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def drag(self, start: tuple[float, float], end: tuple[float, float], steps: int = 5) -> None:
        """Draw a line with a finger."""
        points = [tuple(a + (b - a) * i / steps for a, b in zip(start, end, strict=True)) for i in range(steps + 1)]
        for index, (x, y) in enumerate(points):
            kind = "touchMove" if index else "touchStart"
            self.call("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}])
            time.sleep(0.02)
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        time.sleep(0.4)  # a tap right after it would count as a part of the same gesture

    def key(self, name: str) -> None:
        """Press a key, such as ArrowRight."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name)

    def size(self, width: int, height: int, *, dark: bool = False, mobile: bool = True) -> None:
        """Set the size in CSS pixels, and the theme of the system."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)
        self.call("Emulation.setTouchEmulationEnabled", enabled=True)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Save what is visible, or the whole page, as PNG."""
        made = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(made["data"]))

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def _note(self, message: dict[str, Any]) -> None:
        method, given = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            details = given["exceptionDetails"]
            self.problems.append(str(details.get("exception", {}).get("description", details["text"])))
        elif method == "Runtime.consoleAPICalled" and given["type"] in ("error", "warning", "assert"):
            self.problems.append(" ".join(str(one.get("value", one.get("description"))) for one in given["args"]))
        elif method == "Log.entryAdded" and given["entry"]["level"] in ("error", "warning"):
            if self._is_of_a_page_that_was_left(given["entry"]):
                return
            self.problems.append(f"{given['entry']['text']} {given['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.requested.append(given["request"]["url"])
        elif method == "Network.loadingFinished":
            self.received += int(given["encodedDataLength"])

    def _is_of_a_page_that_was_left(self, entry: dict[str, Any]) -> bool:
        """Return whether a console entry only says that the server of an earlier test has ended."""
        url = str(entry.get("url", ""))
        refused = REFUSED in entry["text"] and url.startswith("http://127.0.0.1:")
        return refused and not url.startswith(self._origin)


@contextmanager
def browser(profile: Path, *more: str) -> Iterator[Page]:
    """Start a browser of its own, and end it; ``profile``: folder for its files; ``more``: other arguments."""
    assert PROGRAM is not None
    command = [PROGRAM, *ARGUMENTS, *more, f"--user-data-dir={profile}", "about:blank"]
    with (profile / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        address = _address(profile / "log", process)
        page = Page(address, _first_tab(address))
        yield page
        page.close()
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(log: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"DevTools listening on (ws://\S+)", log.read_text(errors="replace")):
            return found[1]
        time.sleep(0.1)
    raise AssertionError(f"Chromium did not start: {log.read_text(errors='replace')[-2000:]}")


def _first_tab(address: str) -> str:
    """Return the id of the first tab."""
    targets = _ask(address, "Target.getTargets")["targetInfos"]
    return next(str(one["targetId"]) for one in targets if one["type"] == "page")


def _ask(address: str, method: str, **parameters: Any) -> dict[str, Any]:
    """Call a method of the browser itself and return its result."""
    connection = websocket.create_connection(address, timeout=CALL_S)
    try:
        connection.send(json.dumps({"id": 1, "method": method, "params": parameters}))
        while (answer := json.loads(connection.recv())).get("id") != 1:
            pass
        assert "error" not in answer, f"{method}: {answer['error']}"
        result: dict[str, Any] = answer["result"]
        return result
    finally:
        connection.close()
