"""Measures PeekFS side by side with curl, rclone, httpdirfs and filesystems in C, and prints a Markdown table.

Rows: cold link narrow warm seek ffprobe (bytes), ls tag stat large rate (names and attributes). Figures are medians of
runs that take turns. Nothing is judged by the exit code: a slow machine is no error.
"""
import argparse
import datetime
import pathlib
import sys

from . import metadata, reading
from .report import Missing, document, heading, line, machine
from .tools import gather, versions
from .work import Failure, Work, say

ROWS = {**reading.ROWS, **metadata.ROWS}


class Bench:
    """What all rows need."""

    def __init__(self, work, tools, options):
        self.work, self.tools = work, tools
        self.is_quick, self.is_large = options.quick, options.large
        self.runs = options.runs or (1 if options.quick else 5)

    def scaled(self, usual, quick=None):
        """A size; a smaller one for a quick look."""
        return (quick or max(1, usual // 8)) if self.is_quick else usual

    def need(self, tool):
        if tool not in self.tools:
            raise Failure(f"{tool} is not to be had here")
        return self.tools[tool]


def arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", help="only these, such as cold,ls")
    parser.add_argument("--json", metavar="FILE", help="write all samples there")
    parser.add_argument("--runs", type=int, metavar="N", help="how often everything is measured (5)")
    parser.add_argument("--quick", action="store_true", help="small and once: to see that it works")
    parser.add_argument("--large", action="store_true", help="a million scenes instead of a hundred thousand")
    for hidden in ("--programs", "--tools"):
        parser.add_argument(hidden, type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.rows = options.rows.split(",") if options.rows else list(ROWS)
    if unknown := set(options.rows) - set(ROWS):
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    return options


def main():
    options = arguments()
    tools = gather(options.tools)
    tools |= {name: str(options.programs / name) for name in ("peekfs", "fake-stash")}
    rows = []
    print(heading(), flush=True)
    with Work() as work:
        bench = Bench(work, tools, options)
        for name in options.rows:
            say(f"row {name}")
            try:
                for row in ROWS[name](bench):
                    rows.append(row)
                    print(line(row.cells()), flush=True)
            except Failure as failure:
                rows.append(Missing(name, str(failure)))
                print(line(rows[-1].cells()), flush=True)
    times = "once each" if bench.runs == 1 else f"{bench.runs} runs each, taking turns"
    print(f"\n{datetime.date.today():%-d %B %Y}; {machine()}; {times}.")
    if options.json:
        pathlib.Path(options.json).write_text(document(rows, bench.runs, versions(tools)))


try:
    main()
except KeyboardInterrupt:
    sys.exit(130)
