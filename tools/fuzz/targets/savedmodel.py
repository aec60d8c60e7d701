"""SavedModel folders: what is read before TensorFlow loads them."""

from __future__ import annotations

from pathlib import Path

from edgevision.convert.keras_files.scan import scan


def read_graph(data: bytes, folder: Path) -> None:
    """Scan a folder with this ``saved_model.pb``."""
    model = folder / "saved"
    (model / "variables").mkdir(parents=True, exist_ok=True)
    (model / "variables" / "variables.index").touch()
    (model / "saved_model.pb").write_bytes(data)
    scan(model)
