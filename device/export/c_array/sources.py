"""The source files: the array with its constants, the operators to register, and a self-test.

They need no library of C or C++ but stdint.h and stddef.h; only the operators need TensorFlow Lite Micro.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgevision import __version__
from edgevision.preprocessing.transform import LUMA, LUMA_UNIT

from . import c_text
from .stored_values import offset_of

if TYPE_CHECKING:
    from edgevision.types import TensorSpec

    from .facts import MicroFacts

MARK = "// Made by edgevision"
"""Start of each file, by which an earlier export is recognized."""
TOLERANCE = 0.12
"""Largest difference of a score in the self-test: kernels differ by up to 0.1."""


def source_files(facts: MicroFacts) -> dict[str, bytes]:
    """Return name -> content of all files."""
    name = facts.name
    made = {
        f"{name}.h": _header(facts),
        f"{name}.cc": _array(facts),
        f"{name}_operators.h": _operators(facts),
    }
    if facts.tests:
        made |= {f"{name}_selftest.h": _selftest_header(facts), f"{name}_selftest.cc": _selftest_source(facts)}
    return {path: f"{_head(facts)}\n{text}".encode() for path, text in made.items()}


def _head(facts: MicroFacts) -> str:
    source = c_text.comment(facts.source)
    return f"{MARK} {__version__} from {source} (sha256 {facts.sha256[:16]}). Make it again rather than change it.\n"


def _guarded(name: str, includes: tuple[str, ...], facts: MicroFacts, body: str) -> str:
    guard = f"EDGEVISION_{name.upper()}_H_"
    lines = "\n".join(f"#include {one}" for one in includes)
    return f"""#ifndef {guard}
#define {guard}

{lines}

namespace {facts.name} {{

{body}
}}  // namespace {facts.name}

#endif  // {guard}
"""


def _header(facts: MicroFacts) -> str:
    body = "\n".join((_model_constants(facts), _input_constants(facts), _output_constants(facts)))
    return _guarded(facts.name, ("<stddef.h>", "<stdint.h>"), facts, body)


def _model_constants(facts: MicroFacts) -> str:
    return f"""// The model, for tflite::GetModel(kModel).
constexpr size_t kModelSize = {len(facts.model)};
alignas(16) extern const unsigned char kModel[kModelSize];

// RAM for the interpreter (bytes), {facts.arena.origin}. A 32-bit processor needs
// a little less, kernels tuned for a processor may need more: after AllocateTensors(), arena_used_bytes() has the number.
constexpr size_t kArenaSize = {facts.arena.bytes};
"""


def _input_constants(facts: MicroFacts) -> str:
    rule, spec = facts.card.preprocessing, facts.input
    kind, offset = c_text.c_type(spec.dtype), offset_of(facts.stored)
    if offset is not None:
        sign = "-" if offset < 0 else "+"
        shifted = f"static_cast<{kind}>(static_cast<int>(value) {sign} {abs(offset)})"
        stored = f"return {shifted if offset else 'value'};"
        table, channel = "", "/*channel*/"
    else:
        stored, channel = "return kStored[channel][value];", "channel"
        table = f"extern const {kind} kStored[{rule.channels}][256];\n"
    fraction = (
        f" of which the central {rule.crop_fraction:g}" if rule.resize == "crop" and rule.crop_fraction < 1 else ""
    )
    border = f", with a border of {rule.fill}" if rule.resize == "letterbox" else ""
    gray = f"\n// Gray is ({_luma()} + {LUMA_UNIT // 2}) / {LUMA_UNIT}." if rule.order == "GRAY" else ""
    return f"""// The input: [1, {", ".join(map(str, spec.shape[1:]))}] of {kind}, {rule.order}, rows from the top.
