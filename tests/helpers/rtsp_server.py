"""An RTSP camera on the loopback: JPEG over RTP (RFC 2326, RFC 2435), inside the RTSP connection."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import cv2
import numpy as np

SIZE = (64, 48)
COLOR_BGR = (200, 60, 40)
_PACKET = 1200
_SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:track0\r\n"


@contextmanager
def rtsp_server(frames: int | None = None, port: int = 0) -> Iterator[int]:
    """Serve ``frames`` frames to each client (None: until it disconnects), then disconnect; yield the port."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        threads: list[threading.Thread] = []
        clients: list[socket.socket] = []

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    clients.append(client)
                    threads.append(threading.Thread(target=_serve, args=(client, frames), daemon=True))
                    threads[-1].start()

        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        try:
            yield listener.getsockname()[1]
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            for client in clients:
                with suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
            for thread in [acceptor, *threads]:
                thread.join(10)


def _serve(client: socket.socket, frames: int | None) -> None:
    with client, client.makefile("rb") as lines, suppress(OSError):
        while request := lines.readline().decode().split():
            headers = dict(_headers(iter(lines.readline, b"\r\n")))
            client.sendall(_answer(request[0], headers).encode())
            if request[0] == "PLAY":
                _play(client, frames)
                return


def _headers(lines: Iterator[bytes]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if not line:
            return
        name, _, value = line.decode().partition(":")
        yield name.lower(), value.strip()


def _answer(method: str, headers: dict[str, str]) -> str:
    head = f"CSeq: {headers['cseq']}\r\n"
    if method == "OPTIONS":
        return f"RTSP/1.0 200 OK\r\n{head}Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n\r\n"
    if method == "DESCRIBE":
        return f"RTSP/1.0 200 OK\r\n{head}Content-Type: application/sdp\r\nContent-Length: {len(_SDP)}\r\n\r\n{_SDP}"
    if method == "SETUP" and "TCP" not in headers["transport"]:
        return f"RTSP/1.0 461 Unsupported Transport\r\n{head}\r\n"
    if method == "SETUP":
        return f"RTSP/1.0 200 OK\r\n{head}Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n\r\n"
    return f"RTSP/1.0 200 OK\r\n{head}Session: 1\r\n\r\n"


def _play(client: socket.socket, frames: int | None) -> None:
    sequence = index = 0
    while frames is None or index < frames:
        tables, scan = _parts(index)
        for offset in range(0, len(scan), _PACKET):
            part = scan[offset : offset + _PACKET]
            last = offset + _PACKET >= len(scan)
            rtp = struct.pack(">BBHII", 0x80, 26 | (0x80 if last else 0), sequence & 0xFFFF, index * 3000, 1)
            jpeg = struct.pack(">II", offset, (1 << 24) | (255 << 16) | (SIZE[0] // 8 << 8) | SIZE[1] // 8)
            jpeg += struct.pack(">BBH", 0, 0, len(tables)) + tables if offset == 0 else b""
            packet = rtp + jpeg + part
            client.sendall(struct.pack(">cBH", b"$", 0, len(packet)) + packet)
            sequence += 1
        index += 1
        time.sleep(0.01)


def _parts(index: int) -> tuple[bytes, bytes]:
    """Return quantization tables and compressed data of one frame; the width of its left bar encodes the index."""
    pixels = np.full((SIZE[1], SIZE[0], 3), COLOR_BGR, np.uint8)
    pixels[:, : 8 + index % 24] = 255
    _, encoded = cv2.imencode(".jpg", pixels)
    data, at, tables = bytes(encoded), 2, b""
    while data[at + 1] != 0xDA:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] == 0xDB:
            content = data[at + 4 : at + 2 + length]
            tables += b"".join(content[start + 1 : start + 65] for start in range(0, len(content), 65))
        at += 2 + length
    return tables, data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") : -2]
