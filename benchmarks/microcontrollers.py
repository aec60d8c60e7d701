"""Compare what models answer in TensorFlow Lite Micro with what they answer in LiteRT, on the same photos.

    python benchmarks/microcontrollers.py MODEL.tflite [MODEL.tflite ...] --photos FOLDER [--count 100]

Each model is reduced as ``edgevision export --to c-array --io int8`` does it. The photos are prepared as on a device. LiteRT runs
the file as it is, with its own kernels (XNNPACK) and with the reference kernels that microcontrollers use; TensorFlow Lite Micro
runs the array. Scores are compared in steps of the output (1/256). Needs the extra ``micro``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from edgevision.device.export.c_array.micro_model import micro_model
from edgevision.device.export.c_array.operators import problems
from edgevision.device.export.c_array.stored_values import with_end
from edgevision.device.export.c_array.trial import try_model

from edgevision import open_model
from edgevision.model_file import model_file
from edgevision.preprocessing import decode, transform
from edgevision.preprocessing.image_folder import find
from edgevision.tflite.graph import read_graph

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from edgevision.types import Tensor

    Answers = npt.NDArray[np.int64]


def reference(model: bytes, inputs: Sequence[Tensor], resolver: Any) -> list[Tensor]:
    """Return the first output of LiteRT with some kernels."""
    interpreter = Interpreter(model_content=model, num_threads=1, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    given, made = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    answers = []
    for one in inputs:
        interpreter.set_tensor(given, one)
        interpreter.invoke()
        answers.append(interpreter.get_tensor(made))
    return answers


def compare(path: Path, photos: Sequence[Path]) -> None:
    """Print how one model answers."""
    file = model_file.read(path)
    found = problems(read_graph(file.flatbuffer))
    if found:
        print(f"{path.name}: not run: {'; '.join(found)}")
        return
    with open_model(path) as opened:
        rule = opened.card.preprocessing
    spec = file.inputs[0]
    inputs = [transform.prepare(decode.read(photo), rule, spec) for photo in photos]
    array = micro_model(file.flatbuffer, "int8")
    ends = read_graph(array)
    tried = try_model(array, [with_end(one, spec, ends.input_specs[0]) for one in inputs], path)
    micro = stored([with_end(one[0], ends.output_specs[0], file.outputs[0]) for one in tried.answers])
    print(
        f"{path.name}: {len(photos)} photos; file {file.file_bytes / 1000:.1f} kB, array {len(array) / 1000:.1f} kB, "
        f"arena {tried.arena_bytes / 1000:.1f} kB (tflite-micro {tried.version})"
    )
    for name, resolver in (("XNNPACK", OpResolverType.AUTO), ("reference kernels", OpResolverType.BUILTIN_REF)):
        report(name, micro, stored(reference(file.flatbuffer, inputs, resolver)))


def stored(answers: Sequence[Tensor]) -> Answers:
    """Return the stored values of all answers, (photos, values)."""
    return np.stack([one.ravel().astype(np.int64) for one in answers])


def report(name: str, micro: Answers, lite: Answers) -> None:
    """Print how the answers of LiteRT with some kernels differ; a tie at the top is the same answer."""
    best = lite.max(axis=1)
    top = int((lite[np.arange(len(lite)), micro.argmax(axis=1)] == best).sum())
    away = np.abs(micro - lite)
    print(
        f"  LiteRT, {name}: same top answer {top} of {len(lite)}; all scores equal in {int((away.max(axis=1) == 0).sum())}; "
        f"largest difference {int(away.max())}/256, mean of the largest {away.max(axis=1).mean():.2f}/256"
    )


def main() -> None:
    """Compare all models."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--count", type=int, default=100)
    arguments = parser.parse_args()
    photos = find(arguments.photos)
    chosen = [photos[n] for n in np.linspace(0, len(photos) - 1, arguments.count).round().astype(int)]
    for path in arguments.models:
        compare(path, chosen)


if __name__ == "__main__":
    main()
