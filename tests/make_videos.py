"""Small videos whose pictures say which they are: their number is in them, in black and white."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

BITS = 8
_BLOCK = 16


def numbered_picture(number, size_wh=(320, 180), noise=3.0):
    """A street of stripes with a moving square, sensor noise, and its number; uint8 (H, W, 3)."""
    width, height = size_wh
    rng = np.random.default_rng(number)
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    grey = 90 + 50 * np.sin(x / 7.0) * np.cos(y / 11.0)
    left = number * 5 % (width - 40)
    grey[height // 2 : height // 2 + 40, left : left + 40] = 200
    grey = grey + rng.normal(0, noise, grey.shape)
    for bit in range(BITS):
        value = 235 if number >> bit & 1 else 16
        grey[:_BLOCK, bit * _BLOCK : (bit + 1) * _BLOCK] = value
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def number_of(rgb, size_wh=None):
    """The number that a picture carries; of another size than it was made in, give that."""
    scale = 1.0 if size_wh is None else rgb.shape[1] / size_wh[0]
    centres = [round((bit + 0.5) * _BLOCK * scale) for bit in range(BITS)]
    row = round(_BLOCK / 2 * scale)
    return sum(int(rgb[row, column].mean() > 128) << bit for bit, column in enumerate(centres))


def write_video(
    path: Path,
    *,
    count=60,
    rate=10,
    key_every=10,
    size_wh=(320, 180),
    codec="libx264",
    b_frames=0,
    times=None,
    picture=numbered_picture,
    metadata=None,
    container=None,
):
    """Write a video of numbered pictures; `times` are in seconds where they are not even."""
    options = {"preset": "ultrafast", "crf": "20"}
    if codec == "libx264":
        options |= {"bf": str(b_frames), "b-adapt": "0", "sc_threshold": "0"}
        options |= {"g": str(key_every), "keyint_min": str(key_every)}
    elif codec == "libx265":
        options["x265-params"] = (
            f"keyint={key_every}:min-keyint={key_every}:scenecut=0:bframes={b_frames}:log-level=none"
        )
    else:
        options = {"g": str(key_every)}
    with av.open(str(path), "w", format=container) as out:
        out.metadata.update(metadata or {})
        stream = out.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height = size_wh
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        base = Fraction(1, 10_000)
        stream.codec_context.time_base = base
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(picture(number, size_wh), format="rgb24")
            at_s = number / rate if times is None else times[number]
            frame.pts, frame.time_base = round(at_s / base), base
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def jpeg_of(number, size_wh=(320, 180)):
    """A numbered picture as JPEG bytes."""
    done, data = cv2.imencode(".jpg", numbered_picture(number, size_wh)[..., ::-1])
    assert done
    return data.tobytes()
