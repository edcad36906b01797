"""The loops of a block that normalises each image by itself, or not at all, and of its derivatives: ``example_block``.

Rows [n, channels] hold one number an image and channel; ``compiled`` says how maps lie in memory.
"""

import numpy as np

from phiforge.learning.engines.fused.compiled import OFF, Array, compiled


@compiled
def moments(z: Array, mean: Array, square: Array) -> None:
    """Fill ``mean`` and ``square``, the mean of squares, both [n, channels], of each image's positions."""
    images, height, width, channels = z.shape
    positions = height * width
    for n in range(images):
        total, squares = np.zeros(channels), np.zeros(channels)
        for i in range(height):
            for j in range(width):
                row = z[n, i, j]
                for c in range(channels):
                    value = np.float64(row[c])
                    total[c] += value
                    squares[c] += value * value
        for c in range(channels):
            mean[n, c] = total[c] / positions
            square[n, c] = squares[c] / positions


@compiled
def line(z: Array, base: Array, constant: Array, slope: Array, out: Array) -> None:
    """Fill ``out`` = base + constant + slope z; ``constant`` and ``slope`` [n, channels]."""
    images, height, width, channels = z.shape
    for n in range(images):
        a, b = constant[n], slope[n]
        for i in range(height):
            for j in range(width):
                row, under, found = z[n, i, j], base[n, i, j], out[n, i, j]
                for c in range(channels):
                    found[c] = under[c] + (a[c] + b[c] * row[c])


@compiled
def line_gradient(h: Array, z: Array, slope: Array, to_z: Array, plain: Array, met: Array) -> None:
    """Fill ``to_z`` = slope h, ``plain`` = Σ h and ``met`` = Σ h z of each image; rows [n, channels]."""
    images, height, width, channels = z.shape
    for n in range(images):
        b = slope[n]
        first, second = np.zeros(channels), np.zeros(channels)
        for i in range(height):
            for j in range(width):
                outer, row, found = h[n, i, j], z[n, i, j], to_z[n, i, j]
                for c in range(channels):
                    found[c] = b[c] * outer[c]
                    first[c] += outer[c]
                    second[c] += outer[c] * row[c]
        plain[n] = first
        met[n] = second


@compiled
def forward(z: Array, scale: Array, shift: Array, y: Array, chosen: Array) -> None:
    """Fill ``y`` = relu(max_pool(z * scale + shift)) and ``chosen``; ``scale``, ``shift`` [n, channels]."""
    images, height, width, channels = y.shape
    for n in range(images):
        scales, shifts = scale[n], shift[n]
        for i in range(height):
            for j in range(width):
                z0, z1 = z[n, 2 * i, 2 * j], z[n, 2 * i, 2 * j + 1]
                z2, z3 = z[n, 2 * i + 1, 2 * j], z[n, 2 * i + 1, 2 * j + 1]
                out, which = y[n, i, j], chosen[n, i, j]
                for c in range(channels):
                    a, b = scales[c], shifts[c]
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
def gradient(g: Array, chosen: Array, z: Array, scale: Array, to_z: Array, to_scale: Array, to_shift: Array) -> None:
    """Fill ``to_z`` = scale G, ``to_scale`` = Σ G z and ``to_shift`` = Σ G of each image; rows [n, channels]."""
    images, height, width, channels = z.shape
    rows, columns = g.shape[1], g.shape[2]
    zero = z.dtype.type(0)
    for n in range(images):
        a = scale[n]
        first, second = np.zeros(channels), np.zeros(channels)
        for i in range(rows):
            for j in range(columns):
                slope, which = g[n, i, j], chosen[n, i, j]
                for c in range(channels):
                    second[c] += slope[c] if which[c] < OFF else zero
                for k in range(4):
                    inner, result = z[n, 2 * i + k // 2, 2 * j + k % 2], to_z[n, 2 * i + k // 2, 2 * j + k % 2]
                    for c in range(channels):
                        part = slope[c] if which[c] == k else zero
                        result[c] = a[c] * part
                        first[c] += part * inner[c]
        for i in range(height):
            for j in range(2 * columns if i < 2 * rows else 0, width):
                for c in range(channels):
                    to_z[n, i, j, c] = zero
        to_scale[n] = first
        to_shift[n] = second


@compiled
def second(
    h: Array,
    g: Array,
    chosen: Array,
    z: Array,
    scale: Array,
    along_scale: Array,
    along_shift: Array,
    to_g: Array,
    to_z: Array,
    to_scale: Array,
) -> None:
    """Fill ``to_g`` = scale h + along_scale z + along_shift as chosen, ``to_z`` = along_scale G, ``to_scale`` = ΣGh."""
    images, height, width, channels = z.shape
    rows, columns = g.shape[1], g.shape[2]
    zero = z.dtype.type(0)
    for n in range(images):
        a, b, d = scale[n], along_scale[n], along_shift[n]
        total = np.zeros(channels)
        for i in range(rows):
            for j in range(columns):
                slope, which, back = g[n, i, j], chosen[n, i, j], to_g[n, i, j]
                for c in range(channels):
                    back[c] = zero
                for k in range(4):
                    y, x = 2 * i + k // 2, 2 * j + k % 2
                    inner, outer, result = z[n, y, x], h[n, y, x], to_z[n, y, x]
                    for c in range(channels):
                        here = which[c] == k
                        part = slope[c] if here else zero
                        result[c] = b[c] * part
                        total[c] += part * outer[c]
                        found = a[c] * outer[c] + b[c] * inner[c] + d[c]
                        back[c] = found if here else back[c]
        for i in range(height):
            for j in range(2 * columns if i < 2 * rows else 0, width):
                for c in range(channels):
                    to_z[n, i, j, c] = zero
        to_scale[n] = total
