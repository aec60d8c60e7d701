"""The fuzz targets: what each reads, and how its inputs are changed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from .outcome import ROOT

CORPUS = ROOT / "tests" / "data" / "fuzz"
"""One folder of inputs per target: seeds from ``seeds.py``, and inputs that once failed."""
HDF5_S = 85.0
"""The child process that reads HDF5 files is ended after 20 s of processor time, on a busy machine after 80 s."""
Reader = Callable[[bytes, Path], None]


class Target(NamedTuple):
    """One reader of data from outside."""

    name: str
    about: str
    """What it reads, for the table."""
    where: str
    """Module in ``targets`` and function."""
    json: bool = False
    """Whether inputs are changed as JSON."""
    max_bytes: int = 1 << 16
    """Size limit of the inputs."""
    max_seconds: float = 5.0
    """Longest time that one input may take."""

    def reader(self) -> Reader:
        """Return the function that takes (input, folder for files)."""
        module, _, function = self.where.partition(":")
        found: Reader = getattr(import_module(f"{__package__}.targets.{module}"), function)
        return found

    @property
    def corpus(self) -> Path:
        """The folder of its committed inputs."""
        return CORPUS / self.name


TARGETS = (
    Target("tflite", "a .tflite: flatbuffer, graph, metadata, archive", "tflite:read_tflite"),
    Target("card", "the model card in a .tflite, up to a prediction", "tflite:read_card", json=True),
    Target("metadata", "standard metadata in a .tflite, up to a prediction", "tflite:read_metadata"),
    Target("float-tflite", "a float .tflite to convert, without its trial", "tflite_source:read_source"),
    Target("keras-json", "the architecture in a .keras", "keras:read_config", json=True),
    Target("keras", "a .keras archive", "keras:read_archive", max_seconds=HDF5_S),
    Target("h5", "a Keras .h5", "keras:read_h5", max_seconds=HDF5_S),
    Target("savedmodel", "saved_model.pb", "savedmodel:read_graph"),
    Target("image", "an encoded image", "images:read_image"),
    Target("mjpeg", "the answer of an HTTP camera", "mjpeg:read_answer"),
    Target("run-toml", "run.toml", "toml:read_run"),
    Target("device-toml", "device.toml", "toml:read_device"),
    Target("train-toml", "config.toml of a training", "toml:read_training"),
    Target("toml-values", "values of all three", "toml:read_values", json=True),
    Target("output-table", "tables of [[outputs]] and specs of --to", "outputs:read_table", json=True),
    Target("mqtt-command", "commands by MQTT", "outputs:read_command", max_bytes=256),
    Target("bench-json", "bench.json", "records:read_bench", json=True),
    Target("taught-json", "taught classes", "records:read_taught", json=True),
    Target("label-log", "the log of edgevision label", "records:read_label_log"),
    Target("csv", "labels.csv and split.csv", "tables:read_csv"),
    Target("boxes-json", "boxes as COCO or Label Studio JSON", "boxes:read_json", json=True),
    Target("boxes-xml", "boxes as Pascal VOC or CVAT XML", "boxes:read_xml"),
    Target("boxes-text", "boxes as CSV, YOLO text and data.yaml", "boxes:read_text"),
    Target("zip", "a zip of images", "tables:read_zip"),
    Target("labels", "a label file", "tables:read_labels"),
    Target("manifest", "the manifest of a bundle", "bundle:read_manifest", json=True),
    Target("bundle", "a bundle, uncompressed", "bundle:read_archive"),
)
BY_NAME = {target.name: target for target in TARGETS}
