"""`fastinfer`: the command line. One module per command."""

from __future__ import annotations

import typer

from fastinfer.cli import bench, compress, demo, inspect, profile, run

app = typer.Typer(
    name="fastinfer",
    help="Runs convolutional networks on CPUs, fast, and compressed ones compressed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("run")(run.run)
app.command("bench")(bench.bench)
app.command("inspect")(inspect.inspect)
app.command("compress")(compress.compress)
app.command("profile")(profile.profile)


if __name__ == "__main__":
    app()
