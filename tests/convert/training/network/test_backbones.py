"""Backbones and initial weights: splitting, folding, loading by layer name, one-line errors for mismatches."""

from __future__ import annotations

import http.server
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edgevision.convert.training.network.backbones import BACKBONES, BackboneSpec, find

from edgevision.errors import BadInput, BadModel, EdgeVisionError, MissingFile, UnknownName

pytestmark = pytest.mark.tensorflow
SMALL = BackboneSpec("mobilenet_v2", 32, 0.35)
LARGER = ("efficientnet_lite1", "efficientnet_lite2", "mobilenet_v4_medium")
"""Networks of the same blocks as a smaller one."""


def _network(choice: BackboneSpec, weights: str = "none") -> Any:
    from edgevision.convert.training.network.head import goal_of
    from edgevision.convert.training.network.network import open_network

    return open_network(choice, goal_of(("a", "b", "c"), False), weights, 0.1)


def _shake(model: Any, seed: int = 1) -> None:
    """Give batch normalization the statistics of a trained network."""
    random = np.random.default_rng(seed)
    for variable in model.variables:
        if variable.path.endswith(("gamma", "moving_variance")):
            variable.assign(random.uniform(0.5, 2.0, variable.shape))
        elif variable.path.endswith(("beta", "moving_mean", "bias")):
            variable.assign(random.normal(0, 0.3, variable.shape))


