"""Fake of the kernel's display library, which picamera2 imports for previews that no test shows."""


class _Names:
    """Maps any pixel format to its own name."""

    def __getattr__(self, name: str) -> str:
        return name


PixelFormat = _Names()
