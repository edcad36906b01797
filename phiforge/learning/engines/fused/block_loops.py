"""The loops of batch normalisation, max-pooling and ReLU in one, and of its derivatives: see ``block``.

``side`` is that of the windows of which maxima are taken: 2, or 1 where nothing is pooled and ``chosen`` is 0 or
``OFF``.
"""

import numpy as np

from phiforge.learning.engines.fused.compiled import OFF, Array, compiled


@compiled
def moments(z: Array, mean: Array, variance: Array) -> None:
    """Fill ``mean`` and biased ``variance`` [channels] of ``z``, summed as distances from its first row."""
    images, height, width, channels = z.shape
    positions = images * height * width
    rows = z.reshape(positions, channels)
    first = rows[0].copy()
    total = np.zeros(channels)
    squares = np.zeros(channels)
    for row in range(positions):
        for c in range(channels):
            distance = np.float64(rows[row, c] - first[c])
            total[c] += distance
            squares[c] += distance * distance
    for c in range(channels):
        offset = total[c] / positions
        mean[c] = first[c] + offset
        variance[c] = max(0.0, squares[c] / positions - offset * offset)


@compiled
def forward(z: Array, scale: Array, shift: Array, y: Array, chosen: Array) -> None:
    """Fill ``y`` = relu(max_pool(z * scale + shift)) and ``chosen``; ``scale``, ``shift`` [channels]."""
    images, height, width, channels = y.shape
    for n in range(images):
        for i in range(height):
            for j in range(width):
                z0, z1 = z[n, 2 * i, 2 * j], z[n, 2 * i, 2 * j + 1]
                z2, z3 = z[n, 2 * i + 1, 2 * j], z[n, 2 * i + 1, 2 * j + 1]
                out, which = y[n, i, j], chosen[n, i, j]
                for c in range(channels):
                    a, b = scale[c], shift[c]
                    best, index = z0[c] * a + b, np.uint8(0)
                    t = z1[c] * a + b
                    index = np.uint8(1) if t > best else index
                    best = t if t > best else best
                    t = z2[c] * a + b
                    index = np.uint8(2) if t > best else index
                    best = t if t > best else best
                    t = z3[c] * a + b
                    index = np.uint8(3) if t > best else index
                    best = t if t > best else best
                    off = best <= 0
                    out[c] = z.dtype.type(0) if off else best
                    which[c] = np.uint8(OFF) if off else index


@compiled
def rectified(z: Array, scale: Array, shift: Array, y: Array, chosen: Array) -> None:
    """Fill ``y`` = relu(z * scale + shift) and ``chosen``, without pooling; ``scale``, ``shift`` [channels]."""
    images, height, width, channels = y.shape
    for n in range(images):
        for i in range(height):
            for j in range(width):
                inner, out, which = z[n, i, j], y[n, i, j], chosen[n, i, j]
                for c in range(channels):
                    t = inner[c] * scale[c] + shift[c]
                    off = t <= 0
                    out[c] = z.dtype.type(0) if off else t
                    which[c] = np.uint8(OFF) if off else np.uint8(0)


