"""Which quarters bind: the search for the regime, and when there is no other.

Where a constraint y >= -b on one variable of a linear model binds, its equation is replaced. In the
form of Holden (2023, REStat 105(6)) that is a linear complementarity problem: with q + b the
variable's path were the constraint never to bind, counted from the bound, and M its responses to
w >= 0 added to its equation in later quarters,

    w >= 0,    q + b + M w >= 0,    w' (q + b + M w) = 0.

Guess and verify: the first guess is that no quarter binds. Each round solves the guess, then flips
every quarter that contradicts it: slack ones below the bound, binding ones whose w is negative.
That is OccBin's iteration (Guerrieri and Iacoviello 2015, JME 70) and also block principal
pivoting. When the number of contradictions has not fallen for a few rounds, one quarter at a time
is flipped, the earliest first (Murty's rule) until it has. With this safeguard the search ends at
the solution whenever M is a P-matrix, one all of whose principal minors are positive (Judice and
Pires 1994, Computers and OR 21(5)), and then the solution is unique whatever q.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emulator.compiled import compiled
from emulator.worlds.base import FloatArray

Flags = NDArray[np.int8]

# Rounds of guess and verify. 478,000 plans of `zlb` took 6 at most; single flips take many more.
ROUNDS = 1_000
# Rounds without fewer contradictions before quarters are flipped singly (Judice and Pires use 10).
PATIENCE = 10
# A binding quarter stays binding while what it contradicts is less than this share of the bound. A
# quarter on the edge within rounding could otherwise flip for ever.
EDGE = 1e-11
# Quarters of which every principal minor is computed, 2^12 of them in .15 ms. Of more, only the
# leading ones are; `studies.bound` finds that they decide.
EVERY_MINOR = 12


@compiled()
def revise(
    binding: Flags, wrong: Flags, end: int, count: int, first: int, best: int, patience: int
) -> tuple[int, int]:
    """Flip what is `wrong` in the guess `binding` (both of `end` quarters, `count` of them wrong).

    `first` is the earliest of them. Returns (best, patience) for the next round; the search starts
    with more than there are quarters, and PATIENCE.
    """
    if count < best:
        best = count
        patience = PATIENCE
    else:
        patience -= 1
    if patience > 0:
        for t in range(end):
            if wrong[t]:
                binding[t] = 1 - binding[t]
    else:
        binding[first] = 1 - binding[first]
    return best, patience


@compiled()
def solve_in_place(a: FloatArray, b: FloatArray) -> bool:
    """Overwrite b (n, c) with a^-1 b, by elimination with partial pivoting; False if singular."""
    n, c = b.shape
    for i in range(n):
        pivot = i
        for row in range(i + 1, n):
            if abs(a[row, i]) > abs(a[pivot, i]):
                pivot = row
        if not abs(a[pivot, i]) > 0.0:
            return False
        if pivot != i:
            for j in range(n):
                a[i, j], a[pivot, j] = a[pivot, j], a[i, j]
            for j in range(c):
                b[i, j], b[pivot, j] = b[pivot, j], b[i, j]
        for row in range(i + 1, n):
            factor = a[row, i] / a[i, i]
            if factor != 0.0:
                for j in range(i + 1, n):
                    a[row, j] -= factor * a[i, j]
                for j in range(c):
                    b[row, j] -= factor * b[i, j]
    for i in range(n - 1, -1, -1):
        for j in range(c):
            total = b[i, j]
            for row in range(i + 1, n):
                total -= a[i, row] * b[row, j]
            b[i, j] = total / a[i, i]
    return True


@compiled()
def unique_quarters(m: FloatArray, every: int) -> int:
    """The most quarters k for which the leading block M[:k, :k] of M (K, K) passes as a P-matrix.

    Its leading principal minors are positive, and so is every other one of its first `every`
    quarters.
    """
    size = len(m)
    work = m.copy()
    count = 0
    while count < size and work[count, count] > 0.0:  # a pivot is a ratio of leading minors
        for i in range(count + 1, size):
            factor = work[i, count] / work[count, count]
            for j in range(count + 1, size):
                work[i, j] -= factor * work[count, j]
        count += 1
    few = min(count, every)
    while few > 0 and not _every_minor(m[:few, :few].copy()):
        few -= 1
        count = few
    return count


@compiled()
def _every_minor(a: FloatArray) -> bool:
    """Whether every principal minor of a (n, n) is positive (Tsatsomeros and Li 2000, BIT 40(3)).

    So it is if the first entry is positive and the same holds for what is left without the first
    row and column, and for the Schur complement of that entry.
    """
    n = len(a)
    if not a[0, 0] > 0.0:
        return False
    if n == 1:
        return True
    rest = a[1:, 1:].copy()
    if not _every_minor(rest):
        return False
    for i in range(n - 1):
        factor = a[i + 1, 0] / a[0, 0]
        for j in range(n - 1):
            rest[i, j] -= factor * a[0, j + 1]
    return _every_minor(rest)
