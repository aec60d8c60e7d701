"""Write the seed inputs of the fuzz targets into tests/data/fuzz: python -m tools.fuzz.seeds

They are small and valid, or nearly so. Inputs called ``found-...`` once failed; they are kept by hand and not touched here.
"""

from __future__ import annotations

import hashlib
import io
import json
import runpy
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from edgevision.device.installer.archive.manifest import MANIFEST, Entry, Manifest, release_id
from edgevision.device.label.records import Change, Guess, MarkedBox, State
from edgevision.device.label.records import Entry as LabelEntry

from edgevision.model_file import model_file
from edgevision.model_file.card import ModelCard, SelfTest, SelfTestCase
from edgevision.model_file.detector_selftest import DetectorCase, DetectorSelfTest, ExpectedObject
from edgevision.preprocessing.spec import Preprocessing
from edgevision.tflite import associated_files
from edgevision.tflite.editable_model import FlatModel
from edgevision.tflite.object_api import schema
from edgevision.tflite.tables import metadata_bytes, open_flatbuffer
from edgevision.types import Task

from .outcome import ROOT
from .registry import BY_NAME, CORPUS

DATA = ROOT / "tests" / "data"
BEFORE = DATA / "made_before"
TASKS: dict[Task, tuple[str, str]] = {
    "classification": ("tiny.tflite", "softmax"),
    "multilabel": ("tiny.tflite", "sigmoid"),
    "detection": ("detector.tflite", "none"),
    "points": ("cells.tflite", "none"),
    "segmentation": ("segmenter.tflite", "none"),
    "embedding": ("embedder.tflite", "none"),
}
"""Model and activation of the cards by task."""
SIDES: dict[Task, int] = {"detection": 8, "points": 32}
"""Width and height of the model's input, where they are not 16."""
MAX_SAMPLES = 6
"""Samples kept of each measurement of a benchmark."""
EXTRA: dict[str, dict[str, Any]] = {
    "run": {"camera": 0, "fps": 5.0, "roi": "0.1,0.1,0.5,0.5", "rotate": 90},
}
"""Settings that the files of earlier versions do not have."""
OUTPUTS = (
    "jsonl:log.jsonl,daily,keep=3",
    {"spec": "csv:log.csv", "labels": ["cat", "dog"], "threshold": 0.5, "max_size": "10MB", "only": "events"},
    {"spec": "mqtt://user@broker.local:1883/home", "heartbeat_s": 60, "min_interval_s": 2.5},
    {"spec": "mqtts://[::1]/home", "password_file": "mqtt.password", "ca_file": "ca.pem"},
    {"spec": "webhook:https://example.org/hook?token=x", "image": "plain", "secret_file": "hook.secret"},
    {"spec": "snapshots:pictures", "quota": "500MB", "image": "both"},
    {"spec": "gpio:gpiochip0/17=cat", "hold": "2s", "active_low": True},
    {"spec": "metrics:0.0.0.0:9100"},
    "exec:sh -c true",
)
KERAS_2 = {
    "class_name": "Functional",
    "config": {
        "name": "model",
        "layers": [
            {
                "class_name": "InputLayer",
                "config": {"batch_input_shape": [None, 16, 16, 3], "dtype": "float32", "name": "input_1"},
                "name": "input_1",
                "inbound_nodes": [],
            },
            {
                "class_name": "Conv2D",
                "config": {
                    "name": "conv",
                    "filters": 4,
                    "kernel_size": [3, 3],
                    "strides": [2, 2],
                    "activation": "relu",
                },
                "name": "conv",
                "inbound_nodes": [[["input_1", 0, 0, {}]]],
            },
            {
                "class_name": "TFOpLambda",
                "config": {"name": "tf.math.multiply", "function": "math.multiply"},
                "name": "tf.math.multiply",
                "inbound_nodes": [["conv", 0, 0, {"y": 2.0, "name": None}]],
            },
        ],
        "input_layers": [["input_1", 0, 0]],
        "output_layers": [["tf.math.multiply", 0, 0]],
    },
}


