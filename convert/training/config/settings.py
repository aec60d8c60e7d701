"""Training settings: options of ``edgevision train`` and keys of its config.toml."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import get_args

from edgevision.preprocessing.spec import Resize
from edgevision.settings import MAX_PIXELS, SEED, setting, settings_of

from . import duration, share
from .augmentation import FLIPS, PRESETS, Augmentation

SECTIONS = {"data": "Data", "model": "Model", "training": "Training", "augment": "Augmentation", "output": "Output"}
"""Section of config.toml -> heading in the help."""
BACKBONE_NAMES = (
    "auto",
    "mobilenet_v2",
    "mobilenet",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "efficientnet_lite0",
    "efficientnet_lite1",
    "efficientnet_lite2",
    "mobilenet_v4_small",
    "mobilenet_v4_medium",
    "cnn",
)
BOXES, POINTS = "boxes", "points"
"""What a detector finds."""
_RATE = {"low": 0.0, "high": 10.0}
_AMOUNT = {"low": 0.0, "high": 0.9, "auto": True}


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """Settings of a training; None means ``auto``, chosen by the data and the machine."""

    task: str = setting(
        "auto",
        "choice",
        "auto: a classifier, or a detector if the photos have boxes. anomaly: find what is unlike photos of good things.",
        "Model",
        choices=("auto", "anomaly"),
    )
    backbone: str = setting(
        "auto",
        "choice",
        "Network to train; auto: efficientnet_lite0 if its weights are installed and nothing else is asked for, otherwise "
        "mobilenet_v2.",
        "Model",
        choices=BACKBONE_NAMES,
        metavar="NAME",
    )
    alpha: float | None = setting(
        None,
        "float",
        "Width multiplier of the network; auto: that of the starter weights or the weights file, otherwise 1.",
        "Model",
        low=0.1,
        high=2.0,
        auto=True,
    )
    image_size: int | None = setting(
        None,
        "int",
        "Side of the square input in pixels; auto: the backbone's default.",
        "Model",
        low=8,
        high=1024,
        auto=True,
    )
    channels: int = setting(
        3, "int", "Channels of the input: 3 for color, or 1 for gray, as small cameras give it.", "Model", low=1, high=3
    )
    minimalistic: bool = setting(
        True, "flag", "Use MobileNetV3 without hard-swish and squeeze blocks, which are slow on int8 hardware.", "Model"
    )
    weights: str = setting(
        "auto",
        "text",
        "Initial weights: auto (imagenet if installed, cached or reachable, otherwise starter), imagenet, starter, none, or a "
        ".h5 or .keras file.",
        "Model",
        metavar="NAME|FILE",
    )
    from_run: str | None = setting(
        None,
        "text",
        "Continue from a deployed model: the run folder of its training, its .keras, or its .tflite. Its network, labels and "
        "test images stay; a result that is worse is refused with exit code 3.",
        "Model",
        auto=True,
        key="from",
        metavar="RUN",
        default_text="none",
    )
    resize: Resize | None = setting(
        None,
        "choice",
        "How to make images square: crop to the center, stretch the whole image, or letterbox it with a border; auto: crop "
        "for a classifier, stretch for a detector.",
        "Model",
        choices=get_args(Resize),
        auto=True,
    )
    head: str | None = setting(
        None,
        "choice",
        "What is found in photos with boxes: boxes, or points, which have no size but cost a fraction; auto: boxes.",
        "Model",
        choices=(BOXES, POINTS),
        auto=True,
    )
    cell_size: int | None = setting(
        None,
        "int",
        "Side of a cell in pixels of the input, at most one thing a cell: 4, 8, 16 or 32 (--head points only); auto: 8.",
        "Model",
        low=4,
        high=32,
        auto=True,
    )
    dropout: float = setting(0.2, "float", "Dropout rate before the last layer.", "Model", low=0.0, high=0.9)
    cnn_filters: tuple[int, ...] = setting(
        (32, 64, 128), "ints", "Filters of each convolution block (cnn only).", "Model", low=1, high=4096
    )
    cnn_dense: int = setting(128, "int", "Units of the dense layer (cnn only).", "Model", low=1, high=8192)

    quality: str = setting(
        "good",
        "choice",
        "How much to train: fast, only the last layer; good, all of it; best, with several settings of which the best on the "
        "validation images is kept, within an hour (needs Optuna).",
        "Training",
        choices=("fast", "good", "best"),
    )
    head_method: str = setting(
        "auto",
        "choice",
        "How to train the last layer: linear, fitted in one step on the frozen network and cross-validated, or by gradient "
        "in epochs; auto: linear for few photos (more of them with the starter weights).",
        "Training",
        choices=("auto", "linear", "gradient"),
    )
    head_epochs: int | None = setting(
        None,
        "int",
        "Epochs of the first phase, which trains only the last layer.",
        "Training",
        low=0,
        high=10_000,
        auto=True,
    )
    epochs: int | None = setting(
        None,
        "int",
        "Epochs of the second phase, which also trains the blocks of the network, or of training from scratch.",
        "Training",
        low=0,
        high=10_000,
        auto=True,
    )
    time_s: float | None = setting(
        None,
        "text",
        "Limit of the time of a training (classifiers), such as 10min or 1h; auto: none if --epochs is given, else 10min, and 1h "
        "for --quality best.",
        "Training",
        key="time",
        parse=duration.parse,
        unparse=duration.unparse,
        form=duration.FORM,
        auto=True,
        metavar="TIME",
    )
    fine_tune_blocks: int | None = setting(
        None,
        "int",
        "Number of top blocks to train in the second phase; auto: all, or with features once those that fit; 0: none.",
        "Training",
        low=0,
        high=100,
        auto=True,
    )
    teacher: str = setting(
        "auto",
        "text",
        "Larger network whose answers a classifier learns: efficientnet_lite0 (installed, for networks of up to half its size), a "
        "model.keras of edgevision train with the same classes, or none; auto: efficientnet_lite0 for the starter weights if there "
        "are at least as many photos without labels (_unlabelled) as with.",
        "Training",
        metavar="NAME|FILE",
    )
    batch_size: int | None = setting(None, "int", "Images per training step.", "Training", low=1, high=4096, auto=True)
    head_rate: float = setting(0.001, "float", "Learning rate of the first phase.", "Training", **_RATE)
    learning_rate: float | None = setting(
        None,
        "float",
        "Learning rate of the second phase, or of training from scratch.",
        "Training",
        **_RATE,
        auto=True,
        old_names=("rate",),
    )
    layer_decay: float | None = setting(
        None,
        "float",
        "Factor of the learning rate from each block to the one below it, as the network is fine-tuned; auto: 1, the same rate "
        "for all.",
        "Training",
        low=0.1,
        high=1.0,
        auto=True,
    )
    schedule: str = setting(
        "cosine", "choice", "Learning rate schedule of each phase.", "Training", choices=("cosine", "constant")
    )
    weight_decay: float = setting(
        0.0001, "float", "Weight decay of the kernels (AdamW).", "Training", low=0.0, high=1.0
    )
    label_smoothing: float = setting(
        0.1, "float", "Share of each target that is spread over all classes.", "Training", low=0.0, high=0.9
    )
    patience: int | None = setting(
        None,
        "int",
        "Epochs without an improved validation loss after which a phase stops.",
        "Training",
        low=1,
        high=10_000,
        auto=True,
    )
    class_weights: str = setting(
        "auto",
        "choice",
        "Weight rare classes higher; auto: if one class has twice as many images as another.",
        "Training",
        choices=("auto", "balanced", "none"),
    )
    features: str = setting(
        "auto",
        "choice",
        "Fine-tune on images augmented differently in each epoch (live), or only the top blocks on features computed once over "
        "augmented copies, which is faster; auto: live.",
        "Training",
        choices=("auto", "once", "live"),
    )
    augment_copies: int | None = setting(
        None,
        "int",
        "Copies of each image whose features are computed, for the first phase and with features once; the first one is not "
        "augmented.",
        "Training",
        low=1,
        high=1000,
        auto=True,
        old_names=("copies",),
    )
    precision: str = setting(
        "auto",
        "choice",
        "Arithmetic precision; auto: mixed on a GPU, otherwise float32.",
        "Training",
        choices=("auto", "float32", "mixed"),
    )
    core_patches: int = setting(
        512,
        "int",
        "Number of patches of good photos to compare with (--task anomaly).",
        "Training",
        low=1,
        high=20_000,
    )
    seed: int = SEED.field(
        group="Training", help="Random seed; the same seed gives the same result on the same machine."
    )

    augment: str = setting(
        "auto",
        "choice",
        "Strength of the augmentation of training images; auto: strong to fine-tune the starter weights, otherwise light.",
        "Augmentation",
        choices=("auto", *PRESETS),
    )
    flip: str | None = setting(
        None, "choice", "Mirror images; auto: as set by --augment.", "Augmentation", choices=FLIPS, auto=True
    )
    rotation: float | None = setting(
        None, "float", "Largest rotation in degrees, to either side.", "Augmentation", low=0.0, high=180.0, auto=True
    )
    zoom: float | None = setting(
        None, "float", "Largest zoom in or out, as a share of the image size.", "Augmentation", **_AMOUNT
    )
    translation: float | None = setting(
        None, "float", "Largest shift, as a share of the image size.", "Augmentation", **_AMOUNT
    )
    brightness: float | None = setting(
        None, "float", "Largest brightness change, as a share of the range.", "Augmentation", **_AMOUNT
    )
    contrast: float | None = setting(None, "float", "Largest relative contrast change.", "Augmentation", **_AMOUNT)
    noise: float | None = setting(
        None, "float", "Standard deviation of the noise, as a share of the range.", "Augmentation", **_AMOUNT
    )

    mosaic: float = setting(
        0.0,
        "float",
        "Probability of combining four images into one (detectors only).",
        "Augmentation",
        low=0.0,
        high=1.0,
    )

    label_map: str | None = setting(
        None,
        "text",
        "CSV file with lines name,label that renames classes.",
        "Data",
        auto=True,
        metavar="FILE",
        default_text="none",
    )
    old_photos: tuple[str, ...] | None = setting(
        None,
        "texts",
        "With --from: folders of the earlier photos, the oldest first; auto: those that RUN recorded.",
        "Data",
        auto=True,
        metavar="FOLDER,...",
    )
    max_pixels: int = MAX_PIXELS.field(group="Data")
    negatives: str | None = setting(
        None,
        "text",
        "Images of none of the classes, a folder or zip, or drawn for a bundled set: they choose the score below which the "
        "answer is unknown, and teach a linear head.",
        "Data",
        auto=True,
        metavar="FOLDER|drawn",
        default_text="none",
    )
    false_alarms: float = setting(
        0.01,
        "text",
        "With --negatives: share of them that may get an answer other than unknown; with --task anomaly: share of good images that "
        "may be called anomalous.",
        "Data",
        parse=share.parse,
        unparse=share.unparse,
        form=share.FORM,
        metavar="SHARE",
    )
    strict: bool = setting(False, "flag", "Stop on any warning of the data check, such as an unreadable image.", "Data")
    cache: str = setting(
        "auto", "choice", "Where to cache preprocessed images.", "Data", choices=("auto", "memory", "disk", "none")
    )
    cache_dir: str | None = setting(
        None, "text", "Folder for --cache disk; auto: the run folder.", "Data", auto=True, metavar="FOLDER"
    )

    h5: bool = setting(False, "flag", "Also write model.h5.", "Output")
    tensorboard: bool = setting(False, "flag", "Write TensorBoard logs to the run folder.", "Output")

    def resize_or(self, default: Resize) -> Resize:
        """Return the way to make images square, or ``default`` for auto."""
        return default if self.resize is None else self.resize

    def augmentation_or(self, auto: str) -> Augmentation:
        """Return the preset, that named ``auto`` unless another is set, with individual settings applied on top."""
        preset = PRESETS[auto if self.augment == "auto" else self.augment]
        given = {f.name: getattr(self, f.name) for f in fields(Augmentation)}
        return Augmentation(**{k: getattr(preset, k) if v is None else v for k, v in given.items()})


SETTINGS = settings_of(TrainSettings)
