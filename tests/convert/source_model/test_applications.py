"""Published keras.applications networks: recognition by layers, preprocessing, full int8 conversion."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tensorflow", reason="needs the convert extra: pip install 'edgevision[convert]'")

from edgevision.convert import backend
from edgevision.convert.keras_files.scan import scan
from edgevision.convert.quantization.ptq import to_float, to_int8
from edgevision.convert.quantization.verify import verify
from edgevision.convert.source_model.float_model import make_float_model
from edgevision.convert.source_model.infer_preprocessing import InferredPreprocessing, infer_preprocessing
from edgevision.convert.source_model.infer_task import infer_task
from edgevision.convert.source_model.load import LoadedModel, load
from edgevision.convert.source_model.preprocessing_options import PreprocessingOptions

from edgevision.engines.interpreter import open_interpreter
from edgevision.errors import BadModel

SIDE = 96


@dataclass(frozen=True, slots=True)
class Family:
    """A network and the module whose ``preprocess_input`` defines its preprocessing."""

    builder: str
    module: str
    side: int = SIDE
    options: tuple[tuple[str, Any], ...] = ()


FAMILIES = (
    Family("MobileNet", "mobilenet", options=(("alpha", 0.25),)),
    Family("MobileNetV2", "mobilenet_v2", options=(("alpha", 0.35),)),
    Family("MobileNetV3Small", "mobilenet_v3"),
    Family("MobileNetV3Small", "mobilenet_v3", options=(("minimalistic", True),)),
    Family("EfficientNetB0", "efficientnet"),
    Family("EfficientNetV2B0", "efficientnet_v2"),
    Family("ResNet50", "resnet50"),
    Family("ResNet50V2", "resnet_v2"),
    Family("DenseNet121", "densenet"),
    Family("NASNetMobile", "nasnet", 224),
    Family("Xception", "xception"),
    Family("InceptionV3", "inception_v3"),
    Family("InceptionResNetV2", "inception_resnet_v2"),
    Family("VGG16", "vgg16"),
)
QUICK = ("MobileNet", "MobileNetV2")
AS_SAVED_MODEL = (*QUICK, "MobileNetV3Small", "EfficientNetB0")


def fed(keras: Any, family: Family, pixels: np.ndarray) -> np.ndarray:
    """Apply the network's own preprocess_input."""
    module = getattr(keras.applications, family.module)
    return np.asarray(module.preprocess_input(pixels.astype(np.float32).copy()))


def built(keras: Any, family: Family) -> Any:
    """Build the network with its ImageNet top and random weights."""
    keras.utils.set_random_seed(4)
    shape = (family.side, family.side, 3)
    return getattr(keras.applications, family.builder)(
        weights=None, input_shape=shape, classes=1000, **dict(family.options)
    )


def some_pixels(family: Family) -> np.ndarray:
    return np.random.default_rng(6).integers(0, 256, (2, family.side, family.side, 3)).astype(np.uint8)


def compare(loaded: LoadedModel, inferred: InferredPreprocessing, pixels: np.ndarray, wanted: np.ndarray) -> None:
    """Check that the float file has the network's scores and that the int8 file is fully int8."""
    model = make_float_model(loaded, inferred)
    interpreter = open_interpreter(to_float(model))
    found = np.stack([interpreter.infer(model.normalize(one)[np.newaxis])[0][0] for one in pixels])
    interpreter.close()
    assert found == pytest.approx(wanted, rel=2e-2, abs=2e-5)
    verify(to_int8(model, lambda: pixels), model.preprocessing)


def identity(family: Family) -> str:
    return f"{family.builder}{'-' if family.options else ''}{'-'.join(name for name, _ in family.options)}"


@pytest.mark.parametrize("generation", ["keras3", pytest.param("keras2", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "family",
    [pytest.param(one, marks=() if one.builder in QUICK else pytest.mark.slow, id=identity(one)) for one in FAMILIES],
)
def test_published_network_gets_its_training_preprocessing(family: Family, generation: str, tmp_path: Path) -> None:
    keras = backend.keras() if generation == "keras3" else backend.tf_keras()
    source, pixels = built(keras, family), some_pixels(family)
    path = tmp_path / ("m.keras" if generation == "keras3" else "m.h5")
    source.save(path)
    wanted = np.asarray(source(fed(keras, family, pixels), training=False))
    loaded = load(scan(path))
    inferred = infer_preprocessing(loaded.scan.config, pixels.shape[1:], loaded.outputs)
    assert infer_task(loaded.scan.config, 1000).activation == "softmax"
    assert (inferred.preprocessing.resize, inferred.preprocessing.crop_fraction) == ("crop", 0.875)
    compare(loaded, inferred, pixels, wanted)


@pytest.mark.slow
@pytest.mark.parametrize("generation", ["keras3", "keras2"])
@pytest.mark.parametrize("family", [one for one in FAMILIES if one.builder in AS_SAVED_MODEL], ids=identity)
def test_published_network_as_saved_model(family: Family, generation: str, tmp_path: Path) -> None:
    """A SavedModel has no layer names: its operators determine the preprocessing, otherwise the options do."""
    keras = backend.keras() if generation == "keras3" else backend.tf_keras()
    source, pixels = built(keras, family), some_pixels(family)
    source.export(str(tmp_path / "m"))
    wanted = np.asarray(source(fed(keras, family, pixels), training=False))
    loaded = load(scan(tmp_path / "m"))
    if family.builder in QUICK:
        with pytest.raises(BadModel, match="cannot determine how the model's images must be normalized"):
            infer_preprocessing(loaded.scan.config, pixels.shape[1:], loaded.outputs)
    options = PreprocessingOptions(mean=(127.5,), std=(127.5,)) if family.builder in QUICK else None
    inferred = infer_preprocessing(loaded.scan.config, pixels.shape[1:], loaded.outputs, options=options)
    compare(loaded, inferred, pixels, wanted)
