"""Scan of Keras files before loading: rejected files give a one-line error that names the layer."""

from __future__ import annotations

import base64
import io
import json
import marshal
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgevision.errors import BadModel, EdgeVisionError, MissingFile
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing.spec import Preprocessing

h5py = pytest.importorskip("h5py", reason="needs the convert extra: pip install 'edgevision[convert]'")

from edgevision.convert.keras_files.allowlist import is_operator
from edgevision.convert.keras_files.load_options import LoadOptions
from edgevision.convert.keras_files.scan import check_config, scan

VERSION = "3.15.1"


def layer(kind: str, name: str, **config: Any) -> dict[str, Any]:
    return {"module": "keras.layers", "class_name": kind, "config": {"name": name, **config}, "registered_name": None}


def sequential(*layers: dict[str, Any], name: str = "net") -> dict[str, Any]:
    config = {"name": name, "layers": list(layers)}
    return {"module": "keras", "class_name": "Sequential", "config": config, "registered_name": None}


NET = sequential(
    layer("InputLayer", "in", batch_shape=[None, 8, 8, 3]), layer("Flatten", "flat"), layer("Dense", "out")
)


def weights() -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file["layers/out/vars/0"] = [1.0, 2.0]
    return stream.getvalue()


def keras_zip(path: Path, config: Any = NET, version: str | None = VERSION, **entries: bytes | None) -> Path:
    content: dict[str, bytes | None] = {
        "config.json": json.dumps(config).encode(),
        "metadata.json": json.dumps({"keras_version": version}).encode() if version else None,
        "model.weights.h5": weights(),
    }
    content.update({name.replace("_json", ".json"): data for name, data in entries.items()})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            if data is not None:
                archive.writestr(name, data)
    return path


def keras_h5(path: Path, config: Any = NET, version: str | None = VERSION, **attributes: str) -> Path:
    with h5py.File(path, "w") as file:
        file["model_weights/out/kernel"] = [1.0, 2.0]
        if config is not None:
            file.attrs["model_config"] = json.dumps(config)
        if version is not None:
            file.attrs["keras_version"] = version
        file.attrs.update(attributes)
    return path


def test_valid_archive(tmp_path: Path) -> None:
    card = ModelCard(name="net", task="classification", preprocessing=Preprocessing(8, 8), labels=("a", "b"))
    found = scan(keras_zip(tmp_path / "m.keras", edgevision_json=card.dumps().encode()))
    assert (found.format, found.keras_version, found.config) == ("keras", VERSION, NET)
    assert found.card == card


def test_valid_h5(tmp_path: Path) -> None:
    card = ModelCard(name="net", task="classification", preprocessing=Preprocessing(8, 8))
    found = scan(keras_h5(tmp_path / "m.h5", edgevision_card=card.dumps(), training_config='{"loss": "mse"}'))
    assert (found.format, found.card, found.training) == ("h5", card, {"loss": "mse"})


