"""Normal equations of frames in a row, each joined to the two after it. numpy, and scipy to solve them."""

from __future__ import annotations

import numpy as np


class BandedNormal:
    """Normal equations of T frames with n unknowns each, all zero at first.

    Attributes:
        same: (T, n, n) of a frame with itself. next: (T - 1, n, n) of the next frame (rows) with it (columns).
        gradient: (T, n) the right side.
    """

    def __init__(self, count: int, size: int):
        self._size = size
        self.same = np.zeros((count, size, size))
        self.next = np.zeros((max(count - 1, 0), size, size))
        self._after_next = np.zeros((max(count - 2, 0), size))
        self.gradient = np.zeros((count, size))

    def add_second_difference(self, weight: np.ndarray, pull: np.ndarray) -> None:
        """Add squares of second differences of unknowns over time, ``weight`` (T - 2, n) each, that change by ``pull`` over
        their weight."""
        every = np.arange(self._size)
        for place, share in enumerate((1, -2, 1)):
            at = slice(place, len(self.same) - 2 + place)
            self.same[at, every, every] += share**2 * weight
            self.gradient[at] += share * pull
        self.next[:-1, every, every] -= 2 * weight
        self.next[1:, every, every] -= 2 * weight
        self._after_next += weight

    def solve(self, samples: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """(T, n) the unknowns, and (samples, T, n) draws from the normal distribution about them whose precision the
        equations are (zero mean; the same in each run)."""
        from scipy.linalg import cho_solve_banded, cholesky_banded
        from scipy.linalg.lapack import dtbtrs

        factor = cholesky_banded(self._banded().T, overwrite_ab=True, lower=True, check_finite=False)
        solution = cho_solve_banded((factor, True), self.gradient.ravel(), check_finite=False)
        draws = np.random.default_rng(0).standard_normal((samples, self.gradient.size))
        if samples:
            draws = dtbtrs(factor, draws.T, uplo="L", trans="T")[0].T
        return solution.reshape(self.gradient.shape), draws.reshape(samples, *self.gradient.shape)

    def _banded(self) -> np.ndarray:
        """(T n, 2 n + 1): the lower triangle, column by column, from the diagonal on."""
        count, size = self.gradient.shape
        wide, every = np.zeros((count, size, 4 * size)), np.arange(size)
        wide[..., :size] = self.same
        wide[..., every, every] += 1e-9
        wide[:-1, :, size : 2 * size] = np.swapaxes(self.next, 1, 2)
        if count > 2:
            wide[:-2, every, 2 * size + every] = self._after_next
        frame, row, column = wide.strides
        band = np.lib.stride_tricks.as_strided(
            wide, (count, size, 2 * size + 1), (frame, row + column, column)
        )
        return np.ascontiguousarray(band).reshape(count * size, 2 * size + 1)