// How an image of another size becomes the input: {rule.resize}{fraction}{border}. It is halved, by the mean of 2x2 pixels, while
// it is at least twice as large, then resized with bilinear interpolation.{gray}
constexpr int kInputWidth = {rule.width};
constexpr int kInputHeight = {rule.height};
constexpr int kInputChannels = {rule.channels};
constexpr size_t kInputSize = {_elements(spec)};
constexpr float kInputScale = {c_text.real(spec.scale)};
constexpr int kInputZeroPoint = {spec.zero_point};
{table}
// What the input stores for a byte (0..255) of an image: (value - {_mean(rule.mean)}) / {_mean(rule.std)}, quantized.
inline {kind} StoredValue(uint8_t value, int {channel}) {{ {stored} }}
"""


def _output_constants(facts: MicroFacts) -> str:
    outputs, card = facts.outputs, facts.card
    listed = "\n".join(
        f"//   {n}: [{', '.join(map(str, one.shape))}] of {c_text.c_type(one.dtype)}" for n, one in enumerate(outputs)
    )
    threshold = "" if card.threshold is None else f"constexpr float kThreshold = {c_text.real(card.threshold)};\n"
    labels = f"constexpr int kLabelCount = {len(card.labels)};\n"
    labels += "extern const char* const kLabels[kLabelCount];\n" if card.labels else ""
    return f"""// The outputs. A real value is scale * (stored - zero point); without a scale (0), the stored value itself.
{listed}
// Task: {card.task}. Last step of the network before the first output: {card.activation}.
constexpr int kOutputCount = {len(outputs)};
constexpr size_t kOutputSize[kOutputCount] = {{{c_text.numbers(_elements(one) for one in outputs)}}};
constexpr float kOutputScale[kOutputCount] = {{{c_text.numbers(float(one.scale) for one in outputs)}}};
constexpr int kOutputZeroPoint[kOutputCount] = {{{c_text.numbers(one.zero_point for one in outputs)}}};
{threshold}{labels}"""


def _array(facts: MicroFacts) -> str:
    parts = [
        f'#include "{facts.name}.h"\n\nnamespace {facts.name} {{\n',
        f"alignas(16) const unsigned char kModel[kModelSize] = {{\n{c_text.byte_array(facts.model)}\n}};\n",
    ]
    if offset_of(facts.stored) is None:
        kind = c_text.c_type(facts.input.dtype)
        rows = "".join(f" {{\n{c_text.array(row)}\n }},\n" for row in facts.stored)
        parts.append(f"const {kind} kStored[{len(facts.stored)}][256] = {{\n{rows}}};\n")
    if facts.card.labels:
        lines = "\n".join(f"  {c_text.string(label)}," for label in facts.card.labels)
        parts.append(f"const char* const kLabels[kLabelCount] = {{\n{lines}\n}};\n")
    return "\n".join([*parts, f"}}  // namespace {facts.name}\n"])


def _operators(facts: MicroFacts) -> str:
    calls = " ||\n      ".join(f"resolver.{method}() != kTfLiteOk" for method in facts.methods)
    body = f"""using Resolver = tflite::MicroMutableOpResolver<{len(facts.methods)}>;

// Registers the operators of the model, and no others.
inline TfLiteStatus RegisterOperators(Resolver& resolver) {{
  if ({calls}) {{
    return kTfLiteError;
  }}
  return kTfLiteOk;
}}
"""
    includes = ('"tensorflow/lite/micro/micro_mutable_op_resolver.h"',)
    return _guarded(f"{facts.name}_operators", includes, facts, body)


def _selftest_header(facts: MicroFacts) -> str:
    kind, answer = c_text.c_type(facts.input.dtype), c_text.c_type(facts.outputs[0].dtype)
    body = f"""// Prepared images, and what the first output was for them where the model was exported. A device computes the same
// if no value differs by more than the tolerance. Linkers leave all of this out of a firmware that does not use it.
constexpr int kTestCount = {len(facts.tests)};
constexpr float kTestTolerance = {c_text.real(_tolerance(facts))};
extern const {kind} kTestInputs[kTestCount][kInputSize];
extern const {answer} kTestOutputs[kTestCount][kOutputSize[0]];

// Returns whether an output is as expected for a test image.
inline bool AsExpected(int test, const {answer}* output) {{
  for (size_t i = 0; i < kOutputSize[0]; ++i) {{
    const float difference = static_cast<float>(output[i]) - static_cast<float>(kTestOutputs[test][i]);
    if (!(difference <= kTestTolerance && -difference <= kTestTolerance)) return false;
  }}
  return true;
}}
"""
    return _guarded(f"{facts.name}_selftest", (f'"{facts.name}.h"',), facts, body)


def _selftest_source(facts: MicroFacts) -> str:
    kind, answer = c_text.c_type(facts.input.dtype), c_text.c_type(facts.outputs[0].dtype)
    inputs = "".join(f" {{\n{c_text.array(one.input)}\n }},\n" for one in facts.tests)
    outputs = "".join(f" {{\n{c_text.array(one.outputs[0])}\n }},\n" for one in facts.tests)
    return f"""#include "{facts.name}_selftest.h"

namespace {facts.name} {{

const {kind} kTestInputs[kTestCount][kInputSize] = {{
{inputs}}};

const {answer} kTestOutputs[kTestCount][kOutputSize[0]] = {{
{outputs}}};

}}  // namespace {facts.name}
"""


def _tolerance(facts: MicroFacts) -> float:
    """Return the largest difference in stored values."""
    return TOLERANCE / facts.outputs[0].scale if facts.outputs[0].quantized else TOLERANCE


def _elements(spec: TensorSpec) -> int:
    count = 1
    for size in spec.shape:
        count *= size
    return count


def _luma() -> str:
    return " + ".join(f"{share} * {name}" for share, name in zip(LUMA, ("red", "green", "blue"), strict=True))


def _mean(values: tuple[float, ...]) -> str:
    return f"{values[0]:g}" if len(set(values)) == 1 else "[" + ", ".join(f"{one:g}" for one in values) + "]"