def main() -> None:
    """Write all seeds."""
    for target, name, data in seeds():
        path = CORPUS / target / f"seed-{name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def seeds() -> Iterator[tuple[str, str, bytes]]:
    """Yield target, name and content of every seed."""
    yield from _models()
    yield from _float_models()
    yield from _keras()
    yield from _images()
    for target, name in (("run-toml", "run.toml"), ("device-toml", "device.toml"), ("train-toml", "config.toml")):
        yield target, name, (BEFORE / name).read_bytes()
    values = {"run": "run.toml", "device": "device.toml", "training": "config.toml"}
    parsed = {kind: tomllib.loads((BEFORE / name).read_text()) for kind, name in values.items()}
    for kind in values:
        yield "toml-values", f"{kind}.json", json.dumps({kind: parsed[kind] | EXTRA.get(kind, {})}).encode()
    for number, table in enumerate(OUTPUTS):
        yield "output-table", f"table-{number}.json", json.dumps(table).encode()
    for name, payload in (("pause", b"ON"), ("threshold", b"0.25"), ("snapshot", b"PRESS")):
        yield "mqtt-command", name, name.encode() + b"\n" + payload
    yield "bench-json", "bench.json", json.dumps(_bench()).encode()
    yield "taught-json", "taught.json", (BEFORE / "taught.json").read_bytes()
    yield "label-log", "log.jsonl", _label_log()
    yield from _tables()
    yield from _boxes()
    yield from _bundle()


def _label_log() -> bytes:
    """Return a log with an answer of each kind, the last one undone."""
    image, moved = State("_unsure/a.jpg"), State("cat/a.jpg", "cat")
    boxes = State("b.jpg", None, (MarkedBox("cup", (1.0, 2.0, 30.5, 40.0)),))
    answers = (
        LabelEntry(1, "2026-01-31T12:00:00.000Z", "label", (Change(image, moved),), None, Guess("cat", 0.9, "0" * 64)),
        LabelEntry(2, "2026-01-31T12:00:01.000Z", "boxes", (Change(State("b.jpg"), boxes),)),
        LabelEntry(3, "2026-01-31T12:00:02.000Z", "discard", (Change(moved, State(".discarded/cat/a.jpg", "cat")),)),
        LabelEntry(4, "2026-01-31T12:00:03.000Z", "undo", (Change(State(".discarded/cat/a.jpg", "cat"), moved),), 3),
    )
    return b"".join(json.dumps(one.to_json()).encode() + b"\n" for one in answers)


def _models() -> Iterator[tuple[str, str, bytes]]:
    for path in sorted(DATA.glob("*.tflite")):
        yield "tflite", path.name, path.read_bytes()
    for task, (name, activation) in TASKS.items():
        card = _card(task, activation)
        yield "card", f"{task}.json", json.dumps(card.to_json()).encode()
        full = model_file.build((DATA / name).read_bytes(), card.with_(selftest=None))
        yield "tflite", f"{task}-card.tflite", full
        yield "metadata", task, metadata_bytes(open_flatbuffer(full[: associated_files.split(full)[0]])) or b""
    old = _card("classification", "softmax").to_json()
    yield (
        "card",
        "rule.json",
        json.dumps(old | {"schema": "edgevision.card/1", "rule": old.pop("preprocessing")}).encode(),
    )


def _float_models() -> Iterator[tuple[str, str, bytes]]:
    """Yield the small graphs without the operator that makes their uint8 input float."""
    detector = _float_model("detector.tflite")
    yield "float-tflite", "detector.tflite", detector
    yield "float-tflite", "segmenter.tflite", _float_model("segmenter_scores.tflite")
    yield "float-tflite", "yolo.tflite", (DATA / "yolo.tflite").read_bytes()
    yield "float-tflite", "quantized.tflite", (DATA / "tiny.tflite").read_bytes()
    classifier = _float_classifier()
    yield "float-tflite", "classifier.tflite", classifier
    with_cards: dict[Task, tuple[str, bytes]] = {
        "classification": ("classifier", classifier),
        "detection": ("detector", detector),
    }
    for task, (name, flatbuffer) in with_cards.items():
        card = _card(task, TASKS[task][1]).with_(selftest=None)
        yield "float-tflite", f"{name}-card.tflite", model_file.build(flatbuffer, card)


