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
START_S = 120
CALL_S = 120
WAIT_S = 120
"""Limits in case something never happens; a busy machine needs half a minute for what is usually there at once."""
TOASTS = Path(__file__).resolve().parents[2] / "device/page/assets/toast.js"
PATIENT = """(() => {
  const timer = window.setTimeout.bind(window);
  window.setTimeout = (call, after, ...more) => timer(call, after === %s ? 1e8 : after, ...more);
})()"""
"""Keeps short messages until the next one, so that no test depends on being there in time to see them."""
TAP_S = 3
"""Time for the click that follows a tap; a later one counts, too."""
TAP_GUARD = """(() => {
  window.tapped = false;
  document.removeEventListener('click', window.tapGuard, true);
  window.tapGuard = (event) => {
    if (event.pointerType !== 'touch') return;
    if (!window.tapped && event.target.closest(%s)) { window.tapped = true; return; }
    event.stopImmediatePropagation();
    event.preventDefault();
  };
  document.addEventListener('click', window.tapGuard, true);
})()"""
"""Lets one click by a finger through, to the element that is meant, and none to what has taken its place meanwhile."""
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
        self._answers: dict[int, dict[str, Any]] = {}
        self._documents: dict[str, str] = {}
        """Id of a request -> that of the document that made it."""
        self._left: set[str] = set()
        """Documents that were left."""
        self.problems: list[str] = []
        """Errors on the console, uncaught exceptions, violations of the content security policy."""
        self.requested: list[str] = []
        """Addresses that were requested."""
        self.received = 0
        """Bytes of all finished answers, without headers."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        shown_ms = re.findall(r"SHOWN_MS = (\d+)", TOASTS.read_text())
        self.call("Page.addScriptToEvaluateOnNewDocument", source=PATIENT % shown_ms[0])

    def other_user(self) -> Page:
        """Open a tab as of another person: with cookies and connections of its own, in a window of its own."""
        context = _ask(self._address, "Target.createBrowserContext")["browserContextId"]
        given = {"url": "about:blank", "browserContextId": context, "newWindow": True}
        return Page(self._address, _ask(self._address, "Target.createTarget", **given)["targetId"])

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        return self._answer(self._send(method, **parameters), method)

    def _send(self, method: str, **parameters: Any) -> int:
        """Call a method and return the number of its answer."""
        self._last += 1
        self._socket.send(json.dumps({"id": self._last, "method": method, "params": parameters}))
        return self._last

    def _answer(self, number: int, method: str) -> dict[str, Any]:
        """Wait for an answer and return its result."""
        answer = self._message(number)
        assert "error" not in answer, f"{method}: {answer['error']}"
        result: dict[str, Any] = answer["result"]
        return result

    def _message(self, number: int) -> dict[str, Any]:
        """Wait for the answer with a number and return it as it is."""
        while number not in self._answers:
            message = json.loads(self._socket.recv())
            if "id" in message:
                self._answers[message["id"]] = message
            else:
                self._note(message)
        return self._answers.pop(number)

    def open_afresh(self, url: str) -> None:
        """Load a page, without the problems of those before it: what came so far, and what they have yet to report."""
        self.open("about:blank")
        self.problems.clear()
        self.open(url)

    def open(self, url: str, seconds: float = WAIT_S) -> None:
        """Load a page."""
        self._left.update(document for document in self._documents.values() if document)
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'", seconds)

    def js(self, expression: str) -> Any:
        """Return the value of a JavaScript expression; a promise is awaited."""
        value, problem = self._evaluated(expression)
        assert problem is None, f"{expression}: {problem}"
        return value

    def wait(self, expression: str, seconds: float = WAIT_S) -> Any:
        """Wait until an expression is true, and return its value; while it fails, it is not true yet."""
        deadline = time.monotonic() + seconds
        while not (found := self._evaluated(expression))[0]:
            if time.monotonic() > deadline:
                shown = str(self._evaluated("document.body.innerText + document.getElementById('toast')?.innerText")[0])
                raise AssertionError(f"never true: {expression}; {found[1]}; {self.problems}; shown: {shown[:2000]}")
            time.sleep(0.05)
        return found[0]

    def _evaluated(self, expression: str) -> tuple[Any, Any]:
        """Return the value of an expression, and what went wrong."""
        given = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        answer = self._message(self._send("Runtime.evaluate", **given))
        if "error" in answer:
            return None, answer["error"]
        return answer["result"]["result"].get("value"), answer["result"].get("exceptionDetails")

    def text(self, selector: str) -> str:
        """Return the text of an element as it is shown."""
        return str(self.js(f"document.querySelector({json.dumps(selector)}).innerText"))

    def center(self, selector: str) -> tuple[float, float]:
        """Scroll to an element and return its center."""
        script = (
            "(async () => { const e = document.querySelector(%s); e.scrollIntoView({block: 'center'});"
            "for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);"  # until the screen has scrolled, too
            "const b = e.getBoundingClientRect(); return b.width && [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        x, y = self.wait(script % json.dumps(selector))
        return x, y

    def tap(self, selector: str) -> None:
        """Tap on an element as with a finger; again if the element was no longer where it had been."""
        self.js(TAP_GUARD % json.dumps(selector))
        deadline = time.monotonic() + WAIT_S
        while not self._tapped(selector):
            assert time.monotonic() < deadline, f"cannot be tapped: {selector}; {self.problems}"

    def _tapped(self, selector: str) -> bool:
        """Tap, and return whether the element got it within some time."""
        self._touch(*self.center(selector))
        again = time.monotonic() + TAP_S
        while not self.js("window.tapped !== false"):
            if time.monotonic() > again:
                return False
            time.sleep(0.02)
        return True

    def _touch(self, x: float, y: float) -> None:
        method = "Input.dispatchTouchEvent"
        # Both at once: a finger that stays for half a second makes a long press.
        down = self._send(method, type="touchStart", touchPoints=[{"x": x, "y": y}])
        up = self._send(method, type="touchEnd", touchPoints=[])
        self._answer(down, method)
        self._answer(up, method)

    def drag(self, start: tuple[float, float], end: tuple[float, float], steps: int = 5) -> None:
        """Draw a line with a finger."""
        points = [tuple(a + (b - a) * i / steps for a, b in zip(start, end, strict=True)) for i in range(steps + 1)]
        method, sent = "Input.dispatchTouchEvent", list[int]()
        for index, (x, y) in enumerate(points):
            kind = "touchMove" if index else "touchStart"
            sent.append(self._send(method, type=kind, touchPoints=[{"x": x, "y": y}]))
            if not index:  # a finger that stays for half a second before it moves draws no line
                continue
            while sent:
                self._answer(sent.pop(0), method)
            time.sleep(0.02)
        self.call(method, type="touchEnd", touchPoints=[])
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
            if self._documents.get(given["entry"].get("networkRequestId", "")) in self._left:
                return
            self.problems.append(f"{given['entry']['text']} {given['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.requested.append(given["request"]["url"])
            self._documents[given["requestId"]] = given["loaderId"]
        elif method == "Network.loadingFinished":
            self.received += int(given["encodedDataLength"])


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
            process.wait(30)
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
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        for one in _ask(address, "Target.getTargets")["targetInfos"]:
            if one["type"] == "page":
                return str(one["targetId"])
        time.sleep(0.05)
    raise AssertionError("Chromium opened no tab")


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
