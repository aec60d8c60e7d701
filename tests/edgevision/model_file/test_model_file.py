"""Model files: what is built can be read and opens in other tools, and every defect is a one-line error."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from changed_model import without_evidence
from hypothesis import given, settings
from hypothesis import strategies as st
from locations import TESTS

from edgevision.engines.interpreter import open_interpreter
from edgevision.errors import BadModel, MissingFile
from edgevision.model_file import model_file
from edgevision.model_file.card import ENTRY, ModelCard
from edgevision.model_file.derived_card import effective_card
from edgevision.preprocessing.spec import Preprocessing
from edgevision.tflite import associated_files, metadata, metadata_buffer, metadata_writer
from edgevision.tflite.metadata import AssociatedFile, Metadata, ProcessUnit, TensorMetadata

TINY = TESTS / "data" / "tiny.tflite"
BARE = TINY.read_bytes()
RULE = Preprocessing(width=16, height=16, mean=(127.5,), std=(127.5,))
CARD = ModelCard(
    name="colours", task="classification", preprocessing=RULE, labels=("red", "green", "blue"), threshold=0.25
)
EXTRA = {"selftest/1.png": b"not read here", "a.bin": bytes(1000)}
BUILT = model_file.build(BARE, CARD, EXTRA)
MODELS = (
    "coco_ssd_mobilenet_v1_1.0_quant_with_metadata",
    "deeplabv3_mnv2_dm05_pascal_quant",
    "mobilenet_v1_0.25_224_float_with_metadata",
    "mobilenet_v2_1.0_224_quant",
)


def put(folder: Path, data: bytes, name: str = "m.tflite") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def only_standard(files: dict[str, bytes], **changes: object) -> bytes:
    """Return a file as other tools make it: standard metadata and an archive, but no model card."""
    unit = ProcessUnit("normalization", mean=(127.5,), std=(127.5,))
    output = TensorMetadata("probability", files=(AssociatedFile("names.txt", "axis_labels"),))
    values = {"name": "theirs", "inputs": (TensorMetadata(units=(unit,)),), "outputs": (output,)} | changes
    flatbuffer = metadata_buffer.with_metadata(BARE, metadata_writer.build(Metadata(**values)))  # type: ignore[arg-type]
    return flatbuffer + (associated_files.pack(files, len(flatbuffer)) if files else b"")


def test_built_file_can_be_read(tmp_path: Path) -> None:
    file = model_file.read(put(tmp_path, BUILT))
    assert file.card is not None
    assert file.card.with_(flatbuffer_sha256=None) == CARD
    assert file.labels == CARD.labels
    assert set(file.files) == {ENTRY, "labels.txt", *EXTRA}
    assert file.files["a.bin"] == EXTRA["a.bin"]
    assert file.inputs[0].shape == (1, 16, 16, 3)
    assert file.outputs[0].dtype == "uint8"
    assert file.file_bytes == len(BUILT)
    assert file.metadata is not None
    assert file.metadata.label_file() == "labels.txt"
    assert [u.kind for u in file.metadata.outputs[0].units] == ["score_threshold"]


def test_equal_inputs_give_equal_bytes() -> None:
    assert model_file.build(BARE, CARD, dict(reversed(EXTRA.items()))) == BUILT


def test_zipfile_reads_archive_with_stored_entries(tmp_path: Path) -> None:
    with zipfile.ZipFile(put(tmp_path, BUILT)) as found:
        assert found.testzip() is None
        assert found.namelist() == [ENTRY, "labels.txt", "a.bin", "selftest/1.png"]
        assert {i.compress_type for i in found.infolist()} == {zipfile.ZIP_STORED}
        assert {i.date_time for i in found.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert found.infolist()[0].header_offset == len(model_file.read(tmp_path / "m.tflite").flatbuffer)


def test_built_model_computes_the_same(tmp_path: Path) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (1, 16, 16, 3), np.uint8)
    answers = [open_interpreter(m, 1).infer(picture)[0] for m in (BARE, BUILT, put(tmp_path, BUILT))]
    assert np.array_equal(answers[0], answers[1])
    assert np.array_equal(answers[0], answers[2])


def test_public_schema_reads_one_more_buffer() -> None:
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    old, new = (schema.ModelT.InitFromPackedBuf(data, 0) for data in (BARE, BUILT))
    assert len(new.buffers) == len(old.buffers) + 1
    assert [m.name for m in new.metadata] == [*(m.name for m in old.metadata or []), b"TFLITE_METADATA"]
    assert metadata.parse(bytes(new.buffers[new.metadata[-1].buffer].data)).name == "colours"
    for before, after in zip(old.buffers, new.buffers, strict=False):
        assert np.array_equal(before.data, after.data)
    assert [t.name for t in new.subgraphs[0].tensors] == [t.name for t in old.subgraphs[0].tensors]


@pytest.mark.parametrize("name", MODELS)
def test_metadata_keeps_every_byte_of_real_models(shared: Path, name: str) -> None:
    file = model_file.read(shared / "models" / f"{name}.tflite")
    first, second = (metadata_writer.build(Metadata(name=n)) for n in ("first", "the second, longer"))
    once = metadata_buffer.with_metadata(file.flatbuffer, first)
    assert once.endswith(file.flatbuffer)
    assert (len(once) - len(file.flatbuffer)) % metadata_buffer.ALIGN == 0
    assert metadata_buffer.without_metadata(once) == file.flatbuffer
    assert metadata_buffer.with_metadata(once, second) == metadata_buffer.with_metadata(file.flatbuffer, second)
    spec = file.inputs[0]
    zeros = np.zeros(spec.shape, spec.dtype)
    for a, b in zip(*(open_interpreter(m, 1).infer(zeros) for m in (file.flatbuffer, once)), strict=True):
        assert np.array_equal(a, b)


def test_building_twice_gives_same_file(tmp_path: Path) -> None:
    file = model_file.read(put(tmp_path, BUILT))
    assert model_file.build(file.flatbuffer, CARD, file.files) == BUILT


@given(at=st.integers(0, len(BUILT) - 1), change=st.integers(1, 255))
@settings(deadline=None)
def test_changed_byte_is_detected(tmp_path: Path, at: int, change: int) -> None:
    data = bytearray(BUILT)
    data[at] ^= change
    path = put(tmp_path, bytes(data))
    model = model_file.read(put(tmp_path, BUILT, "whole.tflite")).flatbuffer
    try:
        file = model_file.read(path)
    except BadModel as error:
        assert str(error).startswith(str(path))
        assert "\n" not in str(error)
    else:
        # Redundant fields of the zip, dates and modes may differ, but not a trusted model and its card.
        assert file.card is None or (file.flatbuffer == model and file.card.with_(flatbuffer_sha256=None) == CARD)


@given(data=st.data())
@settings(deadline=None)
def test_damaged_file_without_card_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    raw = bytearray(only_standard({"names.txt": b"red\ngreen\nblue\n"}))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = put(tmp_path, bytes(raw[: data.draw(st.integers(len(raw) // 2, len(raw)))]))
    try:
        effective_card(model_file.read(path, strict=False))
    except BadModel as error:
        assert str(error).startswith(str(path))


def test_every_truncation_is_detected(tmp_path: Path) -> None:
    for length in [0, 1, 7, 8, 50, *range(100, len(BUILT), 97), len(BUILT) - 1]:
        with pytest.raises(BadModel):
            model_file.read(put(tmp_path, BUILT[:length]))


def test_card_of_another_model_is_refused(tmp_path: Path) -> None:
    file = model_file.read(put(tmp_path, BUILT))
    other = bytearray(file.flatbuffer)
    other[-200] ^= 1
    path = put(tmp_path, bytes(other) + BUILT[len(other) :])
    with pytest.raises(BadModel, match="changed after its card was written"):
        model_file.read(path)
    lenient = model_file.read(path, strict=False)
    assert lenient.card_problem is not None
    assert "changed after" in lenient.card_problem


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"this is not a model\n" * 9, "it looks like text"),
        (bytes(range(256)), "identifier TFL3 is missing"),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), "edgevision convert"),
        (b"PK\x03\x04" + bytes(99), "edgevision convert"),
        (BARE[:8], "damaged"),
        (BARE[:1500], "damaged or truncated"),
        (b"\x08\0\0\0TFL3" + bytes(64), "damaged"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, data: bytes, said: str) -> None:
    path = put(tmp_path, data)
    with pytest.raises(BadModel, match=said) as caught:
        model_file.read(path)
    assert str(path) in str(caught.value)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="model not found"):
        model_file.read(tmp_path / "absent.tflite")
    with pytest.raises(MissingFile, match="is a folder"):
        model_file.read(tmp_path)


def test_file_with_standard_metadata_gets_a_card(tmp_path: Path) -> None:
    file = model_file.read(put(tmp_path, only_standard({"names.txt": b"\xef\xbb\xbfred\r\ngreen\r\nblue\r\n\r\n"})))
    assert file.card is None
    card = effective_card(file)
    assert card.labels == ("red", "green", "blue")
    assert (card.name, card.task, card.activation) == ("theirs", "classification", "softmax")
    # A uint8 input takes bytes unchanged: its quantization is (pixel - 127) * scale.
    assert (card.preprocessing.resize, card.preprocessing.mean, card.preprocessing.std) == (
        "stretch",
        (127.0,),
        (127.5,),
    )


def test_deflated_archive_is_read(tmp_path: Path) -> None:
    path = put(tmp_path, only_standard({}))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as target:
        target.writestr("names.txt", "red\ngreen\nblue\n")
    assert model_file.read(path).labels == ("red", "green", "blue")


def test_archive_with_offsets_from_its_own_start_is_read(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as target:
        target.writestr("names.txt", "red\ngreen\nblue\n")
    model = only_standard({})
    file = model_file.read(put(tmp_path, model + stream.getvalue()))
    assert file.labels == ("red", "green", "blue")
    assert file.flatbuffer == model


def test_missing_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match=r"the archive with 'names\.txt' is not at its end: the file is truncated"):
        model_file.read(put(tmp_path, only_standard({})))


def test_weights_that_look_like_an_archive_are_ignored(tmp_path: Path) -> None:
    # The end record of an archive with one entry, but without a directory before it.
    end = associated_files.END.pack(associated_files.END_SIGN, 0, 0, 1, 1, 46, 0, 0)
    assert model_file.read(put(tmp_path, BARE + bytes(64) + end)).files == {}


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([("a", b"1", 0), ("a", b"2", 0)], "two entries named 'a'"),
        ([(str(n), b"", 0) for n in range(1001)], "1001 entries"),
        ([("a", bytes(150 * 2**20), zipfile.ZIP_DEFLATED)], "larger than 128 MB"),
        ([("a", bytes(99), zipfile.ZIP_LZMA)], "compression method 14"),
    ],
)
def test_bad_archive_is_refused(tmp_path: Path, entries: list[tuple[str, bytes, int]], said: str) -> None:
    path = put(tmp_path, BARE)
    with zipfile.ZipFile(path, "a") as target, pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *_, **__: None)
        for name, content, method in entries:
            target.writestr(name, content, method, 1)
    with pytest.raises(BadModel, match=said):
        model_file.read(path)


def test_entry_larger_than_declared_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path, BARE)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as target:
        target.writestr("a", bytes(50_000_000))
    data = path.read_bytes().replace((50_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    with pytest.raises(BadModel, match="does not match its size or checksum"):
        model_file.read(put(tmp_path, data))


def test_encrypted_entry_is_refused(tmp_path: Path) -> None:
    data = bytearray(BARE + associated_files.pack({"a": b"secret"}, len(BARE)))
    data[data.index(associated_files.ENTRY_SIGN) + 8] |= associated_files.ENCRYPTED
    with pytest.raises(BadModel, match="is encrypted; store it unencrypted"):
        model_file.read(put(tmp_path, bytes(data)))


def test_file_that_shows_no_preprocessing_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(
        BadModel, match=r"edgevision card \S+ --like MAKER -o OUT\.tflite \(MAKER: .*\), or with --task .* --labels"
    ):
        effective_card(model_file.read(put(tmp_path, without_evidence())))


@pytest.mark.parametrize(
    ("card", "said"),
    [
        (CARD.with_(labels=("one", "two")), "2 labels, but the model has 3 classes"),
        (
            CARD.with_(preprocessing=Preprocessing(width=32, height=16)),
            r"shape \[1, 16, 16, 3\], .* makes \[1, 16, 32, 3\]",
        ),
        (
            CARD.with_(preprocessing=Preprocessing(width=16, height=16, channels=1, order="GRAY")),
            r"makes \[1, 16, 16, 1\]",
        ),
        (CARD.with_(labels=("a\nb", "c", "d")), "must be a single line"),
    ],
)
def test_card_that_does_not_fit_is_not_written(tmp_path: Path, card: ModelCard, said: str) -> None:
    with pytest.raises(BadModel, match=said):
        model_file.write(tmp_path / "m.tflite", BARE, card)
    assert list(tmp_path.iterdir()) == []


def test_damaged_card_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path, BARE + associated_files.pack({ENTRY: b'{"schema": "edgevision.card/9"}'}, len(BARE)))
    with pytest.raises(BadModel, match=r"edgevision.card/9.*update edgevision"):
        model_file.read(path)
    assert model_file.read(path, strict=False).card is None


def test_reading_imports_no_heavy_modules(tmp_path: Path) -> None:
    path = put(tmp_path, BUILT)
    code = (
        "import sys; from pathlib import Path; from edgevision.model_file import model_file as modelfile; "
        f"modelfile.read(Path({str(path)!r})); "
        "heavy = ('numpy', 'cv2', 'flatbuffers', 'ai_edge_litert', 'zipfile', 'edgevision.tflite.metadata'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
