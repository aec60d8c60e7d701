"""Allow-list for Keras model files: Keras' own computing classes, and nothing that carries or runs code.

Deliberately excluded Keras classes: Lambda (pickled code); TFSMLayer, TorchModuleWrapper, JaxLayer and FlaxLayer
(foreign code); the lookup and text layers (they open files named in the model file); recurrent layers (not needed for
single images).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any

MODELS = frozenset({"Functional", "Sequential", "Model"})
_LAYERS = """
InputLayer Identity Dense EinsumDense Embedding Masking
Activation ReLU LeakyReLU PReLU ELU Softmax
Conv1D Conv2D DepthwiseConv1D DepthwiseConv2D SeparableConv1D SeparableConv2D Conv2DTranspose
AveragePooling1D AveragePooling2D MaxPooling1D MaxPooling2D
GlobalAveragePooling1D GlobalAveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D
AdaptiveAveragePooling2D AdaptiveMaxPooling2D
BatchNormalization GroupNormalization LayerNormalization UnitNormalization RMSNormalization SpectralNormalization
Normalization Rescaling Resizing CenterCrop
Add Average Concatenate Dot Maximum Minimum Multiply Subtract
Flatten Permute Reshape RepeatVector
Cropping1D Cropping2D ZeroPadding1D ZeroPadding2D UpSampling1D UpSampling2D
ActivityRegularization AlphaDropout Dropout GaussianDropout GaussianNoise SpatialDropout1D SpatialDropout2D
AdditiveAttention Attention MultiHeadAttention GroupQueryAttention
AugMix AutoContrast CutMix Equalization MaxNumBoundingBoxes MixUp Pipeline RandAugment
RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop RandomElasticTransform
RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective
RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom
Solarization
"""
LAYERS = frozenset(_LAYERS.split())
"""Layers by class name; legacy ``.h5`` configs record only the name."""
_OPERATIONS = """
Abs Absolute Add AdaptiveAveragePool AdaptiveMaxPool Amax Amin AveragePool BatchNorm BroadcastTo Cast Clip
Concatenate Conv ConvertToTensor DepthToSpace DepthwiseConv Divide Dot Einsum Elu Exp ExpandDims Flip Gelu GetItem
HardSigmoid HardSilu HardTanh LayerNorm LeakyRelu Log LogSoftmax Matmul Max MaxPool Maximum Mean Min Minimum
Moveaxis Multiply Negative Normalize Pad Power RGBToGrayscale Reciprocal Relu Relu6 Repeat Reshape Resize Rsqrt
SeparableConv Selu Sigmoid Silu Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Square Squeeze Stack
StopGradient Subtract Sum Swapaxes Tanh Tile Transpose TrueDivide Unstack
"""
OPERATIONS = frozenset(_OPERATIONS.split())
"""Operators from ``keras.ops`` functions in a functional model."""
VALUES = frozenset({"__keras_tensor__", "__tensor__", "__numpy__", "__ellipsis__", "__slice__", "slice", "__bytes__"})
"""Markers that Keras writes for plain values."""
_FUNCTIONS = """
celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear log_sigmoid
log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid
sparsemax squareplus swish tanh tanh_shrink threshold
"""
FUNCTIONS = frozenset(_FUNCTIONS.split())
"""Activation functions by name."""
ACTIVATION_LAYERS = frozenset({"ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax", "ThresholdedReLU"})
"""Layers whose names Keras 2 accepts as activation functions."""
NUMBER_TYPES = frozenset(
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 bfloat16 float16 float32 float64".split()
)
"""Allowed data types of constants; text types could allocate any amount of memory."""
_LEGACY_HELPERS = """
Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity LecunNormal LecunUniform Ones Orthogonal
RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros
L1 L2 L1L2 OrthogonalRegularizer MaxNorm MinMaxNorm NonNeg UnitNorm DTypePolicy
"""
LEGACY_HELPERS = frozenset(_LEGACY_HELPERS.split())
"""Initializers, regularizers, constraints and dtypes by class name only, as in a legacy ``.h5`` config."""
_INITIALIZERS = """
Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer LecunNormal LecunUniform Ones
Orthogonal OrthogonalInitializer RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros
"""
HELPERS = {
    "keras.initializers": frozenset(_INITIALIZERS.split()),
    "keras.regularizers": frozenset({"L1", "L2", "L1L2", "OrthogonalRegularizer"}),
    "keras.constraints": frozenset({"MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"}),
    "keras": frozenset({"DTypePolicy"}),
    "keras.dtype_policies": frozenset({"DTypePolicy", "FloatDTypePolicy", "DTypePolicyMap"}),
    "keras.random": frozenset({"SeedGenerator"}),
}
"""Module -> classes that only hold settings. All classes are listed, because readers of ``.h5`` files look up a class by
its name only, whatever module the file names."""
OPERATOR_MODULES = tuple(f"keras.src.ops.{name}" for name in ("numpy", "nn", "core", "image", "math"))
"""Modules of Keras 3 that define the operator classes."""
LAYER_MODULES = frozenset({"keras", "keras.layers", "keras.models", "keras.src.models.functional"})
KERAS_2_LAYERS = frozenset(
    {"RandomHeight", "RandomWidth", "ThresholdedReLU", "SyncBatchNormalization", "BatchNormalizationV1"}
)
"""Layers that exist only in Keras 2."""
KERAS_2_ENGINE = r"(tf_)?keras(\.src)?\.engine\.(functional|sequential|training)"
KERAS_2_OPERATOR_MODULE = r"(tf_)?keras(\.src)?\.layers\.core\.tf_op_layer"
KERAS_2_INITIALIZERS = "tensorflow.python.ops.init_ops_v2"
"""TensorFlow's own initializers, which EfficientNetV2 of Keras 2 uses."""
KERAS_2_OPERATORS = frozenset({"TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"})
"""Layers that Keras 2 wrote for TensorFlow functions in a functional model; each names its function."""
_TF_FUNCTIONS = """
math.abs math.add math.add_n math.divide math.exp math.log math.maximum math.minimum math.multiply math.negative math.pow
math.reciprocal math.reduce_max math.reduce_mean math.reduce_min math.reduce_sum math.rsqrt math.sigmoid math.sqrt
math.square math.squared_difference math.subtract math.tanh math.truediv math.l2_normalize math.softplus linalg.matmul
math.floordiv compat.v1.floor_div cast compat.v1.transpose transpose reshape expand_dims compat.v1.expand_dims squeeze
compat.v1.squeeze concat stack unstack split compat.v1.split slice strided_slice pad compat.v1.pad tile repeat
broadcast_to reverse identity shape compat.v1.shape zeros_like ones_like convert_to_tensor clip_by_value stop_gradient
nn.avg_pool2d nn.bias_add nn.convolution nn.depth_to_space nn.elu nn.gelu nn.leaky_relu nn.max_pool2d nn.relu nn.relu6
nn.sigmoid nn.silu nn.softmax nn.space_to_depth nn.swish
image.resize image.rgb_to_grayscale image.grayscale_to_rgb compat.v1.image.resize_bilinear
__operators__.add __operators__.getitem __operators__.truediv __operators__.mul __operators__.sub __operators__.neg
"""
TF_FUNCTIONS = frozenset(_TF_FUNCTIONS.split())
"""TensorFlow functions that only compute, by public name; ``io`` and similar ones are excluded."""
TF_OPS = frozenset("Add AddV2 BiasAdd Cast Identity Maximum Minimum Mul RealDiv Relu Relu6 Sigmoid Softmax Sub".split())
"""TensorFlow operators that Keras before 2.4 wrote directly."""
CODE = {
    "Lambda": "carries pickled Python code, which is never run",
    "__lambda__": "carries pickled Python code, which is never run",
    "TFSMLayer": "runs a SavedModel from another file, which is never loaded",
    "TorchModuleWrapper": "carries pickled Torch code, which is never run",
    "JaxLayer": "runs foreign code, which is never loaded",
    "FlaxLayer": "runs foreign code, which is never loaded",
}
"""Classes with a specific reason for rejection."""