def _float_model(name: str) -> bytes:
    model = FlatModel((DATA / name).read_bytes())
    (first,) = model.readers(model.inputs[0])
    model.set_ends(first.outputs, model.outputs)
    model.remove([first])
    model.drop_unused()
    return model.pack()


def _float_classifier() -> bytes:
    """Return a classifier of the mean color that scales its input itself."""
    graph = runpy.run_path(str(DATA / "make_small_graphs.py"))["Graph"]()
    image, scaled = (graph.tensor(name, (1, 16, 16, 3), "float32") for name in ("image", "scaled"))
    mean, made, scores = (graph.tensor(name, (1, 3), "float32") for name in ("mean", "dense", "scores"))
    factor = graph.tensor("factor", (), "float32", content=np.array(1 / 255, np.float32))
    axes = graph.tensor("axes", (2,), "int32", content=np.array([1, 2]))
    weights = graph.tensor("weights", (3, 3), "float32", content=np.eye(3))
    softmax = schema().SoftmaxOptionsT()
    softmax.beta = 1.0
    graph.operator("MUL", [image, factor], [scaled], schema().MulOptionsT())
    graph.operator("MEAN", [scaled, axes], [mean], schema().ReducerOptionsT())
    graph.operator("FULLY_CONNECTED", [mean, weights], [made], schema().FullyConnectedOptionsT())
    graph.operator("SOFTMAX", [made], [scores], softmax)
    return bytes(graph.build([image], [scores]))


def _card(task: Task, activation: str) -> ModelCard:
    side = SIDES.get(task, 16)
    labels = ("red", "green", "blue")
    return ModelCard(
        name="small",
        task=task,
        preprocessing=Preprocessing(side, side, resize="crop", mean=(127.5,), std=(127.5,)),
        labels=() if task == "embedding" else labels[1:] if task == "points" else labels,
        activation=activation,
        threshold=0.5,
        flatbuffer_sha256="DIGEST",
        selftest=_selftest(task),
        training={"epochs": 0},
        versions={"edgevision": "0.1.0"},
        created="2026-11-21T10:00:00.000Z",
    )


def _selftest(task: Task) -> SelfTest | DetectorSelfTest:
    picture, digest = "selftest/0.png", "0" * 64
    if task == "detection":
        case = DetectorCase(picture, digest, (ExpectedObject(0, 0.5, (1.0, 2.0, 3.0, 4.5)),))
        return DetectorSelfTest((case,), 0.1, 0.5, 0.3)
    return SelfTest((SelfTestCase(picture, digest, 0, (0.5,), (0,)),), 0.1)


def _keras() -> Iterator[tuple[str, str, bytes]]:
    with zipfile.ZipFile(BEFORE / "model.keras") as archive:
        config = archive.read("config.json")
    yield "keras-json", "keras3.json", config
    yield "keras-json", "keras2.json", json.dumps(KERAS_2).encode()
    yield "savedmodel", "graph.pb", _saved_model()
    yield "keras", "model.keras", (BEFORE / "model.keras").read_bytes()
    yield "h5", "model.h5", (BEFORE / "model.h5").read_bytes()


def _saved_model() -> bytes:
    """Return a graph that passes the check, written by hand: no TensorFlow is needed."""
    node = _field(1, b"x") + _field(2, b"Placeholder")
    called = _field(1, _field(1, b"f")) + _field(3, _field(1, b"y") + _field(2, b"Relu"))
    graph = _field(1, node) + _field(2, _field(1, called))
    meta = _field(1, _field(4, b"serve")) + _field(2, graph) + _field(7, _field(1, _field(4, b"")))
    return b"\x08\x01" + _field(2, meta + _field(5, _field(1, b"serving_default") + _field(2, b"")))


