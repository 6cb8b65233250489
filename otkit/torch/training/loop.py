"""The loop: batches in, steps made, looks taken, checkpoints kept."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from otkit.errors import Diverged, TrainingInterrupted, Unsupported
from otkit.interrupts import Asked, waiting_for_the_step
from otkit.progress import Progress, listening, report
from otkit.torch.critics import FILE as CRITIC
from otkit.torch.critics import save_critic
from otkit.torch.lines import first_line
from otkit.torch.losses import CramerCritic
from otkit.torch.programs import save_program
from otkit.torch.training import checkpoint
from otkit.torch.training.config import TrainConfig
from otkit.torch.training.feed import Split
from otkit.torch.training.folder import refuse_change
from otkit.torch.training.history import History
from otkit.torch.training.monitor import Monitor
from otkit.torch.training.networks import with_plain_weights
from otkit.torch.training.ranks import Ranks
from otkit.torch.training.run import GENERATOR, Run, in_batches
from otkit.torch.training.seeds import Seeds, noise_of
from otkit.torch.training.steps import Steps
from otkit.torch.training.units import InOuterUnits
from otkit.torch.training.whole import saying_what_stays

if TYPE_CHECKING:
    from otkit.torch.training.trainer import Trainer

ANCHORS = 512  # generated samples in the critic of a Cramer GAN
LOOKS = 50  # steps between checks for NaN where a check stops a GPU
SHOWN = 0.1  # seconds between reports of progress
Callback = Callable[["Trainer", dict[str, Any]], object]


class Loop:
    """One call of `fit`: all that changes while it runs, and what it leaves in the folder."""

    def __init__(self, config: TrainConfig, data: Split, networks: tuple[nn.Module, nn.Module | None],
                 device: torch.device, ranks: Ranks, folder: Path | None, toy: Any,
                 tensorboard: bool) -> None:  # fmt: skip
        self.config, self.data, self.ranks, self.folder, self.device = config, data, ranks, folder, device
        self.steps = Steps(*networks, config, device, ranks)
        self.history = History(folder if ranks.first else None, tensorboard=tensorboard and ranks.first)
        watched = config.monitor_every and ranks.first
        self.monitor = Monitor(data.held_out, config.monitor_size, toy, data.units) if watched else None
        self.seeds = Seeds.of(config.seed)
        self.at, self.seconds, self.report = 0, 0.0, None
        self._saved, self._shown = -1, 0.0

    # --- the loop --------------------------------------------------------------------------------------------------

    def run(self, trainer: Trainer, callbacks: Sequence[Callback]) -> Run:
        config, stopped = self.config, "all steps made"
        began = time.perf_counter() - self.seconds
        try:
            with waiting_for_the_step() as asked:
                while self.at < config.steps and not stopped.startswith("ended"):
                    self._step()
                    self.seconds = time.perf_counter() - began
                    stopped = self._after_step(trainer, callbacks, asked) or stopped
        except KeyboardInterrupt:
            raise TrainingInterrupted(self._where_it_stopped(), self._run("interrupted")) from None
        finally:
            self.history.close()
        self.save()
        run = self._run(stopped.removeprefix("ended: "))
        self._export(run)
        return run

    def advance(self) -> None:
        """One generator step and the look for NaN that follows it: the loop without looks, records and checkpoints."""
        self._step()
        self._refuse_nan()

    def _step(self) -> None:
        """One generator step, after its critic steps."""
        config, steps, feed = self.config, self.steps, self.data.feed
        early = config.n_critic_early if self.at < config.early_steps else 0
        for fake in steps.fakes(early or config.n_critic):
            steps.critic(feed.next(), fake)
        game = steps.objective
        steps.generator(feed.next() if game is None or game.needs_real_in_generator else None)
        self.at += 1
        steps.decay(self.at)

    def _after_step(self, trainer: Trainer, callbacks: Sequence[Callback], asked: Asked) -> str:
        """Looks and saves where it is time to; why the run is to end, or an empty string."""
        config, last, ended = self.config, self.at == self.config.steps, ""
        look = config.monitor_every and (self.at % config.monitor_every == 0 or last)
        save = config.checkpoint_every and self.at % config.checkpoint_every == 0 and not last
        interrupted = self.ranks.any(asked.once)
        if look or save or last or interrupted:
            self._refuse_nan(thorough=True)
        elif self.at % (1 if self.device.type == "cpu" else LOOKS) == 0:
            self._refuse_nan()
        if look:
            ended = self._record(trainer, callbacks)
        self._show()
        if save or (interrupted and not last):
            self.save()
        if interrupted and not last:
            raise KeyboardInterrupt
        return ended

    def _where_it_stopped(self) -> str:
        where = f"training stopped at step {self.at} of {self.config.steps}"
        if self.folder is None:
            return where
        if self._saved < 0:
            return f"{where}, inside it and before the first checkpoint in {self.folder}"
        return f"{where}; the checkpoint of step {self._saved} is in {self.folder}, go on with resume=True"

    def _refuse_nan(self, *, thorough: bool = False) -> None:
        bad = self.steps.bad_tensor(thorough=thorough)
        if bad is None:
            return
        kept = f"the checkpoint of step {self._saved} is kept" if self._saved >= 0 else "there is no checkpoint yet"
        raise Diverged(
            f"training diverged at step {self.at}: NaN or infinite in {bad}; {kept}. Lower the learning rates "
            "(lr_critic, lr_generator), raise penalty_weight, or look at the data for outliers.",
            self.at,
        )

    # --- looks -----------------------------------------------------------------------------------------------------

    def _record(self, trainer: Trainer, callbacks: Sequence[Callback]) -> str:
        """Looks, writes the record, asks callbacks and the early stop; why to end, or an empty string."""
        record: dict[str, Any] = {"step": self.at, "seconds": round(self.seconds, 3), **self.steps.means()}
        if self.monitor is not None:
            seen, self.report = self.monitor.look(self._generate, self._scoring())
            record |= seen
        ended = ""
        if self.ranks.first:
            self.history.append(record)
            try:
                wanted = any([callback(trainer, record) is True for callback in callbacks])
            except Exception:  # the caller's own: its run must not be lost by it
                if self.ranks.world == 1:
                    self.save()
                raise
            if wanted:
                ended = "ended: by a callback"
            elif self._stale():
                ended = f"ended: no better W_1 in {self.config.early_stop} records"
        return ended if not self.ranks.agree(bool(ended)) else ended or "ended: by the first process"

    def _stale(self) -> bool:
        best = self.history.best()
        if not self.config.early_stop or best is None:
            return False
        return sum(record["step"] > best["step"] for record in self.history.records) >= self.config.early_stop

    def _show(self) -> None:
        """Progress for whoever listens, with the figures of the last record."""
        now = time.perf_counter()
        if not listening() or (now - self._shown < SHOWN and self.at < self.config.steps):
            return
        self._shown = now
        parts = [f"step {self.at} of {self.config.steps}"]
        record = self.history.records[-1] if self.history.records else {}
        names = (("critic_estimate", "critic"), ("w1", "W_1"), ("floor", "floor"), ("sliced_w1", "sliced W_1"),
                 ("sliced_floor", "floor"), ("captured", "captured"), ("modes", "modes"))  # fmt: skip
        parts += [f"{label} {record[key]:.4g}" for key, label in names if record.get(key) is not None]
        report(Progress(self.config.method, ", ".join(parts), self.at / self.config.steps))

    def _generate(self, count: int) -> torch.Tensor:
        """Samples of the averaged generator, in the units of training, of the same noise at every look."""
        random = torch.Generator().manual_seed(self.seeds.monitor)  # no number of the training's
        noise = lambda count: noise_of(self.config, count, random).to(self.device)  # noqa: E731
        generated = in_batches(self._averaged(), noise, count)
        if not bool(generated.isfinite().all()):
            raise Diverged(
                f"training diverged at step {self.at}: the generator's samples are NaN or infinite.", self.at
            )
        return generated

    def _scoring(self) -> nn.Module | None:
        """The critic as one number a sample: an embedding's needs generated samples to compare with."""
        critic = self.steps.net_c
        if critic is None or self.steps.objective.critic_features == 1:
            return critic
        return CramerCritic(critic, self._generate(ANCHORS).to(self.device))

    def _averaged(self) -> nn.Module:
        if self.steps.average is None:
            return self.steps.net_g
        net = copy.deepcopy(self.steps.net_g)
        with torch.no_grad():
            for mine, averaged in zip(net.parameters(), self.steps.average):
                mine.copy_(averaged)
        return net

    # --- what is kept ----------------------------------------------------------------------------------------------

    def save(self) -> None:
        """A checkpoint of the state between two steps."""
        if self.folder is not None and self._saved != self.at:
            if self.ranks.first:
                checkpoint.write(self.folder, self._state())
            self._saved = self.at
            self.ranks.wait()

    def _state(self) -> dict[str, Any]:
        steps = self.steps
        return {
            "step": self.at, "seconds": self.seconds, "config": self.config.to_dict(),
            "generator": steps.net_g.state_dict(), "opt_generator": steps.opt_g.state_dict(),
            "critic": None if steps.net_c is None else steps.net_c.state_dict(),
            "opt_critic": None if steps.opt_c is None else steps.opt_c.state_dict(),
            "average": steps.average, "random": steps.random.get_state(), "global": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
            "feed": self.data.feed.state(), "records": self.history.records, "sums": steps.sums,
        }  # fmt: skip

    def restore(self) -> None:
        """The state of the folder's checkpoint; without one, the beginning."""
        state = checkpoint.read(self.folder)
        if state is None:
            self.history.restore([])
            return
        try:
            refuse_change(self.folder, state["config"], self.config)
            self._restore(state)
        except (RuntimeError, ValueError, TypeError, KeyError, AttributeError) as error:
            if isinstance(error, Unsupported):
                raise
            raise Unsupported(
                f"{self.folder}: the checkpoint is of other networks than these ({first_line(error)})."
            ) from None

    def _restore(self, state: dict[str, Any]) -> None:
        steps = self.steps
        steps.net_g.load_state_dict(state["generator"])
        steps.opt_g.load_state_dict(state["opt_generator"])
        if steps.net_c is not None:
            steps.net_c.load_state_dict(state["critic"])
            steps.opt_c.load_state_dict(state["opt_critic"])
        if steps.average is not None:
            steps.average = [tensor.to(self.device) for tensor in state["average"]]
        steps.sums = {name: (total.to(self.device), count) for name, (total, count) in state["sums"].items()}
        if state["random"].shape == steps.random.get_state().shape:
            steps.random.set_state(state["random"])
        else:  # of another kind of device, whose numbers would be others anyway
            steps.random.manual_seed(self.seeds.noise + state["step"])
        self.data.feed.restore(state["feed"])  # may draw from torch's own generator, which is set after it
        torch.set_rng_state(state["global"])
        if state["cuda"] is not None and self.device.type == "cuda":
            torch.cuda.set_rng_state(state["cuda"], self.device)
        self.history.restore(state["records"] if self.ranks.first else [])
        self.at, self.seconds, self._saved = state["step"], state["seconds"], state["step"]
        steps.decay(self.at)

    def _run(self, stopped: str) -> Run:
        critic, generator = self._scoring(), self._averaged()
        for net in (critic, generator):
            if net is not None:
                net.eval()
        return Run(generator, critic, self.history, self.config, self.data.shape, self.data.units, self.at, stopped,
                   self.report, self.folder)  # fmt: skip

    def _export(self, run: Run) -> None:
        if self.folder is None or not self.ranks.first:
            return
        units = run.units.to(self.device)
        with saying_what_stays(self.folder / GENERATOR):
            net = InOuterUnits(with_plain_weights(run.generator), units, generator=True)
            save_program(net, str(self.folder / GENERATOR), torch.zeros(1, self.config.noise_dim))
        if run.critic is not None:
            with saying_what_stays(self.folder / CRITIC):
                net = InOuterUnits(with_plain_weights(run.critic), units, generator=False)
                save_critic(net, self.folder, torch.zeros(1, *self.data.shape))
