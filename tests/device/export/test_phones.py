"""``edgevision export --to android`` and ``--to ios``: the folder, code that parses, what is measured, what is refused."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tree_sitter_kotlin
import tree_sitter_swift
from command_line import edgevision
from documents import loads, parse, valid
from edgevision.device.export.records import ExportRequest
from edgevision.device.export.registry import open_target
from locations import HELPERS, ROOT
from tree_sitter import Language, Node, Parser

from edgevision import default_model, open_model, read_model
from edgevision.datasets.boxes.placement import overlap
from edgevision.errors import BadModel
from edgevision.inspection import add_card
from edgevision.model_file import edgetpu_part, model_file
from edgevision.preprocessing import decode, transform
from edgevision.types import Frame

DATA = ROOT / "tests" / "data"
MODEL = default_model.path()
PYTHON = ROOT / ".cache" / "envs" / "mediapipe" / "bin" / "python"
PARSERS = {
    ".kt": Parser(Language(tree_sitter_kotlin.language())),
    ".swift": Parser(Language(tree_sitter_swift.language())),
}
SHAPES: list[tuple[str, dict[str, Any]]] = [
    ("tiny", {"task": "classification", "resize": "stretch", "labels": True}),
    ("tiny", {"task": "classification", "resize": "crop", "crop_fraction": 0.5, "threshold": 0.4}),
    ("tiny", {"task": "multilabel", "resize": "letterbox", "fill": 114, "activation": "sigmoid_logits"}),
    ("detector", {"task": "detection", "resize": "letterbox", "align": "top_left"}),
    ("detector", {"task": "detection", "resize": "stretch", "threshold": 0.3}),
]


def carded(folder: Path, name: str, **wish: Any) -> Path:
    """Return a copy of a small model with a card; ``labels=True``: three colors."""
    if wish.pop("labels", False):
        wish["labels"] = folder / "labels.txt"
        wish["labels"].write_text("red\ngreen\nblue\n")
    path = folder / "m.tflite"
    given = add_card.new_card(DATA / f"{name}.tflite", add_card.CardOptions(**wish))
    extra = {} if given.edgetpu is None else {edgetpu_part.ENTRY: given.edgetpu}
    path.write_bytes(model_file.build(given.file.flatbuffer, given.card, extra))  # add_card.write would also try it
    return path


def exported(to: str, model: Path, folder: Path, **options: Any) -> dict[str, Any]:
    """Export a model and return the document of the folder."""
    open_target(to)(ExportRequest(model, folder, False, options))
    return valid(loads((folder / "edgevision.json").read_text()), "phone_app")


def code(folder: Path) -> dict[str, str]:
    """Return name -> text of the code in a folder; fails for code that is not Kotlin or Swift."""
    found = {path.name: path.read_text() for path in folder.rglob("*") if path.suffix in PARSERS}
    for name, text in found.items():
        tree = PARSERS[Path(name).suffix].parse(text.encode())
        assert not tree.root_node.has_error, [node.start_point for node in errors(tree.root_node)]
        assert "{{" not in text and "//[" not in text, name
    return found


def errors(node: Node) -> list[Node]:
    inside = [found for child in node.children for found in errors(child)]
    return inside + ([node] if node.is_error or node.is_missing else [])


@pytest.mark.parametrize(("to", "assets"), [("android", "app/src/main/assets/"), ("ios", "")])
def test_command_makes_a_folder_with_the_model_that_mediapipe_opens(to: str, assets: str, tmp_path: Path) -> None:
    arguments = ("export", MODEL, "--to", to, "-o", "app")
    done = edgevision(*arguments, "--json", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = parse(done.stdout, "export")
    assert document["files"] == sum(path.is_file() for path in (tmp_path / "app").rglob("*"))
    facts = valid(loads((tmp_path / "app" / "edgevision.json").read_text()), "phone_app")
    assert document[to]["reader"] == facts["reader"] and facts["reader"]["name"] == "ImageClassifier"
    model = tmp_path / "app" / f"{assets}{facts['model']['file']}"
    assert facts["model"]["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    card = read_model(model).card
    assert card is not None and (tmp_path / "app" / f"{assets}labels.txt").read_text().splitlines() == list(card.labels)
    again = edgevision(*arguments, cwd=tmp_path)
    assert again.returncode == 1 and again.stderr.endswith("or replace it with --overwrite\n")
    assert "next: " in edgevision(*arguments, "--overwrite", cwd=tmp_path).stdout


@pytest.mark.parametrize(("name", "wish"), SHAPES)
@pytest.mark.parametrize("to", ["android", "ios"])
def test_code_parses_and_has_what_the_model_needs(to: str, name: str, wish: dict[str, Any], tmp_path: Path) -> None:
    facts = exported(to, carded(tmp_path, name, **wish), tmp_path / "app")
    texts = code(tmp_path / "app")
    image_input = next(text for name, text in texts.items() if name.startswith("ModelInput"))
    model = next(text for name, text in texts.items() if name.startswith("ImageModel"))
    constants = image_input.lower().replace("_", "")
    assert ("cropfraction" in constants) == (wish["resize"] == "crop")
    assert ("fill = " in constants) == (wish["resize"] == "letterbox")
    assert facts["reader"]["name"] in model and facts["model"]["file"].removesuffix(".tflite") in model
    threshold = facts["threshold"]
    assert ("coreThreshold" in model) == (threshold is not None)
    assert threshold is None or f"{threshold:g}" in model
    guide = (tmp_path / "app" / "README.md").read_text()
    assert "{{" not in guide and "<!--" not in guide
    assert ("raw outputs" in guide) == (wish.get("activation") == "sigmoid_logits")


@pytest.mark.parametrize("to", ["android", "ios"])
def test_names_of_a_model_cannot_become_code(to: str, tmp_path: Path) -> None:
    source = model_file.read(carded(tmp_path, "tiny", task="classification", resize="crop"))
    assert source.card is not None
    bad = '*/ fun evil() {} /* "$x \\(y) {{sha256}}'
    card = source.card.with_(name=bad, labels=(bad, "*/", "b"))
    (tmp_path / "bad.tflite").write_bytes(model_file.build(source.flatbuffer, card))
    facts = exported(to, tmp_path / "bad.tflite", tmp_path / "app")
    assert facts["model"]["file"] == "fun_evil_x_y_sha256.tflite"
    assert all(
        "*/ fun" not in line.partition("//")[0]
        for text in code(tmp_path / "app").values()
        for line in text.splitlines()
    )


def test_difference_of_the_whole_image_is_measured_on_photos(tmp_path: Path) -> None:
    """The center decides with the model's crop, and the wide border without it."""
    model = carded(tmp_path, "tiny", task="classification", resize="crop", crop_fraction=0.3, labels=True)
    (tmp_path / "photos").mkdir()
    colors = ((255, 0, 0), (0, 255, 0), (0, 0, 255))
    for number, (center, border) in enumerate([(0, 1), (1, 2), (2, 0), (0, 0), (1, 1)]):
        pixels = np.full((90, 120, 3), colors[border], np.uint8)
        pixels[30:60, 45:75] = colors[center]
        (tmp_path / "photos" / f"{number}.png").write_bytes(decode.encode_png(Frame(pixels)))
    (tmp_path / "photos" / "damaged.jpg").write_bytes(b"\xff\xd8\xff\xe0 not an image")
    facts = exported("android", model, tmp_path / "app", images=tmp_path / "photos")
    assert facts["whole_frame"] == {"images": 5, "same": 2, "source": "photos", "folder": "photos"}
    said = "the top class stays the same on 2 of 5 photos of photos"
    assert said in (tmp_path / "app" / "README.md").read_text()


