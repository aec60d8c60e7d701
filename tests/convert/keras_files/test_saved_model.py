"""SavedModel folders: checked before loading, and converted without changing their scores."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from locations import ROOT

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tensorflow", reason="needs the convert extra: pip install 'edgevision[convert]'")

from edgevision.convert import backend
from edgevision.convert.keras_files import saved_model
from edgevision.convert.keras_files.load_options import LoadOptions
from edgevision.convert.keras_files.scan import scan
from edgevision.convert.keras_scorer import open_keras
from edgevision.convert.pipeline import ConvertOptions, convert
from edgevision.convert.quantization.ptq import to_float, to_int8
from edgevision.convert.quantization.verify import verify
from edgevision.convert.source_model.float_model import make_float_model
from edgevision.convert.source_model.infer_preprocessing import InferredPreprocessing, infer_preprocessing
from edgevision.convert.source_model.infer_task import infer_task
from edgevision.convert.source_model.load import LoadedModel, load
from edgevision.convert.source_model.preprocessing_options import PreprocessingOptions
from edgevision.convert.source_model.trial_load import load_safely

from edgevision import open_model
from edgevision.engines.interpreter import open_interpreter
from edgevision.errors import BadModel, EdgeVisionError
from edgevision.types import Frame

SIDE = 20
BYTES = np.random.default_rng(3).integers(0, 256, (5, SIDE, SIDE, 3)).astype(np.uint8)


def network(keras: Any, first: Callable[[Any], Any], end: str | None = "softmax", shape: Any = (SIDE, SIDE, 3)) -> Any:
    layers = keras.layers
    image = keras.Input(shape)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(layers.Conv2D(5, 3, strides=2)(first(image))))
    return keras.Model(image, layers.Dense(3, activation=end)(layers.GlobalAveragePooling2D()(x)))


def export(model: Any, folder: Path) -> Path:
    with backend.quiet():
        model.export(str(folder), verbose=False) if "tf_keras" not in type(model).__module__ else model.save(folder)
    return folder


def inferred(loaded: LoadedModel, **preprocessing: Any) -> InferredPreprocessing:
    shape = (loaded.height, loaded.width, loaded.channels)
    return infer_preprocessing(loaded.scan.config, shape, loaded.outputs, None, PreprocessingOptions(**preprocessing))


def outputs(flatbuffer: bytes, feed: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    interpreter = open_interpreter(flatbuffer)
    spec = interpreter.outputs[0]
    raw = np.stack([interpreter.infer(feed(one)[np.newaxis])[0][0] for one in BYTES])
    interpreter.close()
    return raw if spec.dtype == "float32" else (raw.astype(np.float32) - spec.zero_point) * spec.scale


WRITERS = {"Keras 3": backend.keras, "Keras 2": backend.tf_keras}


@pytest.mark.parametrize("writer", WRITERS)
def test_folder_keeps_its_scores_after_conversion(tmp_path: Path, writer: str) -> None:
    keras = WRITERS[writer]()
    source = network(keras, lambda x: keras.layers.Rescaling(1 / 127.5, -1)(x))
    wanted = np.asarray(source(BYTES.astype(np.float32), training=False))
    found = scan(export(source, tmp_path / "saved"))
    assert (found.format, found.keras_version) == ("savedmodel", None)
    loaded = load(found)
    assert (loaded.height, loaded.width, loaded.channels, loaded.outputs) == (SIDE, SIDE, 3, 3)
    assert loaded.parameters == source.count_params()
    preprocessing = inferred(loaded)
    assert (preprocessing.preprocessing.mean, preprocessing.preprocessing.std) == ((0.0,), (1.0,))
    assert "normalization from the operators 'mul_0', 'add_1'" in preprocessing.source
    assert infer_task(loaded.scan.config, 3).activation == "softmax"
    model = make_float_model(loaded, preprocessing)
    assert outputs(to_float(model), model.normalize) == pytest.approx(wanted, abs=1e-5)
    int8 = to_int8(model, lambda: BYTES)
    verify(int8, model.preprocessing)
    assert outputs(int8, lambda one: one) == pytest.approx(wanted, abs=0.03)


def test_per_channel_means_are_read_from_the_graph(tmp_path: Path) -> None:
    """Means and BGR order stay in the graph, and the file takes bytes."""
    keras = backend.keras()
    image = keras.Input((SIDE, SIDE, 3))
    inside = keras.applications.resnet50.preprocess_input(image)
    source = keras.Model(image, network(keras, lambda x: x)(inside))
    wanted = np.asarray(source(BYTES.astype(np.float32), training=False))
    loaded = load(scan(export(source, tmp_path / "saved")))
    preprocessing = inferred(loaded)
    assert (preprocessing.preprocessing.mean, preprocessing.preprocessing.std) == ((0.0,), (1.0,))
    model = make_float_model(loaded, preprocessing)
    assert outputs(to_float(model), model.normalize) == pytest.approx(wanted, abs=1e-4)


def test_missing_normalization_and_size_come_from_the_options(tmp_path: Path) -> None:
    keras = backend.keras()
    source = network(keras, lambda x: x, end=None, shape=(None, None, 3))
    folder = export(source, tmp_path / "saved")
    with pytest.raises(BadModel, match=r"takes images of any size .*--image-size"):
        load(scan(folder))
    loaded = load(scan(folder, LoadOptions(image_size=SIDE)))
    with pytest.raises(
        BadModel, match=r"cannot determine how the model's images must be normalized.* --mean 0 --std 255"
    ):
        inferred(loaded)
    assert infer_task(loaded.scan.config, 3).activation == "logits"
    mean, std = (120.0, 110.0, 100.0), (50.0, 60.0, 70.0)
    model = make_float_model(loaded, inferred(loaded, mean=mean, std=std, order="BGR"))
    fed = ((BYTES[..., ::-1] - np.array(mean)) / np.array(std)).astype(np.float32)
    wanted = np.asarray(source(fed, training=False))
    assert outputs(to_float(model), model.normalize) == pytest.approx(wanted, abs=1e-4)


def test_conversion_and_scores_of_the_source(tmp_path: Path) -> None:
    keras = backend.keras()
    folder = export(network(keras, lambda x: keras.layers.Rescaling(1 / 255)(x)), tmp_path / "saved")
    pictures = ROOT / "calibration_images"
    report = convert(ConvertOptions(folder, pictures, output=tmp_path / "m.tflite", effort="none"))
    document = report.to_json()
    assert document["source"]["format"] == "savedmodel"
    assert document["source"]["sha256"] == saved_model.sha256(folder) == report.card.source_sha256
    assert document["source"]["bytes"] == sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    with open_model(report.path) as model:
        int8 = model.scores(Frame(BYTES[0]))
    assert open_keras(folder).scores(Frame(BYTES[0])) == pytest.approx(int8, abs=0.03)


def module(call: Callable[[Any], Any], **parts: Any) -> Any:
    """Return a program that is not a Keras model; ``call`` is its function."""
    tf = backend.tensorflow()

    class Program(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.weight = tf.Variable(tf.ones((3, 2)))
            for name, part in parts.items():
                setattr(self, name, part)

        @tf.function(input_signature=[tf.TensorSpec((1, 8, 8, 3), tf.float32)])
        def __call__(self, image: Any) -> Any:
            return tf.nn.softmax(tf.reduce_mean(call(image), (1, 2)) @ self.weight)

    return Program()


def save(program: Any, folder: Path) -> Path:
    tf = backend.tensorflow()
    with backend.quiet():
        tf.saved_model.save(program, str(folder), signatures=program.__call__)
    return folder


def _reads(image: Any) -> Any:
    tf = backend.tensorflow()
    with tf.control_dependencies([tf.io.read_file("/etc/hostname")]):
        return tf.identity(image)


def _writes(image: Any) -> Any:
    tf = backend.tensorflow()
    with tf.control_dependencies([tf.io.write_file("owned", "x")]):
        return tf.identity(image)


def _python(image: Any) -> Any:
    return backend.tensorflow().py_function(lambda x: x, [image], "float32")


def _numpy(image: Any) -> Any:
    return backend.tensorflow().numpy_function(lambda x: x, [image], "float32")


def _hidden(image: Any) -> Any:
    """Read a file in a branch of a condition, in a separate function."""
    tf = backend.tensorflow()
    return tf.cond(tf.reduce_sum(image) > 1e9, lambda: _reads(image), lambda: image)


HARMFUL = {"ReadFile": _reads, "WriteFile": _writes, "EagerPyFunc": _python, "PyFunc": _numpy}


@pytest.mark.parametrize("operator", HARMFUL)
def test_unsafe_operators_are_rejected_by_name(tmp_path: Path, operator: str) -> None:
    with pytest.raises(
        BadModel, match=rf"contains the unsafe operator {operator}\w*; the file was not loaded"
    ) as caught:
        scan(save(module(HARMFUL[operator]), tmp_path / "saved"))
    assert "\n" not in str(caught.value)
    assert not Path("owned").exists()


def test_hidden_unsafe_operators_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match=r"operator (ReadFile|If|StatelessIf)"):
        scan(save(module(_hidden), tmp_path / "branch"))
    tf = backend.tensorflow()
    program = module(lambda image: image)
    program.extra = tf.function(lambda: tf.io.read_file("/etc/hostname"), input_signature=[])
    program.extra.get_concrete_function()
    with pytest.raises(BadModel, match="unsafe operator ReadFile"):
        scan(save(program, tmp_path / "uncalled"))


def test_checkpoint_operators_are_rejected_in_inference(tmp_path: Path) -> None:
    """Checkpoint operators are allowed only in the functions that save and restore."""
    tf = backend.tensorflow()

    def saves(image: Any) -> Any:
        with tf.control_dependencies(
            [tf.raw_ops.SaveV2(prefix="p", tensor_names=["t"], shape_and_slices=[""], tensors=[image])]
        ):
            return tf.identity(image)

    with pytest.raises(BadModel, match="unsafe operator SaveV2"):
        scan(save(module(saves), tmp_path / "saved"))
    assert scan(save(module(lambda image: image), tmp_path / "plain")).format == "savedmodel"


def test_tables_and_assets_are_rejected(tmp_path: Path) -> None:
    tf = backend.tensorflow()
    pairs = tf.lookup.KeyValueTensorInitializer(tf.constant(["a"]), tf.constant([1], tf.int64))
    with pytest.raises(BadModel, match=r"lookup table|HashTable"):
        scan(save(module(lambda image: image, table=tf.lookup.StaticHashTable(pairs, 0)), tmp_path / "table"))
    (tmp_path / "words.txt").write_text("a")
    asset = tf.saved_model.Asset(str(tmp_path / "words.txt"))
    with pytest.raises(BadModel, match="asset files"):
        scan(save(module(lambda image: image, words=asset), tmp_path / "asset"))


def test_incomplete_folders_and_links_are_rejected(tmp_path: Path) -> None:
    folder = save(module(lambda image: image), tmp_path / "saved")

    def refused(change: Callable[[Path], object], message: str) -> None:
        copy = tmp_path / "copy"
        shutil.copytree(folder, copy)
        change(copy)
        with pytest.raises(BadModel, match=message) as caught:
            load_safely(scan(copy))
        assert "\n" not in str(caught.value)
        shutil.rmtree(copy)

    graph = (folder / "saved_model.pb").read_bytes()
    refused(lambda copy: shutil.rmtree(copy / "variables"), "has no weights")
    refused(lambda copy: (copy / "saved_model.pb").write_bytes(b""), "has 0 serving graphs")
    refused(lambda copy: (copy / "saved_model.pb").write_bytes(graph[:-7]), "is corrupt")
    refused(lambda copy: (copy / "link").symlink_to("/etc"), "link is a symbolic link")
    refused(lambda copy: next(copy.rglob("*.data-*")).write_bytes(b"short"), "cannot load the|crashed")
    refused(lambda copy: next(copy.rglob("*.index")).write_bytes(b"no table"), "cannot load the|crashed")


def test_program_with_two_inputs_is_rejected(tmp_path: Path) -> None:
    tf = backend.tensorflow()

    class Two(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec((1, 8), tf.float32), tf.TensorSpec((1, 8), tf.float32)])
        def __call__(self, a: Any, b: Any) -> Any:
            return a + b

    with pytest.raises(BadModel, match=r"has no variables|has 2 inputs \("):
        load(scan(save(Two(), tmp_path / "two")))


def test_loops_that_run_while_loading_are_rejected(tmp_path: Path) -> None:
    """TensorFlow calls the functions that restore objects when it loads the file."""
    folder = save(module(lambda image: image), tmp_path / "saved")
    graph = saved_model._read(folder)
    function = graph.graph_def.library.function.add()
    function.signature.name = "restore"
    function.node_def.add(name="loop", op="While")
    saved_model._check_operators(graph, folder)  # nothing calls it
    nodes = graph.object_graph_def.nodes
    nodes.add().function.concrete_functions.append("restore")
    nodes[0].saveable_objects["value"].restore_function = len(nodes) - 1
    with pytest.raises(BadModel, match="runs a loop when it is loaded"):
        saved_model._check_operators(graph, folder)


def damaged(data: bytes, seed: int) -> bytes:
    chance = np.random.default_rng(seed)
    changed = bytearray(data)
    for at in chance.integers(0, len(data), int(chance.integers(1, 4))):
        changed[at] = int(chance.integers(0, 256))
    return bytes(changed[: int(chance.integers(1, len(data)))] if seed % 3 == 0 else changed)


def folders(tmp_path: Path, count: int) -> tuple[int, list[Path]]:
    """Return the number of corrupt graphs rejected in one line, and the folders that passed the checks."""
    keras = backend.keras()
    source = export(network(keras, lambda x: keras.layers.Rescaling(1 / 255)(x)), tmp_path / "saved")
    data = (source / "saved_model.pb").read_bytes()
    refused, passed = 0, []
    for seed in range(count):
        copy = tmp_path / f"copy{seed}"
        shutil.copytree(source, copy)
        (copy / "saved_model.pb").write_bytes(damaged(data, seed))
        try:
            scan(copy)
        except EdgeVisionError as error:
            assert "\n" not in str(error)
            refused += 1
            shutil.rmtree(copy)
        else:
            passed.append(copy)
    return refused, passed


@pytest.mark.parametrize(("count", "tried"), [(60, 1), pytest.param(400, 25, marks=pytest.mark.slow)])
def test_corrupt_graph_gives_a_one_line_error_or_a_model(tmp_path: Path, count: int, tried: int) -> None:
    refused, passed = folders(tmp_path, count)
    assert refused > count // 3
    for folder in passed[:tried]:
        try:
            loaded = load_safely(scan(folder))
        except EdgeVisionError as error:
            assert "\n" not in str(error)
        else:
            assert np.asarray(loaded.keras(BYTES.astype(np.float32))).shape == (len(BYTES), loaded.outputs)
