"""The learned change cue as a network: one encoder for both dates, one decoder for both directions.

Only training needs this module (and torch, and ultralytics for the encoder's layers); the product
runs the exported ONNX file.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from ultralytics.nn.modules.block import C3k2
from ultralytics.nn.modules.conv import Conv

STRIDE = 16
"""Height and width of what goes in must be multiples of this."""

_CHANNELS = (16, 64, 128, 128)
_WIDTHS = (16, 32, 48, 64)


class Encoder(nn.Module):  # type: ignore[misc]
    """The first seven layers of YOLO11n: features at strides 2, 4, 8 and 16."""

    def __init__(self) -> None:
        """Make it with random weights."""
        super().__init__()
        self.layers = nn.Sequential(
            Conv(3, 16, 3, 2),
            Conv(16, 32, 3, 2),
            C3k2(32, 64, 1, False, 0.25),
            Conv(64, 64, 3, 2),
            C3k2(64, 128, 1, False, 0.25),
            Conv(128, 128, 3, 2),
            C3k2(128, 128, 1, True),
        )

    def forward(self, picture: Tensor) -> list[Tensor]:
        """Return features, finest first.

        Args:
            picture: float ``[N, 3, H, W]``, RGB, 0 to 1.
        """
        found = []
        for number, layer in enumerate(self.layers):
            picture = layer(picture)
            if number in (0, 2, 4, 6):
                found.append(picture)
        return found


class Decoder(nn.Module):  # type: ignore[misc]
    """From both dates' features to log-odds that something stands there only at the second."""

    def __init__(self) -> None:
        """Make it with random weights."""
        super().__init__()
        self.joins = nn.ModuleList(
            Conv(3 * channels, width, 1) for channels, width in zip(_CHANNELS, _WIDTHS, strict=True)
        )
        self.context = Conv(_WIDTHS[3], _WIDTHS[3], 3)
        self.merges = nn.ModuleList(
            Conv(_WIDTHS[level] + _WIDTHS[level + 1], _WIDTHS[level], 3) for level in range(3)
        )
        self.score = nn.Conv2d(_WIDTHS[0], 1, 1)

    def forward(self, first: list[Tensor], second: list[Tensor]) -> Tensor:
        """Return float ``[N, 1, H / 2, W / 2]``."""
        joined = [
            join(torch.cat((a, b, (a - b).abs()), 1))
            for join, a, b in zip(self.joins, first, second, strict=True)
        ]
        found = self.context(joined[3])
        for level in (2, 1, 0):
            found = functional.interpolate(found, scale_factor=2.0, mode="nearest")
            found = self.merges[level](torch.cat((joined[level], found), 1))
        return cast(Tensor, self.score(found))


class ChangeNetwork(nn.Module):  # type: ignore[misc]
    """Siamese network: what appeared and what vanished between two aligned pictures."""

    def __init__(self) -> None:
        """Make it with random weights; see :meth:`start_from`."""
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()

    def forward(self, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
        """Return log-odds of new and of removed structure.

        Args:
            before: float ``[N, 3, H, W]``, RGB, 0 to 1; H and W multiples of :data:`STRIDE`.
            after: the same ground later, same shape.

        Returns:
            Two of float ``[N, 1, H / 2, W / 2]``.
        """
        first, second = self.encoder(before), self.encoder(after)
        return self.decoder(first, second), self.decoder(second, first)

    def start_from(self, weights: Path) -> None:
        """Take the encoder's weights from a YOLO11n file of ultralytics.

        Args:
            weights: a ``.pt`` file; it is unpickled, so it must come from a source you trust.
        """
        loaded = torch.load(weights, map_location="cpu", weights_only=False)
        layers = loaded["model"].float().model[: len(self.encoder.layers)]
        self.encoder.layers.load_state_dict(layers.state_dict())


class Exported(nn.Module):  # type: ignore[misc]
    """The network as it ships: the probability of new structure at the pictures' own size."""

    def __init__(self, network: ChangeNetwork) -> None:
        """Wrap a trained network."""
        super().__init__()
        self.network = network

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """Return float ``[N, 1, H, W]``; with the dates swapped, that of removed structure."""
        network = self.network
        log_odds = network.decoder(network.encoder(before), network.encoder(after))
        return torch.sigmoid(
            functional.interpolate(log_odds, scale_factor=2.0, mode="bilinear", align_corners=False)
        )