LAMBDA = layer(
    "Lambda",
    "preprocess",
    function={
        "class_name": "__lambda__",
        "config": {"value": [base64.b64encode(marshal.dumps(compile("0", "x", "eval"))).decode(), None, None]},
    },
)
REFUSED = {
    "lambda layer": (LAMBDA, r"layer 'preprocess' is a Lambda layer and carries pickled Python code.*Rescaling"),
    "lambda in another layer": (
        layer("Activation", "act", activation={"class_name": "__lambda__", "config": {"value": ["", None, None]}}),
        r"layer 'act' is a lambda function and carries pickled",
    ),
    "custom layer": (
        {"module": None, "class_name": "Mish", "config": {"name": "mine"}, "registered_name": "my>Mish"},
        r"layer 'mine' is of the custom class 'my>Mish'",
    ),
    "custom function": (
        layer("Dense", "d", activation={"module": "builtins", "class_name": "function", "config": "my_act"}),
        r"layer 'd' uses the custom function 'my_act'",
    ),
    "module outside of Keras": (
        {"module": "os", "class_name": "system", "config": {"name": "evil"}, "registered_name": None},
        r"layer 'evil' is of the class os\.system, which is not on the list",
    ),
    "Keras module that is not a layer": (
        {"module": "keras.src.utils", "class_name": "get_file", "config": {"name": "fetch"}},
        r"layer 'fetch' is of the class keras\.src\.utils\.get_file",
    ),
    "layer that opens files": (
        layer("StringLookup", "words", vocabulary="/etc/passwd"),
        r"keras\.layers\.StringLookup",
    ),
    "foreign saved model": (layer("TFSMLayer", "sm", filepath="/x"), r"layer 'sm' is a TFSMLayer layer and runs"),
    "operator that takes functions": (
        {"module": "keras.src.ops.core", "class_name": "WhileLoop", "config": {"name": "loop"}},
        r"layer 'loop' is of the class keras\.src\.ops\.core\.WhileLoop",
    ),
    "custom regularizer": (
        layer("Dense", "d", kernel_regularizer={"module": "my.code", "class_name": "R", "config": {}}),
        r"layer 'd' is of the class my\.code\.R",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("depth", [0, 1, 3])
def test_layers_with_code_are_rejected_by_name(tmp_path: Path, case: str, depth: int) -> None:
    bad, message = REFUSED[case]
    config = sequential(layer("Flatten", "flat"), bad)
    for level in range(depth):
        config = sequential(layer("Dropout", "drop"), config, name=f"outer{level}")
        message = message.replace("layer '", "layer '(?:[^']*/)?", 1)
    with pytest.raises(BadModel, match=message) as caught:
        scan(keras_zip(tmp_path / "m.keras", config))
    assert "\n" not in str(caught.value)
    with pytest.raises(BadModel, match="layer '"):
        scan(keras_h5(tmp_path / "m.h5", config))


def test_error_gives_the_path_of_the_layer(tmp_path: Path) -> None:
    config = sequential(sequential(LAMBDA, name="backbone"), name="net")
    with pytest.raises(BadModel, match=r"m\.keras: layer 'backbone/preprocess' is a Lambda"):
        scan(keras_zip(tmp_path / "m.keras", config))


def test_custom_losses_are_accepted_because_they_are_never_loaded(tmp_path: Path) -> None:
    loss = {"module": "my.code", "class_name": "Loss", "config": {}}
    outer = NET | {"compile_config": {"loss": loss}}
    scan(keras_zip(tmp_path / "outer.keras", outer))
    scan(keras_zip(tmp_path / "nested.keras", sequential(outer)))
    with pytest.raises(BadModel, match=r"my\.code\.Loss"):  # only an object has training settings
        scan(keras_zip(tmp_path / "setting.keras", sequential(layer("Dense", "d", compile_config={"loss": loss}))))


def old_layer(kind: str, name: str, **config: Any) -> dict[str, Any]:
    """Return a layer as in a Keras 3 .h5, without a module."""
    return {"class_name": kind, "config": {"name": name, **config}, "name": name}


def test_operators_are_recognized_by_module_or_form(tmp_path: Path) -> None:
    """An .h5 omits the module, and x + 3 is written as Add like the layer, but only layers write a dtype."""
    divide = {"module": "keras.src.ops.numpy", "class_name": "TrueDivide", "config": {"name": "div"}}
    scan(keras_zip(tmp_path / "m.keras", sequential(divide)))
    for name in ("TrueDivide", "Add"):
        entry = old_layer(name, "op") | {"inbound_nodes": []}
        assert is_operator(entry)
        scan(keras_h5(tmp_path / "m.h5", sequential(entry)))
    assert not is_operator(old_layer("Add", "add", dtype="float32") | {"inbound_nodes": []})
    with pytest.raises(BadModel, match="layer 'op' is of the class TrueDivide, which is not on the list"):
        scan(keras_h5(tmp_path / "m.h5", sequential(old_layer("TrueDivide", "op") | {"inbound_nodes": []}), "2.15.0"))
    with pytest.raises(BadModel, match="layer 'op' is of the class PyFunc, which is not on the list"):
        scan(keras_h5(tmp_path / "m.h5", sequential(old_layer("PyFunc", "op") | {"inbound_nodes": []})))


@pytest.mark.parametrize(
    ("kind", "config", "said"),
    [
        ("Dense", {"units": 1e9}, "has units 1e+09; the maximum is 131072"),
        ("Conv2D", {"filters": 8, "kernel_size": [3, 5000]}, "has kernel_size 5000; the maximum is 2048"),
        ("ZeroPadding2D", {"padding": [[0, 0], [1_000_000, 0]]}, "has padding 1e+06"),
        ("UpSampling2D", {"size": [9999, 9999]}, "has size 9999"),
        ("EinsumDense", {"equation": "ab,bc->ac", "output_shape": [None, 2_000_000_000]}, "has output_shape 2e+09"),
        ("GroupQueryAttention", {"head_dim": 1_000_000}, "has head_dim 1e+06; the maximum is 131072"),
        ("Resizing", {"height": 100_000, "width": 224}, "has height 100000"),
        ("InputLayer", {"batch_shape": [None, 100_000, 100_000, 3]}, "has tensors of 100000x100000x3 values"),
        ("InputLayer", {"batch_input_shape": [None, 100_000, 100_000, 3]}, "has tensors of 100000x100000x3 values"),
    ],
)
def test_excessive_sizes_are_rejected_before_loading(
    tmp_path: Path, kind: str, config: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadModel) as caught:
        scan(keras_zip(tmp_path / "m.keras", sequential(layer(kind, "big", **config))))
    assert said in str(caught.value)
    assert said.startswith(("number", "the number")) or f"m.keras: layer 'big' {said}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("units", "said"), [(10**400, "a number of 401 digits"), (float("nan"), "the number NaN")])
def test_numbers_that_no_size_has_are_rejected_before_loading(tmp_path: Path, units: float, said: str) -> None:
    with pytest.raises(BadModel, match=f"m.keras is corrupt: the architecture is not valid JSON: it contains {said}"):
        scan(keras_zip(tmp_path / "m.keras", sequential(layer("Dense", "big", units=units))))


@pytest.mark.parametrize("make", [keras_zip, keras_h5])
def test_architecture_larger_than_its_file_is_rejected(tmp_path: Path, make: Any) -> None:
    name = "m.keras" if make is keras_zip else "m.h5"
    tensor = {"class_name": "__keras_tensor__", "config": {"shape": [None, 7, 7, 100_000]}}
    for entry in (
        layer("Dense", "out", units=100_000),
        layer("Dense", "out", units=100) | {"build_config": {"input_shape": [None, 100_000]}},
        layer("Conv2D", "out", filters=100, kernel_size=[3, 3]) | {"inbound_nodes": [{"args": [tensor], "kwargs": {}}]},
        layer("DepthwiseConv2D", "out", kernel_size=[1000, 1000]),
        layer("SeparableConv2D", "out", filters=2, kernel_size=[1000, 1000]),
        layer("Embedding", "out", input_dim=1000, output_dim=1000),
    ):
        with pytest.raises(BadModel, match=r"the architecture needs at least .* weights, but the file has only"):
            scan(make(tmp_path / name, sequential(entry)))
    scan(make(tmp_path / name, sequential(layer("Dense", "out", units=100))))


def test_control_characters_in_a_class_name_are_escaped(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match=r"is of the class 'keras\.layers\.\\x1b\[2J\\n', which is not"):
        scan(keras_zip(tmp_path / "m.keras", sequential(layer("\x1b[2J\n", "x"))))


def test_tensorflow_initializers_are_allowed_in_keras_2_only(tmp_path: Path) -> None:
    """EfficientNetV2 of Keras 2 uses one; nothing else from that module is allowed."""

    def dense(module: str, name: str) -> dict[str, Any]:
        entry = {"module": module, "class_name": name, "config": {"value": 0}, "registered_name": None}
        return sequential(layer("Dense", "out", bias_initializer=entry))

    module = "tensorflow.python.ops.init_ops_v2"
    scan(keras_h5(tmp_path / "m.h5", dense(module, "Constant"), "2.15.0"))
    for refused, version in (
        (dense(module, "Constant"), VERSION),
        (dense(module, "Initializer"), "2.15.0"),
        (dense("tensorflow.python.ops.io_ops", "Constant"), "2.15.0"),
    ):
        with pytest.raises(
            BadModel, match=r"is of the class tensorflow\.python\.ops\.\w+\.\w+, which is not on the list"
        ):
            scan(keras_h5(tmp_path / "m.h5", refused, version))


def test_unsupported_keras_version_is_rejected(tmp_path: Path) -> None:
    message = r"written by Keras 4\.0\.0; only files of Keras 2 and 3 are supported"
    with pytest.raises(BadModel, match=message):
        scan(keras_zip(tmp_path / "m.keras", version="4.0.0"))
    with pytest.raises(BadModel, match=message):
        scan(keras_h5(tmp_path / "m.h5", version="4.0.0"))


OLD_NET = sequential(
    layer("InputLayer", "in", batch_input_shape=[None, 8, 8, 3]), layer("Flatten", "flat"), layer("Dense", "out")
)


def test_keras_generation_is_recognized(tmp_path: Path) -> None:
    """The version decides; without one, the form of the inputs does."""
    for make, name in ((keras_zip, "m.keras"), (keras_h5, "m.h5")):
        assert [scan(make(tmp_path / name, NET, v)).keras_2 for v in ("3.0.0", None)] == [False, False]
        assert [
            scan(make(tmp_path / name, OLD_NET, v)).keras_2 for v in ("2.15.0", "2.2.4-tf", "tfjs-layers 1.7.4", None)
        ] == [True] * 4


def operator(function: str, kind: str = "TFOpLambda") -> dict[str, Any]:
    return {"class_name": kind, "config": {"name": "op", "function": function}, "name": "op", "inbound_nodes": []}


@pytest.mark.parametrize(
    "function", ["io.read_file", "io.write_file", "py_function", "numpy_function", "raw_ops.ReadFile"]
)
def test_keras_2_operators_are_allowed_only_if_they_compute(tmp_path: Path, function: str) -> None:
    scan(keras_h5(tmp_path / "m.h5", sequential(operator("math.truediv")), "2.15.0"))
    with pytest.raises(
        BadModel, match=rf"layer 'op' calls the TensorFlow function '{function}', which is not on the list"
    ):
        scan(keras_h5(tmp_path / "m.h5", sequential(operator(function)), "2.15.0"))
    with pytest.raises(BadModel, match="TFOpLambda, which is not on the list"):
        scan(keras_h5(tmp_path / "m.h5", sequential(operator("math.truediv")), VERSION))
    node = {"class_name": "TensorFlowOpLayer", "config": {"name": "op", "node_def": {"op": "ReadFile"}}}
    with pytest.raises(BadModel, match="runs the TensorFlow operator 'ReadFile'"):
        scan(keras_h5(tmp_path / "m.h5", sequential(node), "2.3.0"))


@pytest.mark.parametrize(
    "module", ["tf_keras.src.engine.functional", "keras.src.engine.functional", "keras.engine.functional"]
)
def test_keras_2_modules_are_allowed_only_if_they_are_its_own(tmp_path: Path, module: str) -> None:
    model = {"module": module, "class_name": "Functional", "config": {"name": "net", "layers": []}}
    scan(keras_zip(tmp_path / "m.keras", model, "2.15.0"))
    for other in (module.replace("engine", "utils"), "os." + module, "tensorflow.python.ops"):
        with pytest.raises(BadModel, match="which is not on the list"):
            scan(keras_zip(tmp_path / "m.keras", model | {"module": other}, "2.15.0"))


def test_code_is_allowed_only_with_allow_code(tmp_path: Path) -> None:
    path = keras_zip(tmp_path / "m.keras", sequential(LAMBDA))
    with pytest.raises(BadModel, match="add --allow-code if you trust the author of the file"):
        scan(path)
    assert scan(path, LoadOptions(allow_code=True)).options.allow_code
    for case in ("custom layer", "module outside of Keras", "foreign saved model"):  # their code is not in the file
        with pytest.raises(BadModel):
            scan(keras_zip(tmp_path / "m.keras", sequential(REFUSED[case][0])), LoadOptions(allow_code=True))


def test_other_files_are_rejected(tmp_path: Path) -> None:
    def refused(name: str, data: bytes, message: str) -> None:
        (tmp_path / name).write_bytes(data)
        with pytest.raises(BadModel, match=message):
            scan(tmp_path / name)

    refused("text.h5", b"hello\n", r"text\.h5 is a text file, not a Keras model")
    refused("empty.h5", b"", r"empty\.h5 is empty")
    refused("noise.h5", bytes(range(256)), "neither HDF5 nor a .keras archive")
    refused("m.tflite", b"\x1c\0\0\0TFL3" + bytes(50), "is already a .tflite")
    good = keras_h5(tmp_path / "good.h5").read_bytes()
    refused("cut.h5", good[: len(good) // 2], r"cut\.h5 is truncated")
    refused("wrong.txt", good, r"is an HDF5 file with the wrong suffix; rename it to wrong\.h5")
    refused("lfs.h5", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer")
    refused("config.json", b"{}", "JSON, which holds no weights")
    refused("graph.pbtxt", b"node {}", "TensorFlow graph as text")
    archive = keras_zip(tmp_path / "good.keras").read_bytes()
    refused("cut.keras", archive[: len(archive) // 2], r"cut\.keras is a corrupt \.keras archive")
    refused("wrong.h5", archive, r"rename it to wrong\.keras")
    with pytest.raises(MissingFile, match="model not found"):
        scan(tmp_path / "nope.h5")
    with pytest.raises(MissingFile, match="is a folder"):
        scan(tmp_path)
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(BadModel, match=r"variables\.index"):
        scan(tmp_path)


def test_files_without_a_model_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(
        BadModel, match=r"contains only weights, no architecture; save the whole model .*--architecture"
    ):
        scan(keras_h5(tmp_path / "a.h5", config=None, layer_names="out"))
    (tmp_path / "b.weights.h5").write_bytes(weights())
    with pytest.raises(BadModel, match="contains only weights"):
        scan(tmp_path / "b.weights.h5")
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["temperature"] = [20.0]
    with pytest.raises(BadModel, match=r"not a Keras model \(model_config is missing\)"):
        scan(tmp_path / "c.h5")
    with pytest.raises(BadModel, match=r"config\.json is missing"):
        scan(keras_zip(tmp_path / "d.keras", config_json=None))
    with pytest.raises(BadModel, match="is not valid JSON"):
        scan(keras_zip(tmp_path / "e.keras", config_json=b"{"))
    with pytest.raises(BadModel, match="the card has schema"):
        scan(keras_zip(tmp_path / "f.keras", edgevision_json=b"{}"))


def test_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="a zip bomb"):
        scan(keras_zip(tmp_path / "m.keras", config_json=b" " * (64 << 20)))


def test_external_and_oversized_arrays_are_rejected(tmp_path: Path) -> None:
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(80))
    with h5py.File(keras_h5(tmp_path / "a.h5"), "a") as file:
        file.create_dataset("model_weights/x", (10,), "f8", external=[(str(secret), 0, 80)])
    with pytest.raises(BadModel, match="is in another file"):
        scan(tmp_path / "a.h5")
    with h5py.File(keras_h5(tmp_path / "b.h5"), "a") as file:
        file["model_weights/x"] = h5py.ExternalLink(str(tmp_path / "a.h5"), "/model_weights")
    with pytest.raises(BadModel, match="is a link"):
        scan(tmp_path / "b.h5")
    with h5py.File(keras_h5(tmp_path / "c.h5"), "a") as file:
        file.create_dataset("model_weights/x", (1 << 20, 1 << 20), "f4", chunks=(1024, 1024), compression="gzip")
    with pytest.raises(BadModel, match="declares more than 4 GiB"):
        scan(tmp_path / "c.h5")


def test_deep_groups_and_arrays_that_unpack_too_much_are_rejected(tmp_path: Path) -> None:
    with h5py.File(keras_h5(tmp_path / "a.h5"), "a") as file:
        file.create_group("/".join(["model_weights", *"a" * 100]))
    with pytest.raises(BadModel, match="groups nested more than 64 deep"):
        scan(tmp_path / "a.h5")
    with h5py.File(keras_h5(tmp_path / "b.h5"), "a") as file:
        file.create_dataset("model_weights/x", (100, 1 << 20), "f4", chunks=(1, 1 << 20), compression="gzip")
    with pytest.raises(BadModel, match=r"declares 419 MB of weights in .* bytes: corrupt or malicious file"):
        scan(tmp_path / "b.h5")


def test_deep_nesting_error_is_one_line(tmp_path: Path) -> None:
    text = b'{"a":' * 5000 + b"1" + b"}" * 5000
    with pytest.raises(BadModel):
        scan(keras_zip(tmp_path / "m.keras", config_json=text))


def _objects() -> st.SearchStrategy[Any]:
    names = st.sampled_from(["Dense", "Lambda", "Sequential", "__lambda__", "function", "System", ""])
    plain = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
    return st.recursive(
        plain,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.fixed_dictionaries(
                {}, optional={"class_name": names | plain, "config": inner, "module": plain, "name": plain}
            )
        ),
        max_leaves=12,
    )


@given(_objects())
def test_any_config_passes_or_gives_a_one_line_error(value: Any) -> None:
    try:
        check_config(value, Path("m.keras"))
    except BadModel as error:
        assert "\n" not in str(error)
    else:
        assert "Lambda" not in _class_names(value)


def _class_names(value: Any) -> set[Any]:
    if isinstance(value, dict):
        own = {value["class_name"]} if isinstance(value.get("class_name"), str) else set()
        return own.union(*map(_class_names, value.values()))
    return set().union(*map(_class_names, value)) if isinstance(value, list) else set()


@given(cut=st.integers(0, 20_000), flip=st.integers(0, 20_000), value=st.integers(0, 255), kind=st.sampled_from("zh"))
@settings(max_examples=150, deadline=None)
def test_corruption_gives_a_one_line_error_or_none(tmp_path: Path, cut: int, flip: int, value: int, kind: str) -> None:
    path = tmp_path / ("m.keras" if kind == "z" else "m.h5")
    make = keras_zip if kind == "z" else keras_h5
    data = bytearray(make(path).read_bytes())
    data[flip % len(data)] = value
    path.write_bytes(data[: len(data) - cut % 200 if cut % 2 else cut % len(data)])
    try:
        scan(path)
    except EdgeVisionError as error:
        assert "\n" not in str(error)


def test_hdf5_file_named_keras_opens(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    from edgevision.convert.source_model.load import load

    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    model.save(tmp_path / "m.h5")
    path = (tmp_path / "m.h5").rename(tmp_path / "m.keras")
    loaded = load(scan(path))
    assert loaded.scan.format == "h5"
    assert [w.tolist() for w in loaded.keras.get_weights()] == [w.tolist() for w in model.get_weights()]