def test_difference_is_measured_on_the_self_test_without_photos_and_not_for_stretch(tmp_path: Path) -> None:
    card = read_model(MODEL).card
    assert card is not None and card.selftest is not None
    found = exported("ios", MODEL, tmp_path / "app")["whole_frame"]
    if card.preprocessing.resize == "stretch":
        assert found is None
    else:
        assert found["source"] == "selftest" and found["images"] == len(card.selftest.cases)
    stretched = carded(tmp_path, "tiny", task="classification", resize="stretch")
    assert exported("ios", stretched, tmp_path / "other")["whole_frame"] is None


@pytest.mark.parametrize(
    ("name", "task", "message"),
    [
        (
            "embedder",
            "embedding",
            "classifiers and detectors, but this is a model for embedding; run it with edgevision",
        ),
        ("cells", "points", "classifiers and detectors, but this is a model for points; run it with edgevision run"),
        (
            "segmenter",
            "segmentation",
            "this is a model for segmentation; a phone's browser may run it: edgevision export",
        ),
        (
            "yolo",
            "detection",
            "MediaPipe Tasks refuses this model: .*a detector must end in TFLite_Detection_PostProcess",
        ),
    ],
)
def test_models_without_a_reader_are_refused(name: str, task: Any, message: str, tmp_path: Path) -> None:
    model = carded(tmp_path, name, task=task, resize="stretch")
    with pytest.raises(BadModel, match=message):
        exported("android", model, tmp_path / "app")
    assert not (tmp_path / "app").exists()


