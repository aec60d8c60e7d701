"""CSV files, label files, and zips of images."""

from __future__ import annotations

import json
from pathlib import Path

from edgevision.datasets import csv_labels
from edgevision.datasets.check import check
from edgevision.datasets.dataset import open_dataset
from edgevision.model_file.label_file import parse_labels


def read_csv(data: bytes, folder: Path) -> None:
    """Open a dataset that a CSV lists, and read the CSV as a label map."""
    path = folder / "labels.csv"
    path.write_bytes(data)
    rows = open_dataset(path).items
    assert rows is not None
    csv_labels.read_label_map(path)


def read_zip(data: bytes, folder: Path) -> None:
    """Check a zip of images as ``data check`` does."""
    path = folder / "images.zip"
    path.write_bytes(data)
    dataset = open_dataset(path)
    report = check(dataset)
    json.dumps(report.to_json(), allow_nan=False).encode()


def read_labels(data: bytes, folder: Path) -> None:
    """Read a label file, with and without a known number of classes."""
    for name, classes in (("labels.txt", None), ("labels.txt", 5), ("labels.json", None)):
        labels = parse_labels(data, name, classes)
        assert all(isinstance(label, str) for label in labels)
