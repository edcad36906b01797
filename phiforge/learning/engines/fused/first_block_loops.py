"""The loops of the first block on images of one channel: see ``first_block``.

``x`` [n, height + 2, width + 2] are images with a border of zeros, ``weight`` [9, channels] filters.
"""

import numpy as np

from phiforge.learning.engines.fused.compiled import OFF, Array, compiled


@compiled
def patch_moments(x: Array, mean: Array, covariance: Array) -> None:
    """Fill ``mean`` [9] and ``covariance`` [9, 9] of the 3x3 patches of ``x`` [n, height + 2, width + 2] (padded)."""
    images, height, width = x.shape[0], x.shape[1] - 2, x.shape[2] - 2
    count = images * height * width
    first = np.zeros((9, width))
    second = np.zeros((9, 9, width))
    for n in range(images):
        for i in range(height):
            for k in range(9):
                a = x[n, i + k // 3, k % 3 : k % 3 + width]
                total = first[k]
                for j in range(width):
                    total[j] += a[j]
                for m in range(k + 1):
                    b = x[n, i + m // 3, m % 3 : m % 3 + width]
                    products = second[k, m]
                    for j in range(width):
                        products[j] += np.float64(a[j]) * np.float64(b[j])
    for k in range(9):
        mean[k] = first[k].sum() / count
    for k in range(9):
        for m in range(k + 1):
            covariance[k, m] = second[k, m].sum() / count - mean[k] * mean[m]
            covariance[m, k] = covariance[k, m]


@compiled
def first_forward(x: Array, weight: Array, shift: Array, y: Array, chosen: Array) -> None:
    """Fill ``y`` = relu(max_pool(conv(x) + shift)), ``chosen``; ``x`` as in patch_moments, ``weight`` [9, channels]."""
    images, height, width, channels = y.shape
    w0, w1, w2 = weight[0], weight[1], weight[2]
    w3, w4, w5 = weight[3], weight[4], weight[5]
    w6, w7, w8 = weight[6], weight[7], weight[8]
    for n in range(images):
        for i in range(height):
            r0, r1, r2, r3 = x[n, 2 * i], x[n, 2 * i + 1], x[n, 2 * i + 2], x[n, 2 * i + 3]
            for j in range(width):
                s = 2 * j
                a0, a1, a2, a3 = r0[s], r0[s + 1], r0[s + 2], r0[s + 3]
                b0, b1, b2, b3 = r1[s], r1[s + 1], r1[s + 2], r1[s + 3]
                c0, c1, c2, c3 = r2[s], r2[s + 1], r2[s + 2], r2[s + 3]
                d0, d1, d2, d3 = r3[s], r3[s + 1], r3[s + 2], r3[s + 3]
                out, which = y[n, i, j], chosen[n, i, j]
                for c in range(channels):
                    u0, u1, u2, u3, u4 = w0[c], w1[c], w2[c], w3[c], w4[c]
                    u5, u6, u7, u8, b = w5[c], w6[c], w7[c], w8[c], shift[c]
                    best = b + u0 * a0 + u1 * a1 + u2 * a2 + u3 * b0 + u4 * b1 + u5 * b2 + u6 * c0 + u7 * c1 + u8 * c2
                    index = np.uint8(0)
                    t = b + u0 * a1 + u1 * a2 + u2 * a3 + u3 * b1 + u4 * b2 + u5 * b3 + u6 * c1 + u7 * c2 + u8 * c3
                    index = np.uint8(1) if t > best else index
                    best = t if t > best else best
                    t = b + u0 * b0 + u1 * b1 + u2 * b2 + u3 * c0 + u4 * c1 + u5 * c2 + u6 * d0 + u7 * d1 + u8 * d2
                    index = np.uint8(2) if t > best else index
                    best = t if t > best else best
                    t = b + u0 * b1 + u1 * b2 + u2 * b3 + u3 * c1 + u4 * c2 + u5 * c3 + u6 * d1 + u7 * d2 + u8 * d3
                    index = np.uint8(3) if t > best else index
                    best = t if t > best else best
                    off = best <= 0
                    out[c] = x.dtype.type(0) if off else best
                    which[c] = np.uint8(OFF) if off else index


@compiled
def first_replay(x: Array, weight: Array, shift: Array, chosen: Array, y: Array) -> None:
    """Fill ``y`` = conv(x) + shift at the positions chosen before, 0 where off."""
    images, height, width, channels = y.shape
    w0, w1, w2 = weight[0], weight[1], weight[2]
    w3, w4, w5 = weight[3], weight[4], weight[5]
    w6, w7, w8 = weight[6], weight[7], weight[8]
    zero = x.dtype.type(0)
    for n in range(images):
        for i in range(height):
            r0, r1, r2, r3 = x[n, 2 * i], x[n, 2 * i + 1], x[n, 2 * i + 2], x[n, 2 * i + 3]
            for j in range(width):
                s = 2 * j
                a0, a1, a2, a3 = r0[s], r0[s + 1], r0[s + 2], r0[s + 3]
                b0, b1, b2, b3 = r1[s], r1[s + 1], r1[s + 2], r1[s + 3]
                c0, c1, c2, c3 = r2[s], r2[s + 1], r2[s + 2], r2[s + 3]
                d0, d1, d2, d3 = r3[s], r3[s + 1], r3[s + 2], r3[s + 3]
                out, which = y[n, i, j], chosen[n, i, j]
                for c in range(channels):
                    u0, u1, u2, u3, u4 = w0[c], w1[c], w2[c], w3[c], w4[c]
                    u5, u6, u7, u8, b = w5[c], w6[c], w7[c], w8[c], shift[c]
                    k = which[c]
                    t0 = b + u0 * a0 + u1 * a1 + u2 * a2 + u3 * b0 + u4 * b1 + u5 * b2 + u6 * c0 + u7 * c1 + u8 * c2
                    t1 = b + u0 * a1 + u1 * a2 + u2 * a3 + u3 * b1 + u4 * b2 + u5 * b3 + u6 * c1 + u7 * c2 + u8 * c3
                    t2 = b + u0 * b0 + u1 * b1 + u2 * b2 + u3 * c0 + u4 * c1 + u5 * c2 + u6 * d0 + u7 * d1 + u8 * d2
                    t3 = b + u0 * b1 + u1 * b2 + u2 * b3 + u3 * c1 + u4 * c2 + u5 * c3 + u6 * d1 + u7 * d2 + u8 * d3
                    t = t0 if k == 0 else t1 if k == 1 else t2 if k == 2 else t3
                    out[c] = t if k < OFF else zero


@compiled
def first_backward(x: Array, g: Array, chosen: Array, to_weight: Array, to_shift: Array) -> None:
    """Fill ``to_weight`` [9, channels] = Σ g · patch and ``to_shift`` [channels] = Σ g at the positions chosen."""
    images, height, width, channels = g.shape
    zero = x.dtype.type(0)
    to_weight[:] = 0
    to_shift[:] = 0
    part = np.zeros((10, channels), x.dtype)
    p0, p1, p2, p3, p4 = part[0], part[1], part[2], part[3], part[4]
    p5, p6, p7, p8, p9 = part[5], part[6], part[7], part[8], part[9]
    for n in range(images):
        part[:] = zero
        for i in range(height):
            r0, r1, r2, r3 = x[n, 2 * i], x[n, 2 * i + 1], x[n, 2 * i + 2], x[n, 2 * i + 3]
            for j in range(width):
                s = 2 * j
                a0, a1, a2, a3 = r0[s], r0[s + 1], r0[s + 2], r0[s + 3]
                b0, b1, b2, b3 = r1[s], r1[s + 1], r1[s + 2], r1[s + 3]
                c0, c1, c2, c3 = r2[s], r2[s + 1], r2[s + 2], r2[s + 3]
                d0, d1, d2, d3 = r3[s], r3[s + 1], r3[s + 2], r3[s + 3]
                slope, which = g[n, i, j], chosen[n, i, j]
                for c in range(channels):
                    k, v = which[c], slope[c]
                    v0 = v if k == 0 else zero
                    v1 = v if k == 1 else zero
                    v2 = v if k == 2 else zero
                    v3 = v if k == 3 else zero
                    p0[c] += v0 * a0 + v1 * a1 + v2 * b0 + v3 * b1
                    p1[c] += v0 * a1 + v1 * a2 + v2 * b1 + v3 * b2
                    p2[c] += v0 * a2 + v1 * a3 + v2 * b2 + v3 * b3
                    p3[c] += v0 * b0 + v1 * b1 + v2 * c0 + v3 * c1
                    p4[c] += v0 * b1 + v1 * b2 + v2 * c1 + v3 * c2
                    p5[c] += v0 * b2 + v1 * b3 + v2 * c2 + v3 * c3
                    p6[c] += v0 * c0 + v1 * c1 + v2 * d0 + v3 * d1
                    p7[c] += v0 * c1 + v1 * c2 + v2 * d1 + v3 * d2
                    p8[c] += v0 * c2 + v1 * c3 + v2 * d2 + v3 * d3
                    p9[c] += v0 + v1 + v2 + v3
        for k in range(9):
            for c in range(channels):
                to_weight[k, c] += part[k, c]
        for c in range(channels):
            to_shift[c] += p9[c]
