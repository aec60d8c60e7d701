"""Posts the requests of a spool in order, on a thread of its own, with retries."""

from __future__ import annotations

from http import HTTPStatus
from threading import Event as Flag
from threading import Thread
from typing import TYPE_CHECKING

from edgevision.errors import EdgeVisionError
from edgevision.log import Log

from ...system.clock import SYSTEM, Clock
from ..backoff import Backoff
from .post import Reply, post, retry_after_s
from .signature import sign

if TYPE_CHECKING:
    import ssl

    from ...cameras.backends.timed_socket import TimedSocket
    from .spool import Request, Spool
    from .target import Target

log = Log("edgevision.outputs")
MAX_RETRY_AFTER_S = 3600.0
POLL_S = 0.2
LAST_WAIT_S = 1.0
"""Longest wait for another attempt at the end of a run (seconds)."""
_LATER = frozenset({408, 425, 429})
"""Refusals below 500 that are not for good."""


class Sender:
    """Takes the oldest request, posts it, and removes it once the server took it or refused it for good."""

    def __init__(
        self,
        target: Target,
        spool: Spool,
        secret: bytes | None,
        timeout_s: float,
        tls: ssl.SSLContext | None,
        clock: Clock = SYSTEM,
        backoff: Backoff | None = None,
    ) -> None:
        self._target, self._spool, self._secret = target, spool, secret
        self._timeout_s, self._tls, self._clock = timeout_s, tls, clock
        self._backoff = backoff or Backoff()
        self._stopping, self._ending, self._more = Flag(), Flag(), Flag()
        self._link: TimedSocket | None = None
        self.sent = 0
        """Number of requests that the server took."""
        self.rejected = 0
        """Number of requests that the server refused for good."""
        self.failures = 0
        """Number of attempts that failed."""
        self.problem: str | None = None
        """What keeps requests from being delivered now."""
        self.last_problem: str | None = None
        """The last such problem, also after it was solved."""
        self._thread = Thread(target=self._work, name="webhook sender", daemon=True)
        self._thread.start()

    def more(self) -> None:
        """Announce a new request."""
        self._more.set()

    def finish(self, timeout_s: float) -> None:
        """Send what waits for up to ``timeout_s`` seconds, then end; the rest waits for the next run."""
        self._ending.set()
        self._more.set()
        self._thread.join(timeout_s)
        self.stop()
        self._thread.join(1.0)

    def stop(self) -> None:
        """End at once; an attempt that is under way is made again by the next run."""
        self._stopping.set()
        self._more.set()
        link = self._link
        if link is not None:
            link.interrupt()

    def _work(self) -> None:
        while not self._stopping.is_set():
            found = self._spool.first()
            if found is None:
                if self._ending.is_set():
                    return
                self._more.wait(1.0)
                self._more.clear()
                continue
            path, request = found
            wait_s = self._try(request)
            if wait_s is None:
                self._spool.remove(path)
            elif not self._wait(wait_s):
                return

    def _try(self, request: Request) -> float | None:
        """Post a request; return None if it is done with, else the seconds until the next attempt."""
        try:
            reply = post(self._target, self._headers(request), request.body, self._timeout_s, self._tls, self._watch)
        except EdgeVisionError as error:
            return self._failed(str(error))
        except Exception as error:  # a failure of any kind must not end the thread
            return self._failed(type(error).__name__)
        finally:
            self._link = None
        return self._judge(reply)

    def _judge(self, reply: Reply) -> float | None:
        status = reply.status
        if 200 <= status < 300:
            self.sent += 1
            self.problem = None
            self._backoff.succeeded()
            return None
        text = f"the server answered {status} {_phrase(status)}".rstrip()
        if 300 <= status < 400:
            return self._failed(f"{text}; redirects are not followed, give the final address")
        if 400 <= status < 500 and status not in _LATER:
            self.rejected += 1
            self.failures += 1
            self.problem = self.last_problem = text
            log.warning("%s: %s; one request is dropped", self._target.shown, text)
            return None
        asked = retry_after_s(reply.retry_after, self._clock.wall())
        return max(self._failed(text), min(asked, MAX_RETRY_AFTER_S))

    def _failed(self, problem: str) -> float:
        if self._stopping.is_set():
            return 0.0
        self.failures += 1
        self.problem = self.last_problem = problem
        log.debug("%s: %s", self._target.shown, problem)
        return self._backoff.failed()

    def _headers(self, request: Request) -> dict[str, str]:
        headers = {
            "Content-Type": request.content_type,
            "X-Edgevision-Event": request.event[:100],
            "X-Edgevision-Delivery": request.id,
        }
        if self._secret is not None:
            timestamp = str(int(self._clock.wall()))
            headers["X-Edgevision-Timestamp"] = timestamp
            headers["X-Edgevision-Signature"] = sign(self._secret, timestamp, request.body)
        return headers

    def _watch(self, link: TimedSocket) -> None:
        self._link = link
        if self._stopping.is_set():
            link.interrupt()

    def _wait(self, seconds: float) -> bool:
        """Wait before the next attempt; return False if there is none, because the run ends before."""
        deadline = self._clock.monotonic() + seconds
        while (left := deadline - self._clock.monotonic()) > 0:
            if self._ending.is_set() and left > LAST_WAIT_S:
                return False
            if self._clock.wait(self._stopping, min(left, POLL_S)):
                return False
        return True


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
