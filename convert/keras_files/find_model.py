"""Finds the model in a folder that is not a SavedModel itself, such as a run of ``train`` or an unpacked download."""

from __future__ import annotations

from pathlib import Path

from edgevision.errors import BadModel
from edgevision.files.run_folder import require_not_refused
from edgevision.log import Log

from . import saved_model

log = Log("edgevision.convert")
TRAINED = "model.keras"
"""The model in a folder that ``train`` made."""
SUFFIXES = (".keras", ".h5", ".hdf5")
MAX_LISTED = 5


def find_model(path: Path) -> Path:
    """Return the path itself, or the only model in a folder. Raises BadModel if a folder has none or several.

    The file ``saved_model.pb`` stands for its folder.
    """
    if path.name == saved_model.FILE and path.is_file():
        return path.parent
    if not path.is_dir() or (path / saved_model.FILE).exists():
        return path
    found = _models(path)
    if path / TRAINED in found:
        found = [path / TRAINED]
    else:
        require_not_refused(path)
    if len(found) == 1:
        log.info("model: %s, in the given folder", found[0])
        return found[0]
    if found:
        listed = ", ".join(one.name for one in found[:MAX_LISTED]) + (", ..." if len(found) > MAX_LISTED else "")
        raise BadModel(f"{path} has {len(found)} models ({listed}); give the one to use")
    if (path / "saved_model.pbtxt").exists():
        raise BadModel(
            f"{path} is a SavedModel as text (saved_model.pbtxt), which is not read; save it again in TensorFlow: "
            "tf.saved_model.save(tf.saved_model.load('folder'), 'new folder')"
        )
    if (path / "keras_metadata.pb").exists() or (path / "variables").is_dir():
        raise BadModel(f"{path} is an incomplete SavedModel ({saved_model.FILE} is missing); copy the whole folder")
    if (path / "model.json").is_file():
        raise BadModel(f"{path} is a TensorFlow.js model, which is not read; give the Keras model it was made from")
    raise BadModel(f"{path} has no model; give a .keras or .h5 file, a SavedModel folder, or a folder made by train")


def _models(folder: Path) -> list[Path]:
    """Return the Keras files and SavedModels that are directly in a folder."""
    return [
        path
        for path in sorted(folder.iterdir())
        if (path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith("."))
        or (path.is_dir() and (path / saved_model.FILE).is_file())
    ]