def _pictures(choice: BackboneSpec, count: int = 3) -> Any:
    return np.random.default_rng(0).uniform(-1, 1, (count, choice.image_size, choice.image_size, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    """The small network with another top as .h5 and .keras, and the arrays of its backbone."""
    network = _network(SMALL)
    _shake(network.backbone)
    folder = tmp_path_factory.mktemp("weights")
    network.deployed.save(folder / "model.h5")
    network.deployed.save(folder / "model.keras")
    network.backbone.save_weights(folder / "only.weights.h5")
    return folder, network.backbone.get_weights()


@pytest.mark.parametrize("name", [name for name in BACKBONES if name not in LARGER])
def test_every_backbone_can_be_built_split_and_folded(name: str) -> None:
    """The two parts together equal the whole, and folding does not change the result."""
    from edgevision.convert.training.network.backbones import CNN
    from edgevision.convert.training.network.bn_folding import folded

    row = find(name)
    choice = BackboneSpec(name, 32, row.alphas[0] if row.alphas else 1.0, cnn_filters=(4, 8), cnn_dense=8)
    network = _network(choice)
    _shake(network.backbone)
    x = _pictures(choice)
    whole = np.asarray(network.backbone(x, training=False))
    np.testing.assert_allclose(
        np.asarray(folded(network.backbone)(x)), whole, rtol=1e-3, atol=1e-4 * np.abs(whole).max()
    )
    if name == CNN:
        return
    sizes = []
    for blocks in (1, 1000):  # of 1000, all that there are
        lower, upper = network.cut(blocks)
        np.testing.assert_array_equal(np.asarray(upper(lower(x, training=False), training=False)), whole)
        sizes.append(len(upper.trainable_variables))
    assert 0 < sizes[0] < sizes[1] < len(network.backbone.trainable_variables)


def test_folding_removes_all_batch_normalization_layers() -> None:
    from edgevision.convert.training.network.bn_folding import folded

    plain = _network(SMALL).backbone
    left = [layer for layer in folded(plain).layers if layer.weights]
    norms = [layer for layer in plain.layers if type(layer).__name__ == "BatchNormalization"]
    assert len(norms) == 52
    assert len(left) == len([layer for layer in plain.layers if layer.weights]) - len(norms)


@pytest.mark.parametrize("file", ["model.h5", "model.keras", "only.weights.h5"])
def test_weights_are_matched_by_layer_name(saved: tuple[Path, list[Any]], file: str) -> None:
    folder, arrays = saved
    network = _network(BackboneSpec("mobilenet_v2", 64, 0.35), str(folder / file))
    for got, expected in zip(network.backbone.get_weights(), arrays, strict=True):
        np.testing.assert_array_equal(got, expected)
    assert network.origin.name == file


def test_error_names_the_backbone_of_mismatched_weights(saved: tuple[Path, list[Any]]) -> None:
    folder, _ = saved
    with pytest.raises(
        BadModel, match=r"has the weights of a mobilenet_v2 0.35; add --backbone mobilenet_v2 --alpha 0.35"
    ):
        _network(BackboneSpec("mobilenet", 32, 0.25), str(folder / "model.h5"))
    with pytest.raises(BadModel, match=r"matches only \d+ of the 104 layers of mobilenet_v2 1, 32x32"):
        _network(BackboneSpec("mobilenet_v2", 32, 1.0), str(folder / "model.keras"))


def test_files_without_weights_are_rejected(tmp_path: Path) -> None:
    text = tmp_path / "labels.txt"
    text.write_text("cat\ndog\n")
    with pytest.raises(BadModel, match="does not contain Keras weights"):
        _network(SMALL, str(text))
    with pytest.raises(MissingFile):
        _network(SMALL, str(tmp_path / "none.h5"))
    with pytest.raises(BadInput, match="got 'imagnet'"):
        _network(SMALL, "imagnet")
    cut = tmp_path / "cut.h5"
    cut.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(BadModel):
        _network(SMALL, str(cut))


@pytest.mark.parametrize(
    ("choice", "error", "said"),
    [
        (
            BackboneSpec("mobilenet_v2", 100),
            BadInput,
            "needs a multiple of 32; try --image-size 96",
        ),
        (BackboneSpec("efficientnet_lite2", 262), BadInput, "needs a multiple of 4; try --image-size 264"),
        (BackboneSpec("efficientnet_lite0", 64, 0.5), BadInput, "has one width only; omit --alpha"),
        (BackboneSpec("cnn", 4, cnn_filters=(4, 8, 16)), BadInput, "--image-size 8 or more"),
        (BackboneSpec("mobilenet_v5", 96), UnknownName, "did you mean 'mobilenet"),
    ],
)
def test_impossible_choices_are_rejected(choice: BackboneSpec, error: type[EdgeVisionError], said: str) -> None:
    from edgevision.convert.training.network.backbones import build

    with pytest.raises(error, match=said):
        build(choice)


class _Weights(http.server.BaseHTTPRequestHandler):
    """Serves one file for every request."""

    content = b""

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(self.content)

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def keras_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Keras cache, with no proxy configured for the loopback."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "home" / "models").mkdir(parents=True)
    return tmp_path / "home" / "models"


@pytest.fixture
def server() -> Iterator[tuple[str, type[_Weights]]]:
    """Local server for the ImageNet weights."""
    handler = type("Handler", (_Weights,), {})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{made.server_address[1]}/", handler
        made.shutdown()
        thread.join()


def _serve_from(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    monkeypatch.setattr(sys.modules[keras.applications.MobileNetV2.__module__], "BASE_WEIGHT_PATH", url)


def test_imagenet_weights_are_downloaded_once(
    keras_home: Path, server: tuple[str, type[_Weights]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, handler = server
    source = _network(SMALL).backbone
    _shake(source)
    source.save_weights(tmp_path / "x.weights.h5")
    legacy = tmp_path / "legacy.h5"
    source.save(legacy)
    handler.content = legacy.read_bytes()
    _serve_from(url, monkeypatch)
    first = _network(BackboneSpec("mobilenet_v2", 96, 0.35), "imagenet")
    (cached,) = keras_home.iterdir()
    assert cached.name == "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96_no_top.h5"
    _serve_from("http://127.0.0.1:9/", monkeypatch)
    again = _network(BackboneSpec("mobilenet_v2", 96, 0.35), "imagenet")
    for network in (first, again):
        for got, expected in zip(network.backbone.get_weights(), source.get_weights(), strict=True):
            np.testing.assert_array_equal(got, expected)


def test_missing_network_error_is_one_line_with_alternatives(keras_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _serve_from("http://127.0.0.1:9/", monkeypatch)
    with pytest.raises(BadInput) as caught:
        _network(SMALL, "imagenet")
    said = str(caught.value)
    assert "\n" not in said
    assert "0.35_224_no_top.h5" in said
    assert "--weights none" in said
    assert str(keras_home) in said


def test_silent_server_times_out(keras_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgevision.convert.training.network import initial_weights

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert initial_weights.unreachable(f"http://127.0.0.1:{silent.getsockname()[1]}/", 0.2) is not None


def test_widths_without_published_weights_are_rejected(keras_home: Path) -> None:
    with pytest.raises(BadInput, match=r"with --alpha 0.4; use --alpha 0.35, 0.5"):
        _network(BackboneSpec("mobilenet_v2", 96, 0.4), "imagenet")
    with pytest.raises(BadInput, match="for mobilenet_v4_small; give --weights"):
        _network(BackboneSpec("mobilenet_v4_small", 32), "imagenet")
    with pytest.raises(BadInput, match="for cnn; give"):
        _network(BackboneSpec("cnn", 32, cnn_filters=(4,)), "imagenet")


@pytest.mark.parametrize(
    ("name", "parameters"), [("mobilenet_v4_small", 3_774_024), ("mobilenet_v4_medium", 9_715_512)]
)
def test_mobilenet_v4_has_the_published_number_of_parameters(name: str, parameters: int) -> None:
    """With a top of 1,000 classes; the moving averages of the batch normalization are not parameters."""
    from edgevision.convert.training.network.backbones import build
    from edgevision.convert.training.network.initial_weights import recognise

    network = build(BackboneSpec(name, 32))
    assert sum(int(np.prod(w.shape)) for w in network.trainable_weights) == parameters - 1_281_000
    assert recognise({layer.name: layer.get_weights() for layer in network.layers}) == (name, 1.0)


def test_gray_network_computes_what_the_color_network_computes_for_gray_images(saved: tuple[Path, list[Any]]) -> None:
    folder, arrays = saved
    color, gray = _network(SMALL), _network(replace(SMALL, channels=1), str(folder / "model.keras"))
    color.backbone.set_weights(arrays)
    images = _pictures(SMALL)[..., :1]
    expected = np.asarray(color.backbone(np.repeat(images, 3, axis=3), training=False))
    np.testing.assert_allclose(np.asarray(gray.backbone(images, training=False)), expected, rtol=1e-3, atol=1e-4)


def test_starter_weights_fit_a_gray_network() -> None:
    choice = BackboneSpec("mobilenet_v2", 32, 0.35)
    color, gray = _network(choice, "starter"), _network(replace(choice, channels=1), "starter")
    assert gray.origin == color.origin
    kernels = [network.backbone.get_layer("Conv1").get_weights()[0] for network in (color, gray)]
    np.testing.assert_allclose(kernels[1], kernels[0].sum(axis=2, keepdims=True), rtol=1e-6)


def test_two_channels_are_refused() -> None:
    with pytest.raises(BadInput, match=r"--channels must be 1 \(gray\) or 3 \(color\), got 2"):
        _network(replace(SMALL, channels=2))
