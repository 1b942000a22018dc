"""The Huffman code of files: exact, optimal within its length limit, and safe whatever a block holds."""

from __future__ import annotations

import heapq
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastinfer import _core

pytestmark = pytest.mark.portable

STREAMS, MAX_LENGTH = 4, 12


def skewed(count: int, alphabet: int, seed: int = 0) -> np.ndarray:
    spread = np.abs(np.random.default_rng(seed).standard_normal(count)) * alphabet / 6
    return np.minimum(spread, alphabet - 1).astype(np.uint8)


def header(alphabet: int) -> int:
    return (alphabet + 7) // 8 * 4 + 4 * STREAMS


@pytest.mark.parametrize("alphabet", [2, 16, 31, 32, 256])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 63, 64, 65, 10_001])
def test_round_trip(alphabet: int, count: int) -> None:
    symbols = skewed(count, alphabet)
    block = _core.huffman_encode(symbols, alphabet)
    np.testing.assert_array_equal(_core.huffman_decode(block, count, alphabet), symbols)
    np.testing.assert_array_equal(_core.huffman_encode(symbols, alphabet), block)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    symbols = np.frombuffer(data, np.uint8)
    block = _core.huffman_encode(symbols, 256)
    assert _core.huffman_decode(block, len(symbols), 256).tobytes() == data


def huffman_bits(symbols: np.ndarray) -> int:
    """What Huffman's own algorithm takes, without a limit on lengths: the sum of all merged weights."""
    heap = list(Counter(symbols.tolist()).values())
    heapq.heapify(heap)
    bits = 0
    while len(heap) > 1:
        merged = heapq.heappop(heap) + heapq.heappop(heap)
        bits += merged
        heapq.heappush(heap, merged)
    return bits


def test_the_code_is_optimal() -> None:
    symbols = np.repeat(np.arange(64, dtype=np.uint8), np.arange(1, 65))  # no code wants to be longer than the limit
    bytes_ = len(_core.huffman_encode(symbols, 64)) - header(64)
    assert huffman_bits(symbols) / 8 <= bytes_ <= huffman_bits(symbols) / 8 + STREAMS


def test_lengths_are_limited() -> None:
    """Fibonacci frequencies want codes of 20 bits."""
    counts = [1, 1]
    while len(counts) < 20:
        counts.append(counts[-1] + counts[-2])
    symbols = np.repeat(np.arange(20, dtype=np.uint8), counts)
    block = _core.huffman_encode(symbols, 20)
    lengths = [int(byte) >> shift & 15 for byte in block[:12] for shift in (0, 4)][:20]
    assert max(lengths) == MAX_LENGTH
    assert sum(2.0**-length for length in lengths) == 1
    np.testing.assert_array_equal(_core.huffman_decode(block, len(symbols), 20), symbols)


def refused(block: np.ndarray, count: int, alphabet: int, reason: str) -> None:
    with pytest.raises(_core.CoreError, match=reason) as caught:
        _core.huffman_decode(block, count, alphabet)
    assert caught.value.kind == "value"


def test_malformed() -> None:
    symbols = skewed(1000, 16)
    block = _core.huffman_encode(symbols, 16)
    refused(block[:20], 100, 16, "shorter than its header")
    refused(block[:-1], 1000, 16, "longer than the block")
    refused(np.append(block, np.uint8(0)), 1000, 16, "bytes follow")
    refused(block, 10**12, 16, "more symbols than bits")
    refused(block, 1004, 16, "stream")
    refused(block, 900, 16, "goes on after")
    for lengths, reason in (("11" + "00" * 7, None), ("21", "prefix"), ("11" * 8, "prefix"), ("ff" * 8, "too long")):
        changed = block.copy()
        changed[:8] = np.frombuffer(bytes.fromhex(lengths.ljust(16, "0")), np.uint8)
        refused(changed, 1000, 16, reason or "stream")
    with pytest.raises(_core.CoreError, match="outside of its alphabet"):
        _core.huffman_encode(symbols, 2)
    with pytest.raises(_core.CoreError, match="2 to 256"):
        _core.huffman_decode(block, 1, 300)


def test_damaged_blocks() -> None:
    """Changed anywhere, a block decodes to as many symbols, or is refused."""
    rng = random.Random(1)
    symbols = skewed(400, 32)
    block = _core.huffman_encode(symbols, 32)
    seen: Counter[bool] = Counter()
    for _ in range(5000):
        damaged = block.copy()
        for _ in range(rng.choice((1, 1, 3))):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        end = rng.choice((len(damaged), len(damaged), rng.randrange(len(damaged))))
        try:
            decoded = _core.huffman_decode(damaged[:end].copy(), 400, 32)
            assert len(decoded) == 400
            assert decoded.max() < 32
            seen[True] += 1
        except _core.CoreError:
            seen[False] += 1
    assert seen[True] > 50
    assert seen[False] > 500
