"""Draws the demonstration's sample pictures: ten digits with a pen, each by another hand.

    python -m fastinfer.demo.draw [samples.npz]

A digit is one or more strokes, each a smooth curve (Catmull-Rom) through a few points of the unit square, y downwards.
A hand turns, slants, stretches and disturbs the points and has a pen of its own; ink is the anti-aliased distance to
the curve. Nothing here is taken from a data set.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]  # n x 2: x, y
Stroke = list[tuple[float, float]]

SIZE = 96  # pixels a side

DIGITS: list[list[Stroke]] = [
    [[(0.50, 0.08), (0.24, 0.28), (0.20, 0.62), (0.42, 0.92), (0.68, 0.84), (0.82, 0.50), (0.70, 0.16), (0.48, 0.08)]],
    [[(0.36, 0.28), (0.48, 0.18), (0.56, 0.08), (0.55, 0.36), (0.53, 0.64), (0.52, 0.94)]],
    [
        [(0.22, 0.30), (0.34, 0.11), (0.60, 0.09), (0.74, 0.28), (0.60, 0.54), (0.38, 0.74), (0.20, 0.92)],
        [(0.20, 0.92), (0.40, 0.88), (0.62, 0.91), (0.82, 0.90)],
    ],
    [
        [(0.24, 0.16), (0.46, 0.07), (0.68, 0.18), (0.66, 0.38), (0.44, 0.47)],
        [(0.44, 0.47), (0.70, 0.54), (0.76, 0.74), (0.58, 0.92), (0.34, 0.91), (0.20, 0.78)],
    ],
    [
        [(0.44, 0.08), (0.34, 0.30), (0.20, 0.60), (0.46, 0.60), (0.82, 0.57)],
        [(0.66, 0.34), (0.63, 0.64), (0.60, 0.94)],
    ],
    [
        [(0.32, 0.12), (0.30, 0.28), (0.27, 0.46)],
        [(0.27, 0.46), (0.48, 0.40), (0.70, 0.52), (0.74, 0.74), (0.54, 0.92), (0.24, 0.86)],
        [(0.32, 0.12), (0.52, 0.11), (0.76, 0.09)],
    ],
    [[(0.64, 0.08), (0.40, 0.30), (0.25, 0.62), (0.36, 0.89), (0.62, 0.89), (0.74, 0.68), (0.56, 0.52), (0.30, 0.66)]],
    [
        [(0.20, 0.14), (0.46, 0.12), (0.80, 0.11)],
        [(0.80, 0.11), (0.64, 0.38), (0.50, 0.66), (0.42, 0.94)],
    ],
    [
        [
            (0.70, 0.20), (0.50, 0.07), (0.30, 0.20), (0.40, 0.40), (0.64, 0.56), (0.72, 0.78),
            (0.50, 0.93), (0.28, 0.80), (0.36, 0.58), (0.62, 0.40), (0.72, 0.20),
        ],
    ],
    [[(0.70, 0.26), (0.50, 0.10), (0.28, 0.22), (0.30, 0.44), (0.52, 0.50), (0.70, 0.28), (0.68, 0.60), (0.58, 0.94)]],
]  # fmt: skip


@dataclass(frozen=True)
class Hand:
    """How somebody writes."""

    turn: float  # radians
    slant: float  # x per y
    width: float  # of a digit, of its height
    pen: float  # diameter in pixels
    tremble: float  # disturbance of points, in digit heights
    ink: float  # 0 white to 1 black
    paper: float  # grey of the paper, 0 black to 1 white


HANDS = [
    Hand(0.00, 0.15, 0.90, 6.0, 0.012, 0.95, 1.00),
    Hand(0.10, 0.20, 0.80, 5.0, 0.010, 0.90, 0.98),
    Hand(-0.05, 0.05, 1.00, 7.5, 0.014, 1.00, 0.96),
    Hand(0.08, -0.08, 0.85, 4.5, 0.012, 0.85, 1.00),
    Hand(-0.08, 0.10, 1.05, 5.5, 0.010, 0.90, 0.94),
    Hand(0.04, 0.25, 0.95, 8.0, 0.012, 0.95, 0.97),
    Hand(0.00, 0.00, 0.85, 6.5, 0.014, 0.80, 1.00),
    Hand(0.06, 0.12, 0.90, 5.0, 0.012, 1.00, 0.92),
    Hand(-0.06, 0.18, 0.80, 6.0, 0.008, 0.90, 0.99),
    Hand(0.03, 0.08, 0.95, 7.0, 0.012, 0.95, 0.95),
]


def smooth(points: Points, steps: int = 12) -> Points:
    """The Catmull-Rom curve through the points, as a polyline; its ends repeat the end points."""
    padded = np.concatenate([points[:1], points, points[-1:]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        pieces.append(b + t * (c - a) / 2 + t**2 * (2 * a - 5 * b + 4 * c - d) / 2 + t**3 * (3 * (b - c) + d - a) / 2)
    return np.concatenate([*pieces, points[-1:]])


def distance(line: Points) -> npt.NDArray[np.float64]:
    """(SIZE, SIZE): from each pixel's centre to the polyline, in pixels."""
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    nearest = np.full((SIZE, SIZE), np.inf)
    for (ax, ay), (bx, by) in itertools.pairwise(line):
        dx, dy = bx - ax, by - ay
        length = max(dx * dx + dy * dy, 1e-12)
        t = np.clip(((x - ax) * dx + (y - ay) * dy) / length, 0, 1)
        nearest = np.minimum(nearest, np.hypot(x - ax - t * dx, y - ay - t * dy))
    return nearest


def draw(digit: int, hand: Hand, seed: int) -> npt.NDArray[np.uint8]:
    """(SIZE, SIZE) greys: dark ink on light paper."""
    rng = np.random.default_rng(seed)
    cos, sin = np.cos(hand.turn), np.sin(hand.turn)
    matrix = np.array([[cos, -sin], [sin, cos]]) @ np.array([[hand.width, -hand.slant], [0, 1]])
    ink = np.zeros((SIZE, SIZE))
    for stroke in DIGITS[digit]:
        points = np.array(stroke) - 0.5
        points = points + rng.normal(0, hand.tremble, points.shape)
        line = smooth(points @ matrix.T * (0.75 * SIZE) + SIZE / 2)
        ink = np.maximum(ink, np.clip(0.5 + hand.pen / 2 - distance(line), 0, 1))
    return np.rint(255 * hand.paper * (1 - hand.ink * ink)).astype(np.uint8)


def draw_all() -> npt.NDArray[np.uint8]:
    """(10, SIZE, SIZE): the digits 0 to 9."""
    return np.stack([draw(digit, hand, seed=digit) for digit, hand in enumerate(HANDS)])


def main() -> None:
    """Writes the pictures where the demonstration reads them."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "samples.npz"
    np.savez_compressed(path, pictures=draw_all(), labels=np.arange(10))


if __name__ == "__main__":
    main()
