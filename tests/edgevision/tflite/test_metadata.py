"""Standard metadata: what is written can be read back, real files are understood, damage raises BadModel."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgevision.errors import BadModel
from edgevision.model_file import model_file
from edgevision.tflite import metadata, metadata_writer
from edgevision.tflite.metadata import AssociatedFile, Box, Group, Metadata, ProcessUnit, TensorMetadata

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
REALS = st.lists(st.floats(width=32, allow_nan=False), max_size=3).map(tuple)
FILES = st.lists(
    st.builds(AssociatedFile, TEXT, st.sampled_from(metadata.FILE_TYPES), TEXT, st.sampled_from(["", "en", "de"])),
    max_size=2,
).map(tuple)
UNITS = st.one_of(
    st.just(ProcessUnit("")),
    st.builds(ProcessUnit, st.just("normalization"), REALS, REALS),
    st.builds(
        ProcessUnit,
        st.just("score_calibration"),
        transformation=st.sampled_from(metadata.TRANSFORMATIONS),
        default_score=st.floats(width=32, allow_nan=False),
    ),
    st.builds(ProcessUnit, st.just("score_threshold"), threshold=st.floats(0, 1, width=32)),
)
BOXES = st.builds(
    Box, st.lists(st.integers(0, 9), max_size=4).map(tuple), st.sampled_from(metadata.BOX_TYPES), st.booleans()
)
RANGES = st.none() | st.tuples(st.integers(-9, 9), st.integers(-9, 9))
COMMON = {"units": st.lists(UNITS, max_size=2).map(tuple), "min": REALS, "max": REALS, "files": FILES}
TENSORS = st.one_of(
    st.builds(TensorMetadata, TEXT, TEXT, st.just(""), **COMMON),
    st.builds(TensorMetadata, TEXT, TEXT, st.sampled_from(["feature", "audio"]), range=RANGES, **COMMON),
    st.builds(TensorMetadata, TEXT, TEXT, st.just("image"), st.sampled_from(metadata.COLOR_SPACES), **COMMON),
    st.builds(TensorMetadata, TEXT, TEXT, st.just("box"), st.none(), BOXES, RANGES, **COMMON),
)
GROUPS = st.lists(st.builds(Group, TEXT, st.lists(TEXT, max_size=3).map(tuple)), max_size=2).map(tuple)
LISTS = st.lists(TENSORS, max_size=3).map(tuple)
METADATA = st.builds(Metadata, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, LISTS, LISTS, FILES, GROUPS)

EXAMPLE = Metadata(
    name="colours",
    inputs=(
        TensorMetadata(
            "image", content="image", color_space="RGB", units=(ProcessUnit("normalization", (127.5,), (127.5,)),)
        ),
    ),
    outputs=(TensorMetadata("probability", files=(AssociatedFile("labels.txt", "axis_labels"),)),),
)


@given(METADATA)
def test_parse_reads_what_build_writes(value: Metadata) -> None:
    assert metadata.parse(metadata_writer.build(value)) == value


def test_equal_metadata_gives_equal_bytes() -> None:
    assert metadata_writer.build(EXAMPLE) == metadata_writer.build(EXAMPLE)


@given(st.data())
def test_damaged_metadata_is_read_or_refused(data: st.DataObject) -> None:
    raw = bytearray(metadata_writer.build(EXAMPLE))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        metadata.parse(bytes(raw[: data.draw(st.integers(0, len(raw)))]))
    except BadModel as error:
        assert "metadata is damaged" in str(error)


def test_label_file_prefers_axis_labels_and_default_locale() -> None:
    def file(name: str, kind: str, locale: str = "") -> AssociatedFile:
        return AssociatedFile(name, kind, locale=locale)

    values, german = file("values", "value_labels"), file("german", "axis_labels", "de")
    english, plain = file("english", "axis_labels", "en"), file("plain", "axis_labels")
    for files, name in [
        ((values,), "values"),
        ((values, german), "german"),
        ((values, german, english), "english"),
        ((german, english, plain), "plain"),
        ((file("x", "vocabulary"),), None),
    ]:
        assert Metadata(outputs=(TensorMetadata(files=files),)).label_file() == name


@pytest.mark.parametrize(
    ("name", "model", "units", "labels"),
    [
        ("mobilenet_v1_0.25_224_float_with_metadata", "MobileNetV1 image classifier", ((127.5,), (127.5,)), 1001),
        ("coco_ssd_mobilenet_v1_1.0_quant_with_metadata", "Coco SSD MobileNetV1", ((127.5,), (127.5,)), 90),
    ],
)
def test_real_metadata_is_parsed(
    shared: Path, name: str, model: str, units: tuple[object, object], labels: int
) -> None:
    file = model_file.read(shared / "models" / f"{name}.tflite")
    assert file.metadata is not None
    assert file.metadata.name == model
    normalization = file.metadata.inputs[0].normalization
    assert normalization is not None
    assert (normalization.mean, normalization.std) == units
    assert file.metadata.inputs[0].color_space == "RGB"
    assert len(file.labels) == labels
    assert metadata.parse(metadata_writer.build(file.metadata)) == file.metadata


def test_box_layout_of_real_detector_is_parsed(shared: Path) -> None:
    file = model_file.read(shared / "models" / "coco_ssd_mobilenet_v1_1.0_quant_with_metadata.tflite")
    assert file.metadata is not None
    assert file.metadata.outputs[0].box == Box((1, 0, 3, 2), "boundaries", pixels=False)