PICKLED = ("Lambda", "__lambda__")
"""Classes that ``--allow-code`` permits."""


def refusal(entry: dict[str, object], keras_2: bool = False, allow_code: bool = False) -> str | None:
    """Return why a serialized object (a JSON object with ``class_name``) must not be loaded, or None if it may be.

    ``keras_2``: the file predates Keras 3. ``allow_code``: the user trusts the Python code in the file.
    """
    name = entry.get("class_name")
    if not isinstance(name, str):
        return f"has a class name that is not text: {name!r}"
    if name in CODE:
        return None if allow_code and name in PICKLED else f"{_kind(name)} and {CODE[name]}"
    if name in VALUES:
        return _value(name, entry)
    registered = entry.get("registered_name")
    if registered not in (None, "", name) and name != "function":
        return f"is of the custom class {registered!r}, whose code is not in the file"
    if name == "function":
        return _function(entry.get("config"), entry.get("module"))
    custom = _custom_activation(entry.get("config"))
    if custom is not None:
        return custom
    module = entry.get("module")
    if module is not None and not isinstance(module, str):
        return f"has a module that is not text: {module!r}"[:200]
    if keras_2 and name in KERAS_2_OPERATORS:
        return _keras_2_operator(name, entry.get("config"), module)
    if keras_2 and _known_keras_2(module, name):
        return None
    if module is None:
        return None if not keras_2 and is_operator(entry) else _legacy(name)
    return None if _known(str(module), name) else _unknown(f"{module}.{name}")


