"""Malicious Keras files: published exploits and our own, as .keras and .h5 files of Keras 2 and 3.

Each file would create a file or import a module if any of its code ran. All must be rejected in one line.
"""

from __future__ import annotations

import base64
import io
import json
import marshal
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import edgevision
from locations import ROOT

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tf_keras", reason="needs the convert extra: pip install 'edgevision[convert]'")
h5py = pytest.importorskip("h5py")

from edgevision.convert import backend
from edgevision.convert.keras_files import weight_arrays
from edgevision.convert.keras_files.load_options import LoadOptions
from edgevision.convert.keras_files.minimal_config import minimal
from edgevision.convert.keras_files.scan import scan
from edgevision.convert.keras_scorer import open_keras
from edgevision.convert.source_model.load import load

from edgevision.errors import BadModel

SIDE = 8
KINDS = ("keras3", "keras2", "h5-3", "h5-2")
"""File format and generation."""
Config = dict[str, Any]


def _generation(kind: str) -> int:
    return int(kind[-1])


def _suffix(kind: str) -> str:
    return ".h5" if kind.startswith("h5") else ".keras"


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny classifier, saved as a file of each kind."""
    folder = tmp_path_factory.mktemp("bases")
    found = {}
    for kind in KINDS:
        keras = backend.tf_keras() if _generation(kind) == 2 else backend.keras()
        found[kind] = folder / (kind + _suffix(kind))
        classifier(keras, keras.layers.ReLU(name="act")).save(found[kind])
    return found


def classifier(keras: Any, middle: Any) -> Any:
    image = keras.Input((SIDE, SIDE, 3), name="image")
    x = middle(keras.layers.Conv2D(2, 3, name="conv")(image))
    x = keras.layers.Dense(2, activation="softmax", name="dense")(keras.layers.GlobalAveragePooling2D(name="pool")(x))
    return keras.Model(image, x)


def config_of(path: Path) -> Config:
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            found: Config = json.loads(archive.read("config.json"))
    else:
        with h5py.File(path) as file:
            found = json.loads(file.attrs["model_config"])
    return found


def rewritten(source: Path, target: Path, config: Config, **attributes: str) -> Path:
    """Write a copy of a model file with another configuration."""
    if source.suffix == ".keras":
        with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
            for name in old.namelist():
                new.writestr(name, json.dumps(config) if name == "config.json" else old.read(name))
    else:
        target.write_bytes(source.read_bytes())
        with h5py.File(target, "r+") as file:
            file.attrs.update({"model_config": json.dumps(config), **attributes})
    return target


def layer_of(config: Config, name: str) -> Config:
    found: Config = next(entry for entry in config["config"]["layers"] if entry["config"]["name"] == name)
    return found


def replace(config: Config, class_name: str, module: str | None = "keras.layers", **settings: Any) -> Config:
    """Replace the layer ``act`` of a configuration with another class."""
    entry = layer_of(config, "act")
    entry.update(class_name=class_name, registered_name=None, module=module)
    entry["config"] = {"name": "act", "trainable": True, "dtype": "float32", **settings}
    if module is None:
        del entry["module"], entry["registered_name"]
    return config


def function(module: str, name: str) -> Config:
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def pickled(command: str) -> str:
    """Return Python bytecode that runs a command, as Keras stores a lambda."""
    made = eval(f"lambda x: (__import__('os').system({command!r}), x)[1]")
    return base64.b64encode(marshal.dumps(made.__code__)).decode()


def lambda_layer(config: Config, command: str, module: str | None = "keras.layers") -> Config:
    """Insert a Lambda layer that runs a command, in the form of the configuration's Keras generation."""
    code = pickled(command)
    if "batch_shape" in layer_of(config, "image")["config"]:
        carried: Any = {"class_name": "__lambda__", "config": {"code": code, "defaults": None, "closure": None}}
    else:
        carried = [code, None, None]
    return replace(config, "Lambda", module, function=carried, function_type="lambda", arguments={})


def gadget(config: Config, module: str, name: str, first: Any, **arguments: Any) -> Config:
    """Insert a Lambda layer that calls a library function with arguments from the file."""
    return replace(
        config,
        "Lambda",
        function=function(module, name),
        function_type="function",
        module=module,
        output_shape=None,
        output_shape_type="raw",
        output_shape_module=None,
        arguments={"cmd": first, **arguments},
    )


