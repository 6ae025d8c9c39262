"""Which frames a decoder left out: it skips what it cannot decode, often without a word."""

from __future__ import annotations

import heapq


class Numbering:
    """Told of every packet and every frame in the order they come, it says what is missing between.

    A packet without a frame is a lost frame only if time is missing as well: some codecs have packets
    that show nothing. Where there are no time stamps, each failure of the decoder counts as one frame.
    """

    def __init__(self):
        self._waiting: list[int] = []  # stamps of packets whose frames have not come yet; a heap
        self._last: int | None = None
        self._shortest: int | None = None  # time between two frames
        self._failures = 0

    def packet(self, stamp: int | None) -> None:
        """A packet goes to the decoder, to be shown at ``stamp``."""
        if stamp is not None:
            heapq.heappush(self._waiting, stamp)

    def failure(self) -> None:
        """The decoder refused something."""
        self._failures += 1

    def lost_before(self, stamp: int | None) -> list[int | None]:
        """A frame comes, to be shown at ``stamp``: the stamps of those that are lost before it."""
        failures, self._failures = self._failures, 0
        if stamp is None:
            return [None] * failures
        earlier = []
        while self._waiting and self._waiting[0] <= stamp:
            earlier.append(heapq.heappop(self._waiting))
        earlier = [e for e in earlier if e < stamp and (self._last is None or e > self._last)]
        if self._last is None:
            # A film may begin with packets that need one from before its beginning: no frames of it.
            lost = earlier if failures else []
        else:
            passed = stamp - self._last
            lost = earlier[: max(self._steps(passed, failures) - 1, 0)] if passed > 0 else []
            if passed > 0 and not lost:
                self._shortest = min(self._shortest or passed, passed)
        self._last = stamp
        return lost

    def lost_at_end(self) -> list[int | None]:
        """No more frames come: the stamps of those that should have."""
        if self._last is None:
            return []
        later = sorted(stamp for stamp in self._waiting if stamp > self._last)
        if not later:
            return [None] * self._failures
        return later[: self._steps(later[-1] - self._last, self._failures)]  # pyright: ignore[reportReturnType]

    def _steps(self, passed: int, failures: int) -> int:
        """How many frames' time has passed; where no two frames were near enough to tell, as many as failed."""
        # Not rounded to the nearest: half a frame's time is not a frame.
        return failures + 1 if self._shortest is None else int(passed / self._shortest + 0.4)