def _field(number: int, content: bytes) -> bytes:
    """Return a field of a protocol buffer with less than 128 bytes of content."""
    assert len(content) < 128
    return bytes([number << 3 | 2, len(content)]) + content


def _images() -> Iterator[tuple[str, str, bytes]]:
    pixels = (np.arange(8 * 6 * 4) % 251).astype(np.uint8).reshape(6, 8, 4)
    jpeg = _encoded(".jpg", pixels[..., :3])
    yield "image", "color.jpg", jpeg
    yield "image", "progressive.jpg", _encoded(".jpg", pixels[..., :3], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    yield "image", "gray.jpg", _encoded(".jpg", pixels[..., 0])
    yield "image", "exif.jpg", jpeg[:2] + _exif() + jpeg[2:]
    yield "image", "alpha.png", _encoded(".png", pixels)
    yield "image", "16bit.png", _encoded(".png", pixels[..., :3].astype(np.uint16) * 257)
    for suffix in (".webp", ".bmp", ".tiff"):
        yield "image", f"color{suffix}", _encoded(suffix, pixels[..., :3])
    part = b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(jpeg), jpeg)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n"
    yield "mjpeg", "parts", head + part * 3
    yield "mjpeg", "cut", head + part[:-30] + part
    yield "mjpeg", "chunked", head[:-2] + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(part), part)
    yield (
        "mjpeg",
        "snapshot",
        b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s" % (len(jpeg), jpeg),
    )
    yield "mjpeg", "redirect", b"HTTP/1.1 302 Found\r\nLocation: /other?a=b\r\nContent-Length: 0\r\n\r\n"
    login = b'Digest realm="cam", nonce="1", qop="auth", algorithm=MD5, opaque="x"'
    yield "mjpeg", "login", b"HTTP/1.1 401 No\r\nWWW-Authenticate: %s\r\nContent-Length: 0\r\n\r\n" % login
    yield "mjpeg", "refused", b"HTTP/1.0 404 Not Found\r\nContent-Length: 2\r\n\r\nno"


def _encoded(suffix: str, pixels: Any, options: list[int] | None = None) -> bytes:
    good, data = cv2.imencode(suffix, pixels, options or [])
    assert good
    return bytes(data)


def _exif() -> bytes:
    """Return an APP1 segment that says: turned by 90 degrees."""
    body = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    return b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body


def _bench() -> Any:
    value = json.loads((BEFORE / "bench.json").read_text())
    for result in value["results"]:
        for measure, visits in result["samples_ms"].items():
            result["samples_ms"][measure] = [visit[:MAX_SAMPLES] for visit in visits[:MAX_SAMPLES]]
        result["state"] = result.get("state", [])[:1]
    return value


def _zip() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, name in enumerate(("cat/a.png", "cat/b.png", "dog/c.png", "dog/notes.txt")):
            pixels = np.full((6, 8, 3), 60 * number, np.uint8)
            archive.writestr(zipfile.ZipInfo(f"images/{name}"), _encoded(".png", pixels))
    return made.getvalue()


def _tables() -> Iterator[tuple[str, str, bytes]]:
    yield "zip", "folders.zip", _zip()
    yield "csv", "labels.csv", b"path,label\na.jpg,cat\nb.png,dog|cat\n"
    yield "csv", "split.csv", (BEFORE / "split.csv").read_bytes()[:600]
    yield "csv", "one-hot.csv", b"filename, cat, dog\na.jpg,1,0\nb.jpg,0,1\n"
    yield "csv", "semicolons.csv", '\ufeffImage Name;Class\n"a;b.jpg";"Käse ""1"""\n'.encode()
    yield "csv", "map.csv", b"folder,label\n"
    yield "labels", "plain", b"cat\ndog\n"
    yield "labels", "numbered", b"0 cat\n1 dog\n3: bird\n"
    yield "labels", "header", b"id,name\n0,cat\n1,dog\n"
    yield "labels", "list", b'["cat", "dog"]'
    yield "labels", "map", b'{"id2label": {"0": "cat", "1": ["n01", "dog"]}}'
    yield "labels", "utf16", "cat\ndog\n".encode("utf-16")