def hostile_loss(command: str) -> Config:
    """Return a loss that is a model with a Lambda layer, which tf_keras builds and calls during deserialization."""

    def entry(home: str, class_name: str, **settings: Any) -> Config:
        return {"module": home, "class_name": class_name, "registered_name": None, "config": settings}

    start = entry("keras.layers", "InputLayer", batch_input_shape=[None, 1], dtype="float32", name="i")
    pager = entry(
        "keras.layers",
        "Lambda",
        name="l",
        function=function("pydoc", "pipepager"),
        function_type="function",
        module="pydoc",
        output_shape=None,
        output_shape_type="raw",
        output_shape_module=None,
        arguments={"cmd": command},
    )
    return entry("keras", "Sequential", name="s", layers=[start, pager])


Attack = Callable[[Config, Path], Config]
"""Edits a configuration so that it creates a file."""


def _regularizer(class_name: str, module: str, **more: Any) -> Attack:
    def edit(config: Config, canary: Path) -> Config:
        entry = {"module": module, "class_name": class_name, "registered_name": None, "config": {"x": 1}, **more}
        layer_of(config, "conv")["config"]["kernel_regularizer"] = entry
        return config

    return edit


def _initializer(config: Config, canary: Path) -> Config:
    entry = {"module": "subprocess", "class_name": "Popen", "config": {"args": ["touch", str(canary)]}}
    layer_of(config, "conv")["config"]["kernel_initializer"] = entry | {"registered_name": None}
    return config


def _activation(config: Config, canary: Path) -> Config:
    layer_of(config, "conv")["config"]["activation"] = function("os", "system")
    return config


def _activation_name(config: Config, canary: Path) -> Config:
    layer_of(config, "conv")["config"]["activation"] = "deserialize"
    return config


def _compiled(config: Config, canary: Path) -> Config:
    return config | {"compile_config": {"optimizer": "adam", "loss": hostile_loss(f"touch {canary}")}}


def _compiled_metric(config: Config, canary: Path) -> Config:
    run = {"module": "subprocess", "class_name": "Popen", "config": {"args": ["touch", str(canary)]}}
    return config | {"compile_config": {"loss": "mse", "metrics": [run], "optimizer": function("os", "system")}}


def _compiled_inside(config: Config, canary: Path) -> Config:
    layer_of(config, "act")["compile_config"] = {"loss": hostile_loss(f"touch {canary}")}
    return config


def _compiled_in_settings(config: Config, canary: Path) -> Config:
    layer_of(config, "act")["config"]["compile_config"] = {"loss": hostile_loss(f"touch {canary}")}
    return config


def _built(config: Config, canary: Path) -> Config:
    layer_of(config, "act")["build_config"] = {"input_shape": hostile_loss(f"touch {canary}")}
    return config


def _argument(config: Config, canary: Path) -> Config:
    layer_of(config, "act")["inbound_nodes"].append({"args": [hostile_loss(f"touch {canary}")], "kwargs": {}})
    return config


def _unsafe_deserialization(config: Config, canary: Path) -> Config:
    config = lambda_layer(config, f"touch {canary}")
    call = deepcopy(layer_of(config, "act"))
    call["config"] = {"name": "first", "function": function("keras.config", "enable_unsafe_deserialization")}
    config["config"]["layers"].insert(0, call | {"name": "first"})
    return config


def _vocabulary(class_name: str, module: str) -> Attack:
    def edit(config: Config, canary: Path) -> Config:
        secret = canary.with_name("secret.txt")
        secret.write_text("alpha\nbravo\n")
        replace(config, class_name, module, vocabulary=str(secret), max_tokens=None, num_oov_indices=1)
        del layer_of(config, "act")["config"]["dtype"]  # with a dtype, Keras 2 would reject it
        return config

    return edit


def _tar(config: Config, canary: Path) -> Config:
    archive = canary.with_name("a.tar")
    with tarfile.open(archive, "w") as tar:
        tar.addfile(tarfile.TarInfo(f"../../{canary.name}"), io.BytesIO())
    cache = str(canary.parent)
    more = {"origin": archive.as_uri(), "extract": True, "cache_dir": cache}
    return gadget(config, "keras.utils", "get_file", "a.tar", **more)


