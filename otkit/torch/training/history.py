"""The records of a run, one per look of the monitor, in memory, in CSV, and on TensorBoard."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

from otkit.torch.training.whole import saying_what_stays, written_whole

FILE = "history.csv"
BOARD = "tensorboard"
COLUMNS = (
    "step", "seconds", "critic_estimate", "critic_loss", "generator_loss", "penalty", "consistency", "w1", "floor",
    "raw", "slope", "rescaled", "tightened", "captured", "nearest", "sliced_w1", "sliced_floor", "modes",
    "high_quality",
)  # fmt: skip
DISTANCES = ("w1", "sliced_w1")  # of which a record has one


class History:
    """Records in order, each a dictionary; `rank_correlation` says whether the curve means anything.

    Every record has step and seconds, the means since the record before (critic_estimate, critic_loss,
    generator_loss, penalty, consistency, where there are such), and what the monitor saw on held-out samples: w1 and
    floor, raw, slope, rescaled, tightened, captured and nearest as in `otkit.CriticReport`; or sliced_w1, sliced_floor,
    raw and slope where monitor_size is large; modes and high_quality where a toy was given.

    >>> history = History()
    >>> for step, (estimate, w1) in enumerate([(3.0, 2.0), (2.0, 1.0), (1.0, 0.5)]):
    ...     history.append({"step": step, "critic_estimate": estimate, "w1": w1})
    >>> history.rank_correlation()
    1.0
    """

    def __init__(self, folder: Path | None = None, *, tensorboard: bool = False) -> None:
        self.records: list[dict[str, Any]] = []
        self._folder = folder
        self._board: Any = None
        self._writer = _writer() if tensorboard and folder is not None else None

    def append(self, record: dict[str, Any]) -> None:
        """One more record, also at the end of history.csv."""
        self.records.append(record)
        if self._folder is not None:
            path = self._folder / FILE
            with saying_what_stays(path):
                new = not path.exists()
                _write(path, [record], header=new)
        if self._writer is not None:
            self._show(record)

    def restore(self, records: list[dict[str, Any]]) -> None:
        """The records up to a checkpoint; the file is written anew, without those of steps that will be made again."""
        self.records = [dict(record) for record in records]
        if self._folder is None:
            return
        if not self.records:
            (self._folder / FILE).unlink(missing_ok=True)
            return
        with written_whole(self._folder / FILE) as unfinished:
            _write(unfinished, self.records, header=True)

    def best(self) -> dict[str, Any] | None:
        """The record of smallest exact W_1; of smallest sliced W_1 where no record has an exact one."""
        name = self.distance
        seen = [record for record in self.records if record.get(name) is not None]
        return min(seen, key=lambda record: record[name]) if seen else None

    @property
    def distance(self) -> str:
        """The column of the distance to the data: w1, or sliced_w1 where no record has the exact one."""
        return next((name for name in DISTANCES if any(r.get(name) is not None for r in self.records)), DISTANCES[0])

    def rank_correlation(self, of: str = "critic_estimate", against: str | None = None) -> float | None:
        """Spearman's rank correlation of two columns over all records, the second the distance to the data unless
        given; None below three records or without spread."""
        against = self.distance if against is None else against
        pairs = [(r[of], r[against]) for r in self.records if r.get(of) is not None and r.get(against) is not None]
        pairs = [pair for pair in pairs if all(map(math.isfinite, pair))]
        if len(pairs) < 3 or any(len({pair[side] for pair in pairs}) < 2 for side in (0, 1)):
            return None
        from scipy.stats import spearmanr

        return float(spearmanr([one for one, _ in pairs], [other for _, other in pairs]).statistic)

    def close(self) -> None:
        """Nothing is written after it."""
        if self._board is not None:
            self._board.close()
            self._board = None

    def _show(self, record: dict[str, Any]) -> None:
        if self._board is None:  # steps that are made again after resuming replace those shown before
            self._board = self._writer(str(self._folder / BOARD), purge_step=record["step"])
        for name, value in record.items():
            if name != "step" and isinstance(value, int | float) and math.isfinite(value):
                self._board.add_scalar(name, value, record["step"])
        self._board.flush()


def _write(path: Path, records: list[dict[str, Any]], *, header: bool) -> None:
    with open(path, "a", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS, extrasaction="ignore")
        if header:
            writer.writeheader()
        writer.writerows(records)


def _writer() -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise ImportError(
            "tensorboard=True needs the package tensorboard; install it with: pip install 'otkit[torch]'"
        ) from None
    return SummaryWriter
