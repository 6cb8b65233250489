"""The commands, assembled."""

from typing import Annotated

import typer

from otkit.cli.distance import distance
from otkit.cli.quickstart import quickstart
from otkit.cli.sample import sample
from otkit.cli.train import train
from otkit.cli.verify import verify

app = typer.Typer(
    help="Optimal transport for people who need the number to be right.",
    epilog="Exit codes: 0 answered, 2 bad input or usage, 3 not converged or not finished (what was reached is told).",
    add_completion=False,
    rich_markup_mode=None,  # plain help: no rich import, the same in a pipe and in a terminal
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        import otkit

        typer.echo(f"otkit {otkit.__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it and stop.")
    ] = False,
) -> None:
    pass


app.command()(distance)
app.command()(verify)
app.command()(train)
app.command()(sample)
app.command()(quickstart)