def _kind(name: str) -> str:
    return "is a lambda function" if name == "__lambda__" else f"is a {name} layer"


def _function(function: object, module: object) -> str | None:
    if isinstance(function, str) and function in FUNCTIONS and module in (None, "builtins", "keras.activations"):
        return None
    return f"uses the custom function {function!r}, whose code is not in the file"


def _custom_activation(config: object) -> str | None:
    """Return why an activation must not be loaded, or None: Keras accepts the name of any function of a module."""
    for key, value in config.items() if isinstance(config, dict) else ():
        if str(key).endswith("activation") and isinstance(value, str) and value not in FUNCTIONS | ACTIVATION_LAYERS:
            return _function(value, None)
    return None


def _value(name: str, entry: dict[str, object]) -> str | None:
    """Return why a plain value must not be loaded, or None: if it has a module, Keras 2 imports that as for a class."""
    config = entry.get("config")
    if entry.get("module") not in (None, "builtins") or entry.get("registered_name") not in (None, name):
        return _unknown(f"{entry.get('module')}.{name}")
    kind = config.get("dtype") if isinstance(config, dict) and name in ("__tensor__", "__numpy__") else None
    known = kind is None or (isinstance(kind, str) and kind in NUMBER_TYPES)
    return None if known else f"contains a constant of the type {kind!r}"[:200] + "; only numbers are supported"


def training_refusal(entry: dict[str, object]) -> str | None:
    """Return why an object in the training settings is rejected, or None.

    Training settings are never loaded, so custom losses and metrics are accepted; only what no training needs is
    rejected.
    """
    name, module = str(entry.get("class_name")), str(entry.get("module"))
    if name in CODE and name != "__lambda__":
        return _kind(name)
    if module.partition(".")[0] in sys.stdlib_module_names - {"builtins"}:
        shown = f"{module}.{entry.get('config') if name == 'function' else name}"
        return f"is {shown}" if shown.isprintable() and len(shown) < 100 else f"is {shown[:100]!r}"
    return None


def _known(module: str, name: str) -> bool:
    if module in LAYER_MODULES and (name in LAYERS or name in MODELS):
        return True
    if module == "keras.src.models.sequential":
        return name == "Sequential"
    if module in OPERATOR_MODULES:
        return name in OPERATIONS
    return name in HELPERS.get(module, ())


def _known_keras_2(module: object, name: str) -> bool:
    if module is None or module in LAYER_MODULES:
        return name in KERAS_2_LAYERS or name in ("Policy", "__tuple__", "TensorShape")
    if re.fullmatch(KERAS_2_ENGINE, str(module)):
        return name in MODELS
    if module == KERAS_2_INITIALIZERS:
        return name in LEGACY_HELPERS
    return name == "Policy" and module == "keras.mixed_precision"


def _keras_2_operator(name: str, config: object, module: object) -> str | None:
    """Return why a TensorFlow function layer of Keras 2 must not be loaded, or None if its function is allowed."""
    settings = config if isinstance(config, dict) else {}
    if module is not None and not re.fullmatch(KERAS_2_OPERATOR_MODULE, str(module)):
        return _unknown(f"{module}.{name}")
    if name == "TensorFlowOpLayer":
        node = settings.get("node_def")
        op = node.get("op") if isinstance(node, dict) else None
        return None if op in TF_OPS else f"runs the TensorFlow operator {op!r}, which is not on the list of safe ones"
    function = settings.get("function")
    if isinstance(function, str) and function in TF_FUNCTIONS:
        return None
    return f"calls the TensorFlow function {function!r}, which is not on the list of safe ones"


def is_operator(entry: Mapping[str, Any]) -> bool:
    """Return whether an object of a Keras 3 ``.h5`` is an operator; its name may be that of a layer (Add, Multiply).

    Only an ``.h5`` omits the module of an operator. Layers always write their dtype, operators do not.
    """
    config = entry.get("config")
    known = entry.get("class_name") in OPERATIONS and entry.get("module") is None
    is_named_like_layer = entry.get("class_name") in LAYERS  # Cast writes the dtype, but is not a layer
    return (
        known
        and "inbound_nodes" in entry
        and isinstance(config, dict)
        and ("dtype" not in config or not is_named_like_layer)
    )


def _legacy(name: str) -> str | None:
    """Return why a class of an ``.h5``, known only by name, must not be loaded, or None if it may be."""
    return None if name in LAYERS or name in MODELS or name in LEGACY_HELPERS else _unknown(name)


def _unknown(name: str) -> str:
    shown = name if name.isprintable() and len(name) < 100 else repr(name[:100])
    return f"is of the class {shown}, which is not on the list of layers that are known to be safe and convertible"
