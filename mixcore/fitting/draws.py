"""Random numbers that stay the same: on every machine, in every order, with every numpy.

numpy promises the raw bits of its bit generators for good, not what `Generator` makes of them. So
distributions are made here from those bits, each stream named by (seed, purpose, name).
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_UNIFORM_BITS = 52
"""Bits of a uniform number: with half a step added, it is exact and never 0 or 1."""


def raw_bits(n: int, seed: int, *names: str) -> NDArray[np.uint64]:
    """`n` raw 64-bit numbers of the stream named by the seed and the names."""
    words = hashlib.sha256("/".join([str(seed), *names]).encode()).digest()
    stream = np.random.PCG64(int.from_bytes(words, "big"))
    bits: NDArray[np.uint64] = stream.random_raw(n)
    return bits


def uniforms(n: int, seed: int, *names: str) -> Floats:
    """`n` numbers within (0, 1), both ends excluded.

    >>> [round(float(u), 6) for u in uniforms(2, 42, "doctest")]
    [0.591847, 0.00946]
    """
    bits = raw_bits(n, seed, *names) >> np.uint64(64 - _UNIFORM_BITS)
    return (bits.astype(np.float64) + 0.5) / float(1 << _UNIFORM_BITS)


def indices(n: int, below: int, seed: int, *names: str) -> Ints:
    """`n` whole numbers of 0 .. below - 1, each equally likely (to 2^-32)."""
    bits = raw_bits(n, seed, *names) >> np.uint64(32)
    return (bits * np.uint64(below) >> np.uint64(32)).astype(np.int64)


def dirichlet(alphas: Floats, names: tuple[str, ...], seed: int, purpose: str) -> Floats:
    """Rows of Dirichlet draws.

    Column j depends on its own alphas and name only, until rows are normalised; so the order of
    domains changes nothing. Gamma variates of small shape underflow, hence logarithms:
    G(a) = G(a + 1) * U^(1/a).

    Args:
        alphas: Parameters, shape (rows, domains), all > 0.
        names: Of the domains.
        seed: The seed.
        purpose: Names the streams.

    Returns:
        Shares, shape (rows, domains); rows sum to 1.
    """
    rows = len(alphas)
    logs = np.empty(alphas.shape)
    for j, name in enumerate(names):
        a = alphas[:, j]
        above = gammaincinv(a + 1.0, uniforms(rows, seed, purpose, "gamma", name))
        power = uniforms(rows, seed, purpose, "power", name)
        logs[:, j] = np.log(above) + np.log(power) / a
    logs -= logs.max(axis=1, keepdims=True)
    shares = np.exp(logs)
    shares /= shares.sum(axis=1, keepdims=True)
    return shares
