"""The editor of flatbuffers: constants, types at the ends, and what nothing refers to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from changed_model import TINY, changed
from weights_behind import weights_behind

schema = pytest.importorskip("ai_edge_litert.schema_py_generated")

from edgevision.convert.quantization.signed_ends import signed_ends
from edgevision.device.export.c_array.micro_model import micro_model

from edgevision.engines.interpreter import open_interpreter
from edgevision.errors import BadModel
from edgevision.tflite.editable_model import FlatModel
from edgevision.tflite.end_types import OFFSET, add_uint8_ends, as_float, int8_before, int8_behind, move_ends
from edgevision.tflite.metadata_buffer import can_move
from edgevision.tflite.object_api import unpack
from edgevision.tflite.tables import open_flatbuffer

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 1, 16, 16, 3), np.uint8)


def scores(flatbuffer: bytes, dtype: str = "uint8") -> np.ndarray:
    """Return the first outputs for IMAGES, as uint8; ``dtype``: that of the input."""
    interpreter = open_interpreter(flatbuffer, threads=1)
    images = IMAGES if dtype == "uint8" else (IMAGES.astype(np.int16) - OFFSET).astype(np.int8)
    found = np.stack([interpreter.infer(image)[0] for image in images])
    return found if found.dtype == np.uint8 else (found.astype(np.int16) + OFFSET).astype(np.uint8)


def inner_ends(model: FlatModel) -> tuple[list[int | None], list[int | None]]:
    return [int8_behind(model, t) for t in model.inputs], [int8_before(model, t) for t in model.outputs]


def test_parsing_and_packing_changes_no_answer() -> None:
    assert np.array_equal(scores(FlatModel(TINY).pack()), scores(TINY))
    assert np.array_equal(scores(FlatModel(TINY).pack_reduced()), scores(TINY))


def test_int8_model_and_c_array_have_the_same_network() -> None:
    signed = signed_ends(TINY)
    assert micro_model(signed) == micro_model(TINY, "int8")
    assert np.array_equal(scores(signed, "int8"), scores(TINY))


def test_uint8_ends_return() -> None:
    model = FlatModel(signed_ends(TINY))
    add_uint8_ends(model)
    ends = [(model.dtype(t), model.scale(t)) for t in (*model.inputs, *model.outputs)]
    whole = FlatModel(TINY)
    assert ends == [(whole.dtype(t), whole.scale(t)) for t in (*whole.inputs, *whole.outputs)]
    assert np.array_equal(scores(model.pack()), scores(TINY))


def test_metadata_stays_with_its_buffers_where_others_go() -> None:
    before, after = (
        {entry.name: bytes(model.buffers[entry.buffer].data) for entry in model.metadata}
        for model in (unpack(TINY), unpack(signed_ends(TINY)))
    )
    assert before == after and len(before) == 2
    assert len(unpack(signed_ends(TINY)).buffers) < len(unpack(TINY).buffers)


def test_reduced_model_has_no_names_and_no_metadata() -> None:
    model = unpack(FlatModel(TINY).pack_reduced())
    assert model.metadata is None and model.description is None
    assert all(tensor.name is None for tensor in model.subgraphs[0].tensors)


def test_operator_before_an_output_stays_where_others_read_it() -> None:
    model = FlatModel(TINY)
    last = model.outputs[0]
    extra = model.add_tensor("extra", "float32", model.shape(last))
    model.add_operator("DEQUANTIZE", [last], [extra])
    model.set_ends(model.inputs, [last, extra])
    inputs, outputs = inner_ends(model)
    assert outputs == [int8_before(FlatModel(TINY), last), None]
    move_ends(model, [t for t in inputs if t is not None], [outputs[0] or 0, extra])
    assert model.maker(last) is not None and model.dtype(model.outputs[0]) == "int8"
    model.drop_unused()
    assert np.array_equal(scores(model.pack(), "int8"), scores(TINY))


def test_float_output_passes_over_a_change_of_type() -> None:
    model = FlatModel(TINY)
    end = model.outputs[0]
    made = as_float(model, end)
    assert as_float(model, made) == made and model.maker(end) is None
    found = open_interpreter(model.with_outputs([made]), threads=1)
    expected = scores(TINY).astype(np.float32) * np.float32(FlatModel(TINY).scale(end)[0])
    assert np.array_equal(np.stack([found.infer(image)[0] for image in IMAGES]), expected)


def _second_reader(model: Any) -> None:
    graph = model.subgraphs[0]
    graph.operators[1].inputs = [graph.inputs[0], *graph.operators[1].inputs[1:]]


def _other_scale(model: Any) -> None:
    quantization = model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]].quantization
    quantization.scale = quantization.scale * np.float32(1.01)


def _other_zero(model: Any) -> None:
    model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]].quantization.zeroPoint = np.array([1])


def _no_scale(model: Any) -> None:
    model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]].quantization = None


@pytest.mark.parametrize("change", [_second_reader, _other_scale, _other_zero, _no_scale])
def test_input_that_is_not_a_mere_change_of_type_is_refused(change: Callable[[Any], None]) -> None:
    flatbuffer = changed(change)
    assert inner_ends(FlatModel(TINY))[0] != [None]
    assert inner_ends(FlatModel(flatbuffer))[0] == [None]
    with pytest.raises(BadModel, match=r"--mode int8-io: the input .* cannot become int8"):
        signed_ends(flatbuffer)
    with pytest.raises(BadModel, match="--io needs a model that computes in int8"):
        micro_model(flatbuffer, "int8")


def test_editing_one_of_two_equal_constants_keeps_the_other() -> None:
    found = FlatModel(TINY)
    constants = [t for op in found.operators for t in op.inputs if t >= 0 and found.is_constant(t)]
    first = constants[0]

    def share(model: Any) -> None:
        tensors = model.subgraphs[0].tensors
        tensors[constants[1]].buffer = tensors[first].buffer
        for name in ("shape", "type"):
            setattr(tensors[constants[1]], name, getattr(tensors[first], name))

    model = FlatModel(changed(share))
    kept = model.constant(constants[1])
    model.set_constant(first, np.zeros(model.shape(first)))
    again = FlatModel(model.pack())
    assert not again.constant(first).any() and kept.any()
    assert np.array_equal(again.constant(constants[1]), kept)


def test_edited_constant_is_rounded_and_clipped() -> None:
    model = FlatModel(TINY)
    weights = next(op for op in model.operators if op.name == "CONV_2D").inputs[1]
    values = np.zeros(model.shape(weights))
    values.flat[:3] = 200.0, -1.6, 0.4
    model.set_constant(weights, values)
    assert model.constant(weights).ravel()[:3].tolist() == [127, -2, 0]
    assert len(unpack(model.pack()).buffers) == len(unpack(TINY).buffers)


def test_weights_behind_the_flatbuffer_move_into_it() -> None:
    assert not can_move(open_flatbuffer(weights_behind(TINY)))
    assert FlatModel(weights_behind(TINY)).pack() == FlatModel(TINY).pack()


def test_operator_code_of_an_older_version_is_not_taken() -> None:
    model = FlatModel(changed(lambda one: [setattr(code, "version", 1) for code in one.operatorCodes]))
    before = len(unpack(model.pack()).operatorCodes)
    model.add_operator("QUANTIZE", model.outputs, model.outputs)
    assert len(unpack(model.pack()).operatorCodes) == before
    model.add_operator("QUANTIZE", model.outputs, model.outputs, version=2)
    codes = unpack(model.pack()).operatorCodes
    assert len(codes) == before + 1 and codes[-1].version == 2
