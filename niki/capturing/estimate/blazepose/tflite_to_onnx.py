"""Converts the two BlazePose networks from TensorFlow Lite to ONNX.

Covers the operators those networks use and no others. Weights stored as float16 or sparse are
written as dense float32. Activations are kept in ONNX's NCHW order inside and NHWC outside.
Needs ``onnx`` and ``tflite`` (the published schema); used at set-up only.
"""

from __future__ import annotations

import numpy as np
import onnx
import tflite
from onnx import helper, numpy_helper

from ....errors import NikiError

_DTYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
    tflite.TensorType.INT64: np.int64,
}
_NAMES = {v: k for k, v in vars(tflite.BuiltinOperator).items() if isinstance(v, int)}


def convert(model: bytes, drop_outputs: tuple[str, ...] = ()) -> bytes:
    """A TensorFlow Lite model -> the same function as a serialised ONNX model, any batch size.

    Args:
        model: contents of a ``.tflite`` file.
        drop_outputs: outputs not needed, with all that only they need.

    Raises:
        NikiError: an operator that BlazePose does not use.
    """
    return _Converter(model, drop_outputs).run()


class _Converter:
    def __init__(self, model: bytes, drop_outputs):
        self.model = tflite.Model.GetRootAs(model, 0)
        self.graph = self.model.Subgraphs(0)
        self.constants = self._read_constants()
        self.names: dict[int, str] = {}  # tensor -> name of its ONNX value
        self.channels_first: set[int] = set()
        self.nodes, self.initializers = [], []
        self.outputs = [
            i
            for i in self.graph.OutputsAsNumpy().tolist()
            if self.graph.Tensors(i).Name().decode() not in drop_outputs
        ]

    def run(self) -> bytes:
        inputs = []
        for i in self.graph.InputsAsNumpy().tolist():
            inputs.append(_value_info("input", self._shape(i)))
            self.names[i] = self._node("Transpose", ["input"], perm=[0, 3, 1, 2])
            self.channels_first.add(i)
        for operator in self._needed_operators():
            self._convert_operator(operator)
        outputs = []
        for i in self.outputs:
            name = self.graph.Tensors(i).Name().decode()
            self.nodes.append(helper.make_node("Identity", [self._channels_last(i)], [name]))
            outputs.append(_value_info(name, self._shape(i)))
        graph = helper.make_graph(self.nodes, "blazepose", inputs, outputs, self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        return model.SerializeToString()

    # --- reading ---

    def _shape(self, i: int) -> list[int]:
        return self.graph.Tensors(i).ShapeAsNumpy().tolist()

    def _read_constants(self) -> dict[int, np.ndarray]:
        constants = {}
        for i in range(self.graph.TensorsLength()):
            tensor = self.graph.Tensors(i)
            data = self.model.Buffers(tensor.Buffer()).DataAsNumpy()
            if isinstance(data, np.ndarray) and data.size:
                values = np.frombuffer(data.tobytes(), _DTYPES[tensor.Type()])
                sparsity, shape = tensor.Sparsity(), tensor.ShapeAsNumpy()
                constants[i] = (
                    values.reshape(shape) if sparsity is None else _densify(sparsity, shape, values)
                )
        return constants

    def _needed_operators(self):
        needed, kept = set(self.outputs), []
        for k in reversed(range(self.graph.OperatorsLength())):
            operator = self.graph.Operators(k)
            if needed & set(operator.OutputsAsNumpy().tolist()):
                kept.append(operator)
                needed |= set(operator.InputsAsNumpy().tolist())
        return reversed(kept)

    # --- writing ---

    def _constant(self, values) -> str:
        name = f"constant{len(self.initializers)}"
        array = np.ascontiguousarray(values)
        self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def _node(self, kind: str, inputs: list[str], **attributes) -> str:
        name = f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def _activated(self, name: str, activation: int) -> str:
        if activation == tflite.ActivationFunctionType.NONE:
            return name
        if activation == tflite.ActivationFunctionType.RELU:
            return self._node("Relu", [name])
        if activation == tflite.ActivationFunctionType.RELU6:
            limits = [self._constant(np.float32(0)), self._constant(np.float32(6))]
            return self._node("Clip", [name, *limits])
        raise NikiError(f"Activation {activation} is not converted")

    def _channels_last(self, i: int) -> str:
        if i in self.channels_first:
            return self._node("Transpose", [self.names[i]], perm=[0, 2, 3, 1])
        return self.names[i]

    def _convert_operator(self, operator) -> None:
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        kind = _NAMES[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        method = getattr(self, f"_{kind.lower()}", None)
        if method is None:
            raise NikiError(f"The operator {kind} is not converted")
        inputs = operator.InputsAsNumpy().tolist()
        output = int(operator.OutputsAsNumpy()[0])
        result = method(operator, inputs, output)
        if result is not None:
            self.names[output] = result
            if inputs[0] in self.channels_first and kind != "RESHAPE":
                self.channels_first.add(output)

    def _dequantize(self, operator, inputs, output):
        self.constants[output] = self.constants[inputs[0]].astype(np.float32)

    def _densify(self, operator, inputs, output):
        self.constants[output] = self.constants[inputs[0]]

    def _conv_2d(self, operator, inputs, output):
        weights = self.constants[inputs[1]].transpose(0, 3, 1, 2)
        return self._convolution(_options(operator, tflite.Conv2DOptions), inputs, weights, 1)

    def _depthwise_conv_2d(self, operator, inputs, output):
        weights = self.constants[inputs[1]].transpose(3, 0, 1, 2)
        options = _options(operator, tflite.DepthwiseConv2DOptions)
        return self._convolution(options, inputs, weights, len(weights))

    def _convolution(self, options, inputs, weights, groups):
        strides = [options.StrideH(), options.StrideW()]
        dilations = [options.DilationHFactor(), options.DilationWFactor()]
        kernel = list(weights.shape[2:])
        pads = self._pads(options, inputs[0], kernel, strides, dilations)
        values = [self.names[inputs[0]], self._constant(weights)]
        values.append(self._constant(self.constants[inputs[2]]))
        name = self._node(
            "Conv", values, strides=strides, dilations=dilations, pads=pads, group=groups, kernel_shape=kernel
        )  # fmt: skip
        return self._activated(name, options.FusedActivationFunction())

    def _pads(self, options, tensor, kernel, strides, dilations=(1, 1)) -> list[int]:
        if options.Padding() != tflite.Padding.SAME:
            return [0, 0, 0, 0]
        before, after = [], []
        for size, k, stride, dilation in zip(
            self._shape(tensor)[1:3], kernel, strides, dilations, strict=True
        ):
            total = max((-(-size // stride) - 1) * stride + (k - 1) * dilation + 1 - size, 0)
            before.append(total // 2)
            after.append(total - total // 2)
        return before + after

    def _max_pool_2d(self, operator, inputs, output):
        options = _options(operator, tflite.Pool2DOptions)
        kernel = [options.FilterHeight(), options.FilterWidth()]
        strides = [options.StrideH(), options.StrideW()]
        pads = self._pads(options, inputs[0], kernel, strides)
        return self._node("MaxPool", [self.names[inputs[0]]], kernel_shape=kernel, strides=strides, pads=pads)

    def _add(self, operator, inputs, output):
        values = [self.names[i] if i in self.names else self._constant(self.constants[i]) for i in inputs]
        options = _options(operator, tflite.AddOptions)
        return self._activated(self._node("Add", values), options.FusedActivationFunction())

    def _pad(self, operator, inputs, output):
        amounts = self.constants[inputs[1]][[0, 3, 1, 2]].astype(np.int64)
        return self._node("Pad", [self.names[inputs[0]], self._constant(amounts.T.ravel())])

    def _resize_bilinear(self, operator, inputs, output):
        options = _options(operator, tflite.ResizeBilinearOptions)
        mode = "align_corners" if options.AlignCorners() else "asymmetric"
        mode = "half_pixel" if options.HalfPixelCenters() else mode
        height, width = self._shape(inputs[0])[1:3]
        new_height, new_width = self.constants[inputs[1]]
        scales = np.array([1, 1, new_height / height, new_width / width], np.float32)
        values = [self.names[inputs[0]], "", self._constant(scales)]
        return self._node("Resize", values, mode="linear", coordinate_transformation_mode=mode)

    def _depth_to_space(self, operator, inputs, output):
        size = _options(operator, tflite.DepthToSpaceOptions).BlockSize()
        return self._node("DepthToSpace", [self.names[inputs[0]]], blocksize=size, mode="DCR")

    def _logistic(self, operator, inputs, output):
        return self._node("Sigmoid", [self.names[inputs[0]]])

    def _reshape(self, operator, inputs, output):
        shape = np.array([-1, *self._shape(output)[1:]], np.int64)
        return self._node("Reshape", [self._channels_last(inputs[0]), self._constant(shape)])

    def _concatenation(self, operator, inputs, output):
        axis = _options(operator, tflite.ConcatenationOptions).Axis() % len(self._shape(output))
        if inputs[0] in self.channels_first:
            axis = {0: 0, 3: 1, 1: 2, 2: 3}[axis]
        return self._node("Concat", [self.names[i] for i in inputs], axis=axis)


def _value_info(name: str, shape: list[int]):
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", *shape[1:]])


def _options(operator, kind):
    table = operator.BuiltinOptions()
    options = kind()
    options.Init(table.Bytes, table.Pos)
    return options


def _densify(sparsity, shape, values: np.ndarray) -> np.ndarray:
    """TensorFlow Lite's sparse layout (dense and CSR levels, optional blocks) -> dense array."""
    order = sparsity.TraversalOrderAsNumpy().tolist()
    rank = len(shape)
    blocks = sparsity.BlockMapAsNumpy().tolist() if sparsity.BlockMapLength() else []
    block_size = {b: sparsity.DimMetadata(rank + k).DenseSize() for k, b in enumerate(blocks)}
    positions, index = np.zeros(1, np.int64), np.zeros((1, rank), np.int64)
    for level, dimension in enumerate(order):
        metadata = sparsity.DimMetadata(level)
        if metadata.Format() == tflite.DimensionType.DENSE:
            size = metadata.DenseSize()
            coordinate = np.tile(np.arange(size), len(positions))
            parent = np.repeat(np.arange(len(positions)), size)
            positions = positions[parent] * size + coordinate
        else:
            segments = _sparse_vector(metadata.ArraySegmentsType(), metadata.ArraySegments())
            indices = _sparse_vector(metadata.ArrayIndicesType(), metadata.ArrayIndices())
            counts = segments[positions + 1] - segments[positions]
            parent = np.repeat(np.arange(len(positions)), counts)
            within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
            positions = segments[positions][parent] + within
            coordinate = indices[positions]
        axis = dimension if dimension < rank else blocks[dimension - rank]
        scale = block_size.get(dimension, 1) if dimension < rank else 1
        index = index[parent]
        index[:, axis] += coordinate * scale
    dense = np.zeros(shape, values.dtype)
    dense[tuple(index.T)] = values[positions]
    return dense


def _sparse_vector(kind: int, table) -> np.ndarray:
    vector = {
        tflite.SparseIndexVector.Int32Vector: tflite.Int32Vector,
        tflite.SparseIndexVector.Uint16Vector: tflite.Uint16Vector,
        tflite.SparseIndexVector.Uint8Vector: tflite.Uint8Vector,
    }[kind]()
    vector.Init(table.Bytes, table.Pos)
    return vector.ValuesAsNumpy().astype(np.int64)