COCO_BOXES = {
    "images": [{"id": 7, "file_name": "a.jpg", "width": 60, "height": 40}],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 3, "bbox": [1, 2, 30, 20.5], "iscrowd": 0},
        {"id": 2, "image_id": 7, "category_id": 9, "bbox": [], "segmentation": [[1, 2, 30, 2, 30, 30]]},
    ],
    "categories": [{"id": 3, "name": "cup", "supercategory": "none"}, {"id": 9, "name": "spoon"}],
}
STUDIO_BOXES = [
    {
        "id": 1,
        "annotations": [
            {
                "was_cancelled": False,
                "result": [
                    {
                        "id": "r",
                        "type": "rectanglelabels",
                        "original_width": 60,
                        "original_height": 40,
                        "value": {"x": 1, "y": 2, "width": 50, "height": 20, "rotation": 0, "rectanglelabels": ["cup"]},
                    }
                ],
            }
        ],
        "data": {"image": "/data/upload/1/0a1b2c3d-a.jpg"},
    }
]


def _boxes() -> Iterator[tuple[str, str, bytes]]:
    yield "boxes-json", "coco.json", json.dumps(COCO_BOXES).encode()
    yield "boxes-json", "label-studio.json", json.dumps(STUDIO_BOXES).encode()
    edges = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30.5</xmax><ymax>20</ymax></bndbox>"
    size = "<size><width>60</width><height>40</height></size>"
    voc = f"<annotation><filename>a.jpg</filename>{size}<object><name>cup</name>{edges}</object></annotation>"
    yield "boxes-xml", "voc.xml", voc.encode()
    shapes = '<box label="cup" xtl="1" ytl="2" xbr="30" ybr="20"/><polygon label="spoon" points="1,2;30,5;20,30"/>'
    cvat = f'<annotations><image name="a.jpg" width="60" height="40" subset="train">{shapes}</image></annotations>'
    yield "boxes-xml", "cvat.xml", cvat.encode()
    yield "boxes-text", "boxes.csv", b"path,label,x0,y0,x1,y1,split\na.jpg,cup,1,2,30,20,train\n"
    yield "boxes-text", "bare.csv", b"a.jpg,1,2,30,20,cup\n"
    yield "boxes-text", "yolo.txt", b"0 0.5 0.5 0.25 0.5\n1 0.1 0.1 0.5 0.1 0.3 0.6\n"
    yield "boxes-text", "data.yaml", b"path: .\ntrain: .\nnc: 2\nnames:\n  0: cup\n  1: spoon\n"


def _bundle() -> Iterator[tuple[str, str, bytes]]:
    contents = {
        **dict.fromkeys(("edgevision.service", "install.pyz", "model.tflite", "run.toml"), b"x\n"),
        "wheels/edgevision-0.1.0-py3-none-any.whl": b"x\n",
    }
    files = {name: Entry(len(data), hashlib.sha256(data).hexdigest()) for name, data in contents.items()}
    manifest = Manifest(release_id("default", files), "3.11", "aarch64", "0.1.0", files).dumps()
    yield "manifest", "manifest.json", manifest
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in ({MANIFEST: manifest} | contents).items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    yield "bundle", "bundle.tar", packed.getvalue()


def missing() -> list[str]:
    """Return the targets without a seed."""
    return [name for name in BY_NAME if not any((CORPUS / name).glob("seed-*"))]


if __name__ == "__main__":
    main()
