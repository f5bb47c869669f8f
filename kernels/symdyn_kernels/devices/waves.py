"""Transforms along axes of fields on a card, and sums of arrays: a thread for each number, or each pair of a complex number.

All arrays are of doubles; a complex number is its real and its imaginary part, one after the other.  Along an axis of n numbers
entry k of a line has the place ``(line*n + k)*inner``, plus a number below `inner`.
"""

from __future__ import annotations


def add(l, out, out_at, row, row_at, weight, fresh):
    """``out += weight*row``, or ``out = weight*row``."""
    product = weight * row[row_at + l]
    out[out_at + l] = product if fresh else out[out_at + l] + product


def add_by(l, out, out_at, row, row_at, weights, per, fresh):
    """The same with a weight for each number, or for each `per` of them."""
    product = weights[l // per] * row[row_at + l]
    out[out_at + l] = product if fresh else out[out_at + l] + product


def add_waves(l, out, out_at, row, row_at, weights, fresh):
    """The same for complex numbers and weights, a thread for each pair."""
    a, b, c, d = row[row_at + 2 * l], row[row_at + 2 * l + 1], weights[2 * l], weights[2 * l + 1]
    real, imaginary = a * c - b * d, a * d + b * c
    out[out_at + 2 * l] = real if fresh else out[out_at + 2 * l] + real
    out[out_at + 2 * l + 1] = imaginary if fresh else out[out_at + 2 * l + 1] + imaginary


def clear(l, out, out_at):
    """Zeros."""
    out[out_at + l] = 0.0


def take(l, out, out_at, row, row_at):
    """A copy."""
    out[out_at + l] = row[row_at + l]


def pair(l, out, out_at, row, row_at):
    """Complex numbers of real ones."""
    out[out_at + 2 * l] = row[row_at + l]
    out[out_at + 2 * l + 1] = 0.0


def real_part(l, out, out_at, row, row_at):
    """Real parts of complex numbers."""
    out[out_at + l] = row[row_at + 2 * l]


def total(r, row, row_at, length, threads, results):
    """The sum of every so many numbers, from the r-th on."""
    found = 0.0
    for l in range(r, length, threads):
        found += row[row_at + l]
    results[r] = found


def squares(r, error, before, after, at, length, threads, rtol, atol, results):
    """The sum of squares of errors over their tolerances, of every so many."""
    found = 0.0
    for l in range(at + r, at + length, threads):
        e = error[l] / (max(abs(before[l]), abs(after[l])) * rtol + atol)
        found += e * e
    results[r] = found


def wave(l, out, row, roots, n, inner, done, radix, scale):
    """One factor of a Fourier transform of n complex numbers, after factors whose product is `done`: Stockham's recurrence.

    With w = exp(-2 pi i/n) in `roots`, or its conjugates for the inverse, m = n/(done*radix), and q < done, p < m, u < radix,
    ``out[q + done*(radix*p + u)] = sum_j row[q + done*(p + m*j)]*w**(u*(done*p + j*n/radix))``.

    Reference: Van Loan, Computational Frameworks for the Fast Fourier Transform (1992), 1.7.
    """
    k = l // inner % n
    line = l // (inner * n) * n * inner + l % inner
    q, u, p = k % done, k // done % radix, k // done // radix
    m, apart = n // (done * radix), n // radix
    real, imaginary = 0.0, 0.0
    for j in range(radix):
        x = 2 * (line + (q + done * (p + m * j)) * inner)
        w = 2 * (u * (done * p + j * apart) % n)
        a, b, c, d = row[x], row[x + 1], roots[w], roots[w + 1]
        real += a * c - b * d
        imaginary += a * d + b * c
    out[2 * l] = real * scale
    out[2 * l + 1] = imaginary * scale


def half(l, out, row, n, some, inner):
    """The first `some` of n complex numbers of each line."""
    k, line, rest = l // inner % some, l // (inner * some), l % inner
    x = 2 * ((line * n + k) * inner + rest)
    out[2 * l] = row[x]
    out[2 * l + 1] = row[x + 1]


def whole(l, out, row, n, some, inner):
    """All n complex numbers of each line, which belong to real ones, of the first `some`."""
    k, line, rest = l // inner % n, l // (inner * n), l % inner
    mirrored = k >= some
    x = 2 * ((line * some + (n - k if mirrored else k)) * inner + rest)
    out[2 * l] = row[x]
    out[2 * l + 1] = -row[x + 1] if mirrored else row[x + 1]


def product(l, out, row, matrix, n, inner):
    """A real matrix times each line of n numbers."""
    k, line = l // inner % n, l // (inner * n) * n * inner + l % inner
    found = 0.0
    for j in range(n):
        found += matrix[k * n + j] * row[line + j * inner]
    out[l] = found


def product_waves(l, out, row, matrix, n, inner):
    """A complex matrix times each line of n complex numbers, a thread for each pair."""
    k, line = l // inner % n, l // (inner * n) * n * inner + l % inner
    real, imaginary = 0.0, 0.0
    for j in range(n):
        x, w = 2 * (line + j * inner), 2 * (k * n + j)
        a, b, c, d = row[x], row[x + 1], matrix[w], matrix[w + 1]
        real += a * c - b * d
        imaginary += a * d + b * c
    out[2 * l] = real
    out[2 * l + 1] = imaginary