@compiled
def sums(g: Array, chosen: Array, z: Array, mean: Array, side: int, plain: Array, weighted: Array) -> None:
    """Fill ``plain`` = Σ g and ``weighted`` = Σ g (z - mean) [channels], float64, over the positions chosen."""
    images, height, width, channels = g.shape
    zero = z.dtype.type(0)
    total = np.zeros((2, channels))
    first, second = total[0], total[1]
    center = mean.copy()
    for n in range(images):
        for i in range(height):
            for j in range(width):
                slope, which = g[n, i, j], chosen[n, i, j]
                for c in range(channels):
                    first[c] += slope[c] if which[c] < OFF else zero
                for k in range(side * side):
                    inner = z[n, side * i + k // side, side * j + k % side]
                    for c in range(channels):
                        second[c] += (slope[c] if which[c] == k else zero) * (inner[c] - center[c])
    plain[:] = first
    weighted[:] = second


@compiled
def spread(g: Array, chosen: Array, z: Array, factors: Array, side: int, out: Array) -> None:
    """Fill ``out`` = f0 G + f1 + f2 z, where G is ``g`` where it was chosen, else 0; ``factors`` [3, channels]."""
    through, constant, linear = factors[0], factors[1], factors[2]
    images, height, width, channels = z.shape
    rows, columns = g.shape[1], g.shape[2]
    zero = z.dtype.type(0)
    for n in range(images):
        for i in range(rows):
            for j in range(columns):
                slope, which = g[n, i, j], chosen[n, i, j]
                for k in range(side * side):
                    y, x = side * i + k // side, side * j + k % side
                    inner, result = z[n, y, x], out[n, y, x]
                    for c in range(channels):
                        part = slope[c] if which[c] == k else zero
                        result[c] = through[c] * part + (constant[c] + linear[c] * inner[c])
        for i in range(height):
            for j in range(side * columns if i < side * rows else 0, width):
                for c in range(channels):
                    out[n, i, j, c] = constant[c] + linear[c] * z[n, i, j, c]


@compiled
def second_sums(
    h: Array, g: Array, chosen: Array, z: Array, mean: Array, side: int, plain: Array, weighted: Array, met: Array
) -> None:
    """Fill ``plain`` = Σ h, ``weighted`` = Σ h (z - mean) over all positions and ``met`` = Σ g h over the chosen."""
    images, height, width, channels = z.shape
    positions = images * height * width
    hs, zs = h.reshape(positions, channels), z.reshape(positions, channels)
    zero = z.dtype.type(0)
    total = np.zeros((3, channels))
    first, second, third = total[0], total[1], total[2]
    center = mean.copy()
    for row in range(positions):
        outer, inner = hs[row], zs[row]
        for c in range(channels):
            first[c] += outer[c]
            second[c] += outer[c] * (inner[c] - center[c])
    for n in range(images):
        for i in range(g.shape[1]):
            for j in range(g.shape[2]):
                slope, which = g[n, i, j], chosen[n, i, j]
                for k in range(side * side):
                    outer = h[n, side * i + k // side, side * j + k % side]
                    for c in range(channels):
                        third[c] += (slope[c] if which[c] == k else zero) * outer[c]
    plain[:] = first
    weighted[:] = second
    met[:] = third


@compiled
def second_spread(
    h: Array, g: Array, chosen: Array, z: Array, factors: Array, side: int, to_z: Array, to_g: Array
) -> None:
    """Fill ``to_z`` = f0 h + f1 G + f2 + f3 z and ``to_g`` = f4 h + f5 + f6 z as chosen; ``factors`` [7, channels]."""
    images, height, width, channels = z.shape
    rows, columns = g.shape[1], g.shape[2]
    f0, f1, f2, f3 = factors[0], factors[1], factors[2], factors[3]
    f4, f5, f6 = factors[4], factors[5], factors[6]
    zero = z.dtype.type(0)
    for n in range(images):
        for i in range(rows):
            for j in range(columns):
                slope, which, back = g[n, i, j], chosen[n, i, j], to_g[n, i, j]
                for c in range(channels):
                    back[c] = zero
                for k in range(side * side):
                    y, x = side * i + k // side, side * j + k % side
                    inner, outer, result = z[n, y, x], h[n, y, x], to_z[n, y, x]
                    for c in range(channels):
                        here = which[c] == k
                        part = slope[c] if here else zero
                        result[c] = f0[c] * outer[c] + f1[c] * part + (f2[c] + f3[c] * inner[c])
                        found = f4[c] * outer[c] + (f5[c] + f6[c] * inner[c])
                        back[c] = found if here else back[c]
        for i in range(height):
            for j in range(side * columns if i < side * rows else 0, width):
                for c in range(channels):
                    to_z[n, i, j, c] = f0[c] * h[n, i, j, c] + (f2[c] + f3[c] * z[n, i, j, c])
