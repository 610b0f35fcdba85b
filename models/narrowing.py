"""A detector made for square pictures, run on wide ones without computing their padding.

A street camera's picture fills 360 of the 640 rows of a square input; the rest is grey, and costs
as much as the picture. The network itself takes any height; only the numbers that say where each
cell of its output lies, and a few lengths, were written down for a square when it was exported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import openvino

STRIDES = (8, 16, 32)
"""Pixels from cell to cell, by level of a YOLO head."""
_REST = -1


def narrow(network: openvino.Model, height_px: int) -> bool:
    """Let a network of the YOLO family take pictures of another height, in place.

    Args:
        network: As it was exported, for one size of input.
        height_px: A multiple of the coarsest stride, below its own height.

    Returns:
        Whether that was done. A network that is built otherwise is left as it is; who calls has to
        read it anew, for parts of it may have been changed.
    """
    from openvino import opset13

    try:
        _, channels, was_px, width_px = (int(n) for n in network.input(0).get_shape())
        cells = sum((was_px // stride) * (width_px // stride) for stride in STRIDES)
        if height_px >= was_px or list(network.output(0).get_shape())[-1] != cells:
            return False
        for node in network.get_ordered_ops():
            if node.get_type_name() == "Reshape":
                lengths = _lengths(node, cells, was_px, width_px)
                if lengths is not None:
                    constant = opset13.constant(np.array(lengths, np.int64))
                    node.input(1).replace_source_output(constant.output(0))
        network.reshape({0: [1, channels, -1, width_px]})
        kept = _kept_cells(was_px, height_px, width_px)
        for node in network.get_ordered_ops():
            shape = list(node.get_output_shape(0)) if node.get_type_name() == "Constant" else []
            if shape and shape[-1] == cells:
                constant = opset13.constant(np.ascontiguousarray(node.data[..., kept]))
                for target in node.output(0).get_target_inputs():
                    target.replace_source_output(constant.output(0))
        network.reshape({0: [1, channels, height_px, width_px]})
    except (RuntimeError, ValueError):
        return False
    return bool(list(network.output(0).get_shape())[-1] == len(kept))


def _lengths(node: openvino.Node, cells: int, was_px: int, width_px: int) -> list[int] | None:
    """What a reshape says of the square, said of any height; none where it says nothing of it."""
    target = node.input_value(1).get_node()
    if target.get_type_name() != "Constant":
        return None
    lengths = [int(length) for length in target.data]
    coarsest = STRIDES[-1]
    rows, columns = was_px // coarsest, width_px // coarsest
    if lengths[-1] in (cells, rows * columns):
        return [*lengths[:-1], _REST]
    if lengths[-2:] == [rows, columns]:
        return [*lengths[:-2], _REST, columns]
    return None


def _kept_cells(was_px: int, height_px: int, width_px: int) -> NDArray[np.int64]:
    """Numbers of the output's cells that are left: of each level its upper rows."""
    kept = []
    begin = 0
    for stride in STRIDES:
        columns = width_px // stride
        kept.append(begin + np.arange((height_px // stride) * columns))
        begin += (was_px // stride) * columns
    return np.concatenate(kept)
