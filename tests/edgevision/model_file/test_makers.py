"""The maker of a file is recognized by what the file shows, and its models are fed as they were trained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from foreign_models import Input, classifier, with_outputs

from edgevision import open_model
from edgevision.errors import BadModel
from edgevision.model_file import model_file
from edgevision.model_file.derived_card import DerivedCard, derive, imitate, portable
from edgevision.model_file.makers.registry import MAKERS, find_maker
from edgevision.tflite import associated_files

pytest.importorskip("ai_edge_litert.schema_py_generated")
TM = Input("serving_default_sequential_1_input:0", (1, 224, 224, 3))
TM_UINT8 = Input("sequential_9_input", (1, 224, 224, 3), "uint8", 0.0036601, 0)
TM_HEAD = (1280, 100)
EDGE_IMPULSE = Input("serving_default_x:0", (1, 96, 96, 1), "int8", 1 / 255, -128)
PLAIN = Input("input_1", (1, 64, 64, 3))
NATURAL = Input("input_1", (1, 64, 64, 3), "uint8", 1 / 127.5, 127)
NAMES = {"0": "ant", "1": "bee", "2": "cat"}
YOLO = {"description": "Ultralytics YOLOv8n-cls model", "author": "Ultralytics", "task": "classify", "names": NAMES}


def put(folder: Path, flatbuffer: bytes, files: dict[str, bytes] | None = None) -> Path:
    path = folder / "model.tflite"
    path.write_bytes(flatbuffer + (associated_files.pack(files, len(flatbuffer)) if files else b""))
    return path


def derived(folder: Path, flatbuffer: bytes, files: dict[str, bytes] | None = None) -> DerivedCard:
    return derive(model_file.read(put(folder, flatbuffer, files)))


def test_teachable_machine_takes_the_central_square(tmp_path: Path) -> None:
    found = derived(tmp_path, classifier(TM, hidden=TM_HEAD))
    rule = found.card.preprocessing
    assert (found.source, found.card.maker, found.card.task) == ("maker", "teachable-machine", "classification")
    assert (rule.resize, rule.crop_fraction, rule.mean, rule.std) == ("crop", 1.0, (127.5,), (127.5,))
    assert found.said.startswith("made by Teachable Machine (its input is named serving_default_sequential_1_input:0")


def test_quantized_teachable_machine_takes_bytes_whatever_its_scale(tmp_path: Path) -> None:
    path = put(tmp_path, classifier(TM_UINT8, hidden=TM_HEAD))
    frame = np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8)
    with open_model(path, threads=1) as model:
        assert model.card.maker == "teachable-machine"
        from edgevision.types import Frame

        np.testing.assert_array_equal(model.prepare(Frame(frame))[0], frame)


@pytest.mark.parametrize(
    ("given", "hidden"),
    [
        (Input("sequential_1_input", (1, 256, 256, 3)), TM_HEAD),
        (Input("input_1", (1, 224, 224, 3)), TM_HEAD),
        (TM, ()),
        (TM, (1280, 64)),
    ],
)
def test_other_files_are_not_taken_for_teachable_machine(tmp_path: Path, given: Input, hidden: tuple[int, ...]) -> None:
    with pytest.raises(BadModel, match="--like"):
        derived(tmp_path, classifier(given, hidden=hidden))


def test_edge_impulse_is_recognized_by_its_int8_input(tmp_path: Path) -> None:
    found = derived(tmp_path, classifier(EDGE_IMPULSE))
    rule = found.card.preprocessing
    assert (found.card.maker, rule.resize, rule.mean, rule.std, rule.order) == (
        "edge-impulse",
        "crop",
        (0.0,),
        (255.0,),
        "GRAY",
    )
    with pytest.raises(BadModel, match="edge-impulse"):  # a floating-point input named x may come from anywhere
        derived(tmp_path, classifier(Input("serving_default_x:0", (1, 96, 96, 3))))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metadata.json", json.dumps(YOLO)),
        ("temp_meta.txt", repr({**YOLO, "names": {int(key): name for key, name in NAMES.items()}})),
    ],
)
def test_description_of_ultralytics_gives_task_and_names(tmp_path: Path, name: str, text: str) -> None:
    found = derived(tmp_path, classifier(PLAIN), {name: text.encode()})
    rule = found.card.preprocessing
    assert (found.card.maker, found.card.task, found.card.labels) == (
        "ultralytics",
        "classification",
        ("ant", "bee", "cat"),
    )
    assert (rule.resize, rule.mean, rule.std) == ("crop", (0.0,), (255.0,))
    assert f"{name} in its archive" in found.said


def test_deflated_description_is_read(tmp_path: Path) -> None:
    import zipfile

    path = put(tmp_path, classifier(PLAIN))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", json.dumps(YOLO))
    assert derive(model_file.read(path)).card.maker == "ultralytics"


@pytest.mark.parametrize(("side", "maker"), [(64, "ultralytics"), (32, None)])
def test_description_beside_the_file_counts_if_the_size_fits(tmp_path: Path, side: int, maker: str | None) -> None:
    text = f"description: Ultralytics YOLOv8n-cls\nauthor: Ultralytics\ntask: classify\nimgsz:\n- {side}\n- {side}\n"
    (tmp_path / "metadata.yaml").write_text(text + "names:\n  0: ant\n  1: 'bee: the insect'\n  2: cat\n")
    found = derived(tmp_path, classifier(NATURAL))
    assert found.card.maker == maker
    assert found.card.labels == (("ant", "bee: the insect", "cat") if maker else ())


def test_description_of_another_model_is_not_used(tmp_path: Path) -> None:
    other = YOLO | {"names": {"0": "ant", "1": "bee"}}
    assert derived(tmp_path, classifier(PLAIN), {"metadata.json": json.dumps(other).encode()}).card.labels == ()
    wrong = YOLO | {"imgsz": [32, 32]}
    with pytest.raises(BadModel, match="--like"):
        derived(tmp_path, classifier(PLAIN), {"metadata.json": json.dumps(wrong).encode()})


@pytest.mark.parametrize(
    ("given", "outputs", "mean"),
    [
        (Input("input", (1, 128, 128, 3)), {"boxes": (1, 896, 16), "scores": (1, 896, 1)}, 127.5),
        (Input("input", (1, 192, 192, 3)), {"boxes": (1, 2016, 18), "scores": (1, 2016, 1)}, 0.0),
        (
            Input("input", (1, 128, 128, 3)),
            {"a": (1, 512, 16), "b": (1, 512, 1), "c": (1, 384, 1), "d": (1, 384, 16)},
            127.5,
        ),
    ],
)
def test_mediapipe_is_recognized_by_its_anchors(
    tmp_path: Path, given: Input, outputs: dict[str, tuple[int, ...]], mean: float
) -> None:
    file = model_file.read(put(tmp_path, with_outputs(given, outputs)))
    maker = find_maker("mediapipe")
    assert maker.evidence(file, file.graph()) is not None
    conventions = maker.conventions(file, file.graph())
    assert (conventions.resize, conventions.mean) == ("letterbox", mean)


def test_movenet_is_recognized_by_its_key_points(tmp_path: Path) -> None:
    found = derived(tmp_path, with_outputs(Input("image", (1, 192, 192, 3)), {"people": (1, 1, 17, 3)}))
    rule = found.card.preprocessing
    assert (found.card.maker, found.card.task, rule.resize, rule.fill, rule.std) == (
        "movenet",
        "detection",
        "letterbox",
        0,
        (1.0,),
    )


def test_slim_is_recognized_by_its_scope_and_does_not_trust_an_odd_scale(tmp_path: Path) -> None:
    odd = Input("MobilenetEdgeTPU/input", (1, 224, 224, 3), "uint8", 0.01157, 123)
    rule = derived(tmp_path, classifier(odd)).card.preprocessing
    assert (rule.resize, rule.crop_fraction, rule.mean, rule.std) == ("crop", 0.875, (127.5,), (127.5,))


def test_automl_is_recognized_by_the_names_of_its_tensors(tmp_path: Path) -> None:
    found = derived(tmp_path, classifier(Input("image", (1, 224, 224, 3), "uint8", 1 / 127, 128)))
    assert (found.card.maker, found.card.preprocessing.mean) == ("automl", (128.0,))


@pytest.mark.parametrize(
    ("flatbuffer", "mean", "std", "said"),
    [
        (classifier(NATURAL), 127.0, 127.5, "the quantization of the uint8 input"),
        (classifier(PLAIN, factor=1 / 255), 0.0, 1.0, "the model itself scales its input by 0.00392157"),
        (classifier(PLAIN, factor=1 / 127.5), 0.0, 1.0, "the model itself scales"),
    ],
)
def test_start_of_the_graph_shows_the_normalization(
    tmp_path: Path, flatbuffer: bytes, mean: float, std: float, said: str
) -> None:
    found = derived(tmp_path, flatbuffer)
    rule = found.card.preprocessing
    assert (found.source, found.card.maker, rule.resize) == ("graph", None, "crop")
    assert rule.mean == (mean,)
    assert rule.std == (pytest.approx(std),)
    assert said in found.said


@pytest.mark.parametrize("factor", [0.0, 0.5])
def test_floating_point_input_that_shows_nothing_is_refused(tmp_path: Path, factor: float) -> None:
    with pytest.raises(BadModel, match=r"edgevision card \S+ --like MAKER .*MAKER: ultralytics, .*keras-tutorial"):
        derived(tmp_path, classifier(PLAIN, factor=factor))


def test_list_of_numbers_without_softmax_and_labels_may_be_an_embedding(tmp_path: Path) -> None:
    flatbuffer = classifier(NATURAL, softmax=False)
    with pytest.raises(BadModel, match="class scores or an embedding"):
        derived(tmp_path, flatbuffer)
    (tmp_path / "labels.txt").write_text("ant\nbee\ncat\n")
    assert derived(tmp_path, flatbuffer).card.labels == ("ant", "bee", "cat")


@pytest.mark.parametrize("name", MAKERS)
def test_any_maker_can_be_imitated(tmp_path: Path, name: str) -> None:
    card = imitate(model_file.read(put(tmp_path, classifier(PLAIN))), name)
    assert (card.maker, card.task) == (name, "classification")
    assert (card.preprocessing.std == (1.0,)) == (name in ("yolox", "movenet"))


def test_card_keeps_the_maker(tmp_path: Path) -> None:
    from edgevision.inspection.add_card import new_card, write
    from edgevision.inspection.card_options import CardOptions

    path, out = put(tmp_path, classifier(PLAIN)), tmp_path / "out.tflite"
    write(new_card(path, CardOptions(like="keras-tutorial", resize="crop")), out)
    file = model_file.read(out)
    assert file.card is not None
    assert (file.card.maker, file.card.preprocessing.resize) == ("keras-tutorial", "crop")
    assert derive(file).source == "card"


def test_portable_file_keeps_what_lay_beside_it(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("0 ant\n1 bee\n2 cat\n")
    path = put(tmp_path, classifier(NATURAL))
    (tmp_path / "elsewhere").mkdir()
    moved = tmp_path / "elsewhere" / "model.tflite"
    moved.write_bytes(portable(path))
    card = model_file.read(moved).card
    assert card is not None
    assert (card.labels, card.preprocessing) == (
        ("ant", "bee", "cat"),
        derive(model_file.read(path)).card.preprocessing,
    )
    assert portable(moved) == moved.read_bytes()


def test_portable_detector_keeps_its_layout(tmp_path: Path, data: Path) -> None:
    moved = tmp_path / "model.tflite"
    moved.write_bytes(portable(data / "yolo.tflite"))
    card = model_file.read(moved).card
    assert card is not None
    assert card.detector is not None
    assert (card.detector.layout, card.maker) == ("yolo", "ultralytics")


def test_yolox_gets_bytes_in_the_upper_left_corner(tmp_path: Path) -> None:
    cells = 64 * 64 + 32 * 32 + 16 * 16  # of 512 pixels, at strides 8, 16 and 32
    given = Input("images", (1, 512, 512, 3))
    file = model_file.read(put(tmp_path, with_outputs(given, {"output": (1, cells, 85)})))
    with pytest.raises(BadModel, match=r"--like MAKER.* yolox"):
        derive(file)  # 81 classes of YOLO, or 80 and the objectness
    card = imitate(file, "yolox")
    rule = card.preprocessing
    assert card.detector is not None
    assert (card.detector.layout, rule.mean, rule.std) == ("yolox", (0.0,), (1.0,))
    assert (rule.resize, rule.fill, rule.align, rule.order) == ("letterbox", 114, "top_left", "BGR")


def test_image_with_as_many_rows_as_yolo_has_boxes_is_not_yolo(tmp_path: Path) -> None:
    """A map of depth of a 64x64 image has 64 rows, and YOLO as many boxes at stride 8."""
    file = model_file.read(put(tmp_path, with_outputs(Input("x", (1, 64, 64, 3)), {"Identity": (1, 64, 64, 1)})))
    with pytest.raises(BadModel, match="nothing in the file shows how images are prepared for it"):
        derive(file)