def _value(name: str) -> Attack:
    def edit(config: Config, canary: Path) -> Config:
        canary.with_name("hostile_module.py").write_text(f"open({str(canary)!r}, 'w').close()\n")
        entry = {"module": "hostile_module", "class_name": name, "config": {}, "registered_name": None}
        layer_of(config, "conv")["config"]["kernel_size"] = entry
        return config

    return edit


def _module_without_class(config: Config, canary: Path) -> Config:
    layer_of(config, "conv")["config"]["extra"] = {"module": "os", "config": "system"}
    return config


def _composite(config: Config, canary: Path) -> Config:
    text = json.dumps({"class_name": "TypeSpec", "type_spec": "tf.TensorSpec", "serialized": []})
    pair = {"class_name": "__tuple__", "items": ["COMPOSITE_TYPE", text]}
    layer_of(config, "act")["inbound_nodes"] = [[["_CONSTANT_VALUE", -1, pair, {}]]]
    return config


ATTACKS: dict[str, Attack] = {
    "CVE-2024-3660 Lambda with bytecode": lambda c, p: lambda_layer(c, f"touch {p}"),
    "CVE-2025-9905 Lambda without a module": lambda c, p: lambda_layer(c, f"touch {p}", None),
    "CVE-2025-1550 function of os": lambda c, p: gadget(c, "os", "system", f"touch {p}"),
    "CVE-2025-1550 function of pydoc": lambda c, p: gadget(c, "pydoc", "pipepager", f"touch {p}"),
    "CVE-2025-1550 class of subprocess": lambda c, p: replace(c, "Popen", "subprocess", args=["touch", str(p)]),
    "CVE-2025-1550 initializer": _initializer,
    "CVE-2025-1550 activation": _activation,
    "CVE-2025-8747 get_file": lambda c, p: gadget(c, "keras.utils", "get_file", str(p), origin="file:///etc/hostname"),
    "CVE-2025-8747 load_model": lambda c, p: gadget(c, "keras.models", "load_model", str(p), safe_mode=False),
    "CVE-2025-9906 enable_unsafe_deserialization": _unsafe_deserialization,
    "CVE-2025-12058 StringLookup": _vocabulary("StringLookup", "keras.layers"),
    "CVE-2025-12058 StringLookup as a metric": _vocabulary("StringLookup", "keras.metrics"),
    "CVE-2025-12058 TextVectorization as an initializer": _vocabulary("TextVectorization", "keras.initializers"),
    "CVE-2025-12058 IndexLookup": _vocabulary("IndexLookup", "keras.src.layers.preprocessing.index_lookup"),
    "CVE-2025-12060 get_file that unpacks": _tar,
    "CVE-2025-49655 TorchModuleWrapper": lambda c, p: replace(c, "TorchModuleWrapper", module="UEsDBA=="),
    "CVE-2026-1462 TFSMLayer": lambda c, p: replace(c, "TFSMLayer", filepath=str(p), call_endpoint="serve"),
    "function in place of a regularizer": _regularizer("deserialize", "keras.losses"),
    "type of TensorFlow": _regularizer("__typespec__", "keras.losses", spec_name="deserialize"),
    "class under another name": lambda c, p: replace(c, "ReLU") | {"registered_name": "Custom>SGD"},
    "compile_config": _compiled,
    "compile_config metric": _compiled_metric,
    "compile_config of a layer": _compiled_inside,
    "compile_config among settings": _compiled_in_settings,
    "build_config": _built,
    "argument of a call": _argument,
    "name of an activation": _activation_name,
    "module imported for a slice": _value("__slice__"),
    "module imported for a tensor": _value("__keras_tensor__"),
    "module without a class": _module_without_class,
    "composite tensor": _composite,
}


