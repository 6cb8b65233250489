"""The folder of a run: refused, begun, gone on with."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from otkit.errors import Unsupported
from otkit.torch.critics import FILE as CRITIC
from otkit.torch.training import checkpoint, history
from otkit.torch.training.config import TrainConfig
from otkit.torch.training.run import CONFIG, GENERATOR, holds_a_run, read_config
from otkit.torch.training.whole import sweep

MAY_CHANGE = ("steps", "monitor_every", "checkpoint_every", "early_stop", "device", "compile")


def checked_folder(out: str | os.PathLike | None, config: TrainConfig, *, resume: bool, force: bool) -> Path | None:
    """The folder, which may not be there yet; nothing is written. Refuses one that holds another run."""
    if resume and force:
        raise Unsupported("resume and force are both True: go on with the run, or overwrite it.")
    if out is None:
        if resume or force:
            raise Unsupported(f"{'resume' if resume else 'force'} needs out: the folder of the run.")
        return None
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise Unsupported(f"out {folder} is a file: name a folder.")
    if not holds_a_run(folder):
        return folder
    if resume:
        refuse_change(folder, read_config(folder).to_dict(), config)
    elif not force:
        raise Unsupported(
            f"out {folder}: there is a run in this folder. Go on with resume=True, or overwrite it with force=True."
        )
    return folder


def refuse_change(folder: Path, before: dict[str, Any], config: TrainConfig) -> None:
    """Refuses to go on with a run under another configuration than it was started with."""
    now = config.to_dict()
    if now["noise_dim"] is None:  # what suits the data, which the run has found out and written down
        before = before | {"noise_dim": None}
    changed = [key for key in now if now[key] != before.get(key) and key not in MAY_CHANGE]
    if changed:
        described = ", ".join(f"{key} {before.get(key)!r} is now {now[key]!r}" for key in changed)
        raise Unsupported(
            f"out {folder}: the run there was started otherwise: {described}. Only {', '.join(MAY_CHANGE)} may change."
        )


def begun(folder: Path, *, resume: bool) -> None:
    """Makes the folder, and clears it of what an older run or a killed process left, unless it is gone on with."""
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)
    if resume:
        return
    for name in (checkpoint.FILE, CONFIG, history.FILE, GENERATOR, CRITIC):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / history.BOARD, ignore_errors=True)