def test_part_for_the_edge_tpu_is_left_out(tmp_path: Path) -> None:
    model = carded(tmp_path, "tiny", task="classification", resize="stretch", edgetpu=DATA / "tiny_edgetpu.tflite")
    facts = exported("ios", model, tmp_path / "app")
    made = read_model(tmp_path / "app" / facts["model"]["file"])
    assert edgetpu_part.ENTRY in read_model(model).files and edgetpu_part.ENTRY not in made.files
    assert made.flatbuffer == read_model(model).flatbuffer


@pytest.mark.parametrize(
    ("arguments", "message", "status"),
    [
        (("--to", "web", "--images", "."), "--images is for --to android, got --to web; leave it out", 2),
        (("--to", "ios", "--images", "none"), "folder none not found; give a folder of photos with --images", 1),
        (("--to", "ios", "--serve"), "--serve is for --to web, got --to ios; leave it out", 2),
    ],
)
def test_options_that_do_not_fit_are_refused(
    arguments: tuple[str, ...], message: str, status: int, tmp_path: Path
) -> None:
    done = edgevision("export", MODEL, *arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (status, f"edgevision: error: {message}\n")


@pytest.mark.slow
@pytest.mark.parametrize("to", ["android", "ios"])
def test_mediapipe_opens_the_exported_classifier_with_the_same_answers(to: str, tmp_path: Path) -> None:
    """Requires `make env-mediapipe`. The images are those that ModelInput makes: MediaPipe resizes nothing."""
    theirs, ours = mediapipe_answers("mediapipe_child.py", to, MODEL, tmp_path)
    assert len(ours) >= 4
    for found, own in zip(theirs, ours, strict=True):
        assert (found[0]["index"], found[0]["name"]) == (own.top.index, own.top.name)
        assert found[0]["score"] == pytest.approx(own.top.score, abs=1e-3)


@pytest.mark.slow
def test_mediapipe_finds_the_same_objects_in_prepared_images(shared: Path, tmp_path: Path) -> None:
    """Requires `make env-mediapipe`. Boxes are converted back as ImageModel does it; MediaPipe's are whole pixels."""
    if not PYTHON.exists():
        pytest.skip("no environment with MediaPipe; create it with: make env-mediapipe")
    facts = exported(
        "android", shared / "models" / "coco_ssd_mobilenet_v1_1.0_quant_with_metadata.tflite", tmp_path / "app"
    )
    model, paths, ours = next((tmp_path / "app").rglob(facts["model"]["file"])), [], []
    with open_model(model) as opened:
        width, height = opened.preprocessing.width, opened.preprocessing.height
        for photo in sorted((shared / "data" / "cats_and_dogs").rglob("*.jpg"))[:10]:
            frame = decode.read(photo)
            paths.append(tmp_path / f"{len(paths)}.png")
            paths[-1].write_bytes(decode.encode_png(Frame(transform.pixels(frame, opened.preprocessing))))
            ours.append((frame, opened.predict(frame, threshold=0.5).objects))
    command = [str(PYTHON), str(HELPERS / "mediapipe_detector_child.py"), str(model), "0.5", *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    theirs = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert len(theirs) == len(ours) and sum(len(objects) for _, objects in ours) >= 5
    for (frame, objects), found in zip(ours, theirs, strict=True):
        scale = np.array([frame.width / width, frame.height / height] * 2)
        assert [(one["name"], round(one["score"], 4)) for one in found] == [
            (o.name, round(o.score, 4)) for o in objects
        ]
        for one, own in zip(found, objects, strict=True):
            assert (
                overlap(tuple(np.array(one["box"]) * scale), own.box) > 0.9
            )  # MediaPipe clips at edges in another way


def mediapipe_answers(child: str, to: str, model: Path, folder: Path) -> tuple[list[Any], list[Any]]:
    """Return MediaPipe's answers of an exported model for prepared images of its self-test, and our own for the same images."""
    if not PYTHON.exists():
        pytest.skip("no environment with MediaPipe; create it with: make env-mediapipe")
    facts = exported(to, model, folder / "app")
    file = next((folder / "app").rglob(facts["model"]["file"]))
    source, paths, ours = read_model(model), [], []
    assert source.card is not None and source.card.selftest is not None
    with open_model(model) as opened:
        for case in source.card.selftest.cases:
            frame = decode.decode(source.files[case.picture], case.picture)
            path = folder / Path(case.picture).with_suffix(".png").name
            path.write_bytes(decode.encode_png(Frame(transform.pixels(frame, source.card.preprocessing))))
            paths.append(path)
            ours.append(opened.predict(frame))
    command = [str(PYTHON), str(HELPERS / child), str(file), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")], ours