def refused(path: Path, canary: Path, **options: Any) -> str:
    """Return the error of ``convert`` and ``evaluate``, after reading the weights as ``train --weights`` does."""
    try:
        weight_arrays.read(path)  # reads only arrays, so it may succeed
    except BadModel as error:
        assert "\n" not in str(error)
    with pytest.raises(BadModel) as caught:
        open_keras(path)
    with pytest.raises(BadModel) as again:
        load(scan(path, LoadOptions(**options)))
    assert "\n" not in str(caught.value)
    assert str(again.value) == str(caught.value)
    assert not canary.exists()
    return str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_malicious_configurations_are_rejected_before_loading(
    bases: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, attack: str
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    canary = tmp_path / "canary"
    config = ATTACKS[attack](config_of(bases[kind]), canary)
    path = rewritten(bases[kind], tmp_path / f"m{_suffix(kind)}", config)
    assert refused(path, canary).startswith(f"{path}: ")
    assert "hostile_module" not in sys.modules
    with pytest.raises(BadModel):  # rejected by the scan alone
        scan(path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attack", ["compile_config", "compile_config metric", "compile_config of a layer"])
def test_training_settings_never_reach_keras_even_with_allow_code(
    bases: dict[str, Path], tmp_path: Path, kind: str, attack: str
) -> None:
    canary = tmp_path / "canary"
    config = ATTACKS[attack](config_of(bases[kind]), canary)
    training = json.dumps({"loss": hostile_loss(f"touch {canary}")})
    path = rewritten(bases[kind], tmp_path / f"m{_suffix(kind)}", config, training_config=training)
    load(scan(path, LoadOptions(allow_code=True)))
    assert not canary.exists()


@pytest.mark.parametrize("kind", ["h5-3", "h5-2"])
def test_malicious_training_config_of_an_h5_is_rejected(bases: dict[str, Path], tmp_path: Path, kind: str) -> None:
    canary = tmp_path / "canary"
    training = json.dumps({"loss": hostile_loss(f"touch {canary}")})
    path = rewritten(bases[kind], tmp_path / "m.h5", config_of(bases[kind]), training_config=training)
    assert "training settings (compile_config) is a Lambda layer" in refused(path, canary)


@pytest.mark.parametrize("kind", KINDS)
def test_allow_code_runs_the_lambda_layer_of_a_trusted_file(tmp_path: Path, kind: str) -> None:
    keras = backend.tf_keras() if _generation(kind) == 2 else backend.keras()
    source = classifier(keras, keras.layers.Lambda(lambda x: x * 2.0, name="act"))
    plain = tmp_path / f"plain{_suffix(kind)}"
    source.save(plain)
    canary = tmp_path / "canary"
    path = rewritten(plain, tmp_path / f"m{_suffix(kind)}", _compiled(config_of(plain), canary))
    with pytest.raises(BadModel, match="Lambda"):
        scan(path)
    model = load(scan(path, LoadOptions(allow_code=True))).keras
    pixels = np.random.default_rng(1).uniform(0, 255, (2, SIDE, SIDE, 3)).astype(np.float32)
    assert np.array_equal(np.asarray(model(pixels)), np.asarray(source(pixels)))
    assert not canary.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_allow_code_permits_only_pickled_code_of_the_file(bases: dict[str, Path], tmp_path: Path, kind: str) -> None:
    """Library functions are rejected even with --allow-code."""
    canary = tmp_path / "canary"
    for module, name in (("os", "system"), ("pydoc", "pipepager"), ("keras.utils", "get_file")):
        config = gadget(config_of(bases[kind]), module, name, f"touch {canary}")
        path = rewritten(bases[kind], tmp_path / f"m{_suffix(kind)}", config)
        with pytest.raises(BadModel, match="uses the custom function"):
            load(scan(path, LoadOptions(allow_code=True)))
    assert not canary.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_minimal_config_has_only_what_inference_needs(bases: dict[str, Path], kind: str) -> None:
    config = config_of(bases[kind])
    conv = layer_of(config, "conv")
    conv["config"] |= {"kernel_regularizer": {"class_name": "L2", "config": {"l2": 0.1}}, "bias_constraint": "non_neg"}
    made = minimal(config | {"compile_config": {"loss": "mse"}, "later": 1}, _generation(kind) == 2)
    text = json.dumps(made)
    for word in ("compile_config", "later", "mse", "L2", "non_neg", "Glorot"):
        assert word not in text
    assert json.dumps(layer_of(made, "conv")["config"]["kernel_initializer"]) == '"zeros"'
    assert minimal(made, _generation(kind) == 2) == made


def _external_storage(file: Any, secret: Path) -> None:
    file.create_dataset("extra", (20,), "u1", external=[(str(secret), 0, 20)])


def _external_link(file: Any, secret: Path) -> None:
    file["extra"] = h5py.ExternalLink(str(secret), "/")


def _virtual(file: Any, secret: Path) -> None:
    layout = h5py.VirtualLayout(shape=(4,), dtype="f4")
    layout[:] = h5py.VirtualSource(str(secret), "d", shape=(4,))
    file.create_virtual_dataset("extra", layout)


def _soft_link(file: Any, secret: Path) -> None:
    file["extra"] = h5py.SoftLink("/")


def _replaced_weights(file: Any, secret: Path) -> None:
    name = "model_weights" if "model_weights" in file else "layers"
    if name not in file:
        name = next(iter(file))
    del file[name]
    file[name] = h5py.ExternalLink(str(secret), "/")


def _shape_bomb(file: Any, secret: Path) -> None:
    file.create_dataset("extra", (1 << 40,), "f4", chunks=(1 << 20,), compression="gzip")


HDF5_ATTACKS = {
    "CVE-2026-1669 external storage": _external_storage,
    "CVE-2026-1669 external link": _external_link,
    "CVE-2026-1669 virtual data set": _virtual,
    "soft link": _soft_link,
    "external link in place of all weights": _replaced_weights,
    "CVE-2026-0897 claimed shape": _shape_bomb,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attack", HDF5_ATTACKS)
def test_external_and_oversized_weights_are_rejected(
    bases: dict[str, Path], tmp_path: Path, kind: str, attack: str
) -> None:
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["d"] = np.zeros(4, np.float32)
    source, path = bases[kind], tmp_path / f"m{_suffix(kind)}"
    inner = tmp_path / "inner.h5"
    with zipfile.ZipFile(source) if path.suffix == ".keras" else source.open("rb") as opened:
        inner.write_bytes(opened.read("model.weights.h5") if isinstance(opened, zipfile.ZipFile) else opened.read())
    with h5py.File(inner, "r+") as file:
        HDF5_ATTACKS[attack](file, secret)
    if path.suffix == ".h5":
        inner.rename(path)
    else:
        with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
            for name in old.namelist():
                new.writestr(name, inner.read_bytes() if name == "model.weights.h5" else old.read(name))
    said = refused(path, tmp_path / "canary")
    assert "must contain its weights" in said or "GiB of weights" in said
    with pytest.raises(BadModel):
        weight_arrays.read(path)


def test_archive_with_two_configurations_is_rejected(bases: dict[str, Path], tmp_path: Path) -> None:
    path = rewritten(bases["keras3"], tmp_path / "m.keras", config_of(bases["keras3"]))
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("config.json", json.dumps(_compiled(config_of(path), tmp_path / "canary")))
    assert "two entries with the same name" in refused(path, tmp_path / "canary")


@pytest.mark.parametrize(
    "command",
    [
        ("convert", "{model}", "--calibration", "{photos}"),
        ("evaluate", "{model}", "{photos}"),
        (
            "train",
            "{photos}",
            "--weights",
            "{model}",
            "--backbone",
            "mobilenet_v2",
            "--alpha",
            "0.35",
            "--head-method",
            "gradient",
        ),
    ],
    ids=["convert", "evaluate", "train"],
)
def test_commands_report_malicious_files_in_one_line(
    bases: dict[str, Path], tmp_path: Path, command: tuple[str, ...]
) -> None:
    canary = tmp_path / "canary"
    config = _compiled(config_of(bases["keras2"]), canary)
    path = rewritten(bases["keras2"], tmp_path / "m.keras", config)
    photos, images = tmp_path / "photos", ROOT / "calibration_images" / "rendered"
    for number, image in enumerate(sorted(images.iterdir())[:24]):
        folder = photos / ("even" if number % 2 == 0 else "odd")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(image, folder)
    done = edgevision(*(word.format(model=path, photos=photos) for word in command), cwd=tmp_path)
    assert not canary.exists()
    assert done.returncode == 1, done.stderr
    said = [
        line for line in done.stderr.strip().splitlines() if not line.endswith(" ...")
    ]  # without the progress of train
    assert len(said) == 1 and "m.keras" in said[0], done.stderr
