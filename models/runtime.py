"""Run an ONNX model, on ONNX Runtime or OpenVINO.

ONNX Runtime is always there and uses TensorRT or CUDA where its GPU build is installed. OpenVINO
(extra ``openvino``) is faster on CPUs; see the speed metrics on the models' cards.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.errors import BadModelFile, ModelError

Engine = Literal["onnxruntime", "openvino"]
Shape = tuple[int | None, ...]
"""Length of every axis; none where the model takes any."""

_Run = Callable[[Mapping[str, NDArray[Any]]], dict[str, NDArray[Any]]]
_WHOLE_INT8 = frozenset({"avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"})
_BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16"})
_ERRORS_ONLY = 3
_DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16"}


@dataclass(frozen=True)
class RuntimeOptions:
    """How a model is run.

    Attributes:
        engine: The library that runs it.
        threads: CPU threads for one run; none lets the engine take all cores.
        streams: How many threads of the caller run it at the same time, each run on `threads`.
        exact: Compute in the precision of the file. OpenVINO otherwise computes in bfloat16 where
            the CPU can, which is faster and moves scores by a few thousandths.
    """

    engine: Engine = "onnxruntime"
    threads: int | None = None
    streams: int = 1
    exact: bool = False


@dataclass(frozen=True)
class Tensor:
    """One input or output of a model: its name, shape and NumPy dtype."""

    name: str
    shape: Shape
    dtype: str


@dataclass(frozen=True)
class OnnxModel:
    """An opened model, ready to run; may be shared between threads.

    Attributes:
        inputs: What goes in.
        outputs: What comes out.
        metadata: The metadata written into the file, as text by name.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    metadata: Mapping[str, str]
    _run: _Run
    _fixed: Callable[[Sequence[int]], OnnxModel] | None = None

    def fixed(self, shape: Sequence[int]) -> OnnxModel:
        """Return the same model for one shape of its only input; takes a moment.

        OpenVINO answers wrongly where an INT8 model takes any size (2026.4: the scores of all
        objects alike); made for one shape it is right, and quicker. ONNX Runtime needs nothing.

        Args:
            shape: Length of every axis.

        Raises:
            BadModelFile: The model takes no such input.
        """
        return self._fixed(shape) if self._fixed else self

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Run the model once.

        Args:
            inputs: An array for every input, by name, of its shape and dtype.

        Returns:
            An array for every output, by name.
        """
        return self._run(inputs)


@dataclass(frozen=True)
class Processor:
    """What this CPU computes quickly, by what Linux says of it.

    Attributes:
        flags: Names of its instructions; none where nothing is known.
    """

    flags: frozenset[str]

    @classmethod
    def of(cls, cpuinfo: str) -> Processor:
        """Read the text of ``/proc/cpuinfo``."""
        return cls(frozenset(cpuinfo.split()))

    @classmethod
    def this(cls) -> Processor:
        """Look at this machine."""
        try:
            return cls.of(Path("/proc/cpuinfo").read_text("utf-8"))
        except OSError:
            return cls(frozenset())

    @property
    def sums_int8_whole(self) -> bool:
        """Whether it adds up products of 8-bit numbers without cutting them off.

        CPUs without such instructions add pairs in 16 bits, which saturate (Intel's notes on VNNI,
        AVX2's ``vpmaddubsw``): a quantised model then answers differently than where it was
        measured.
        """
        return not _WHOLE_INT8.isdisjoint(self.flags)

    @property
    def has_bfloat16(self) -> bool:
        """Whether it multiplies bfloat16, which OpenVINO then computes in: as quick as INT8."""
        return not _BFLOAT16.isdisjoint(self.flags)


def fastest_engine() -> Engine:
    """Return the engine to run on where nobody chose one.

    A GPU where ONNX Runtime has one; else OpenVINO where it is installed, which is about twice as
    fast on a CPU (see the speed metric of the model ``street``).
    """
    if {"TensorrtExecutionProvider", "CUDAExecutionProvider"} & set(
        onnxruntime.get_available_providers()
    ):
        return "onnxruntime"
    return "openvino" if importlib.util.find_spec("openvino") else "onnxruntime"


def open_onnx(content: bytes, options: RuntimeOptions | None = None) -> OnnxModel:
    """Open an ONNX model from the bytes of its file.

    Args:
        content: The file. Bytes, not a path, so that what was hashed is what runs, and so that a
            file cannot pull in others.
        options: How to run it; the default is ONNX Runtime on all cores.

    Raises:
        BadModelFile: The bytes are no ONNX model that the engine can open.
        ModelError: OpenVINO was asked for and is not installed.
    """
    options = options or RuntimeOptions()
    if options.engine == "openvino":
        return _open_openvino(content, options)
    return _open_onnxruntime(content, options)


def _open_onnxruntime(content: bytes, options: RuntimeOptions) -> OnnxModel:
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = _ERRORS_ONLY
    if options.threads is not None:
        settings.intra_op_num_threads = options.threads
    wanted = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")
    there = onnxruntime.get_available_providers()
    try:
        session = onnxruntime.InferenceSession(
            content, settings, providers=[name for name in wanted if name in there]
        )
    # ONNX Runtime raises its own kinds, which share no root but this.
    except Exception as error:
        raise BadModelFile(f"ONNX Runtime cannot open it: {_first_line(error)}") from error
    names = [value.name for value in session.get_outputs()]

    def run(inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        return dict(zip(names, session.run(names, dict(inputs)), strict=True))

    return OnnxModel(
        inputs=tuple(_onnxruntime_tensor(value) for value in session.get_inputs()),
        outputs=tuple(_onnxruntime_tensor(value) for value in session.get_outputs()),
        metadata=dict(session.get_modelmeta().custom_metadata_map),
        _run=run,
    )


def _onnxruntime_tensor(value: Any) -> Tensor:  # noqa: ANN401 - the library has no types
    shape = tuple(size if isinstance(size, int) else None for size in value.shape)
    return Tensor(value.name, shape, _DTYPES.get(value.type, value.type))


def _open_openvino(content: bytes, options: RuntimeOptions) -> OnnxModel:
    try:
        import openvino
    except ImportError as error:
        raise ModelError(
            "OpenVINO is not installed; install cityeye[openvino] or use the engine onnxruntime"
        ) from error
    settings: dict[str, str] = {"PERFORMANCE_HINT": "LATENCY"}
    if options.streams > 1:
        # Runs of one latency-minded model wait for each other: each caller gets a stream.
        settings = {"NUM_STREAMS": str(options.streams), "ENABLE_CPU_PINNING": "NO"}
    if options.threads is not None:
        settings["INFERENCE_NUM_THREADS"] = str(options.threads * options.streams)
    if options.exact:
        settings["INFERENCE_PRECISION_HINT"] = "f32"
    core = openvino.Core()

    def opened(shape: Sequence[int] | None) -> OnnxModel:
        try:
            network = core.read_model(model=content, weights=b"")
            if shape is not None:
                network.reshape(list(shape))
            compiled = core.compile_model(network, "CPU", settings)
        except RuntimeError as error:
            raise BadModelFile(f"OpenVINO cannot open it: {_first_line(error)}") from error
        return _openvino_model(network, compiled, opened)

    return opened(None)


def _openvino_model(
    network: Any,  # noqa: ANN401 - the library has no types
    compiled: Any,  # noqa: ANN401
    fixed: Callable[[Sequence[int]], OnnxModel],
) -> OnnxModel:
    inputs = tuple(_openvino_tensor(port) for port in network.inputs)
    outputs = tuple(_openvino_tensor(port) for port in network.outputs)
    metadata = network.get_rt_info()["framework"] if network.has_rt_info("framework") else {}

    # One request must not serve two threads, and making one takes longer than a small model runs.
    own = threading.local()

    def run(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        if not hasattr(own, "request"):
            own.request = compiled.create_infer_request()
        results = own.request.infer(dict(arrays))
        return {tensor.name: np.array(results[index]) for index, tensor in enumerate(outputs)}

    return OnnxModel(
        inputs=inputs,
        outputs=outputs,
        metadata={name: value.astype(str) for name, value in metadata.items()},
        _run=run,
        _fixed=fixed,
    )


def _openvino_tensor(port: Any) -> Tensor:  # noqa: ANN401 - the library has no types
    shape = tuple(
        axis.get_length() if axis.is_static else None for axis in port.get_partial_shape()
    )
    return Tensor(port.get_any_name(), shape, np.dtype(port.get_element_type().to_dtype()).name)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
