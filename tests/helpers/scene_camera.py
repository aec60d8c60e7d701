"""A network camera whose scene a test sets: Motion JPEG over HTTP, on the loopback address."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

EVERY_S = 0.1


class SceneCamera:
    """Sends the image of its scene, ten per second."""

    def __init__(self, scene: bytes) -> None:
        """``scene``: an image as JPEG."""
        self.scene = scene
        self._broken = Event()
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera._serve(self)

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Address for ``--source``."""
        return f"http://127.0.0.1:{self._server.server_port}/stream.mjpg"

    def unplug(self, unplugged: bool = True) -> None:
        """End the stream and refuse new ones, or allow them again."""
        self._broken.set() if unplugged else self._broken.clear()

    def close(self) -> None:
        """End the server."""
        self._broken.set()
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        if self._broken.is_set():
            handler.send_error(503)
            return
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        handler.end_headers()
        try:
            while not self._broken.is_set():
                scene = self.scene
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(scene)}\r\n\r\n"
                handler.wfile.write(head.encode() + scene + b"\r\n")
                time.sleep(EVERY_S)
        except OSError:  # the loop closed the connection
            return


@contextmanager
def scene_camera(scene: bytes) -> Iterator[SceneCamera]:
    """Start a camera, and end it."""
    camera = SceneCamera(scene)
    try:
        yield camera
    finally:
        camera.close()
