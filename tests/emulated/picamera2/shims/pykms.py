"""Stands in for the kernel's display library, which picamera2 imports for previews that no test shows."""


class _Names:
    """Any pixel format asked for is its own name."""

    def __getattr__(self, name: str) -> str:
        return name


PixelFormat = _Names()
