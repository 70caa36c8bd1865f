"""Measure pynn beside torch, JAX, ONNX Runtime and NumPy, whichever are installed, row by row.

    python -m pynn.bench                     everything
    python -m pynn.bench conv pool           two families
    python -m pynn.bench rnn --match train   only the rows whose name has "train"
    python -m pynn.bench models --quick      what a minute tells
    python -m pynn.bench --list              what there is
    python -m pynn.bench --markdown page.md --chart page.svg --json page.json

Each side runs in a process of its own, in turn (A B A B); all must give pynn's results before they are timed.
The figures are medians. Let nothing else run meanwhile. The exit status is 1 where pynn's own result is wrong:
it failed, is not finite, or agrees with no other side.
"""

import argparse
import datetime
import importlib
import importlib.util
import os
import pathlib
import pkgutil
import shlex
import sys

from pynn.bench import chart, compare, machine, peak, report, rows, sides
from pynn.bench.row import EAGER, ROWS, Row
from pynn.bench.worker import Worker


def families() -> list[str]:
    """The names of all families, whole networks first."""
    names = sorted(module.name for module in pkgutil.iter_modules(rows.__path__))
    return sorted(names, key=lambda name: name != "models")


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """The options; exits with a message on wrong ones."""
    parser = argparse.ArgumentParser(prog="python -m pynn.bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("family", nargs="*", help="families to measure (all unless given)")
    parser.add_argument("--match", default="", help="only rows whose name has this text")
    parser.add_argument("--against", help="sides to compare with, by commas; 'none' for pynn alone (all unless given)")
    parser.add_argument("--compile", action="store_true", help="torch compile too, which takes its time")
    parser.add_argument("--threads", type=int, help="threads of each side (pynn's default unless given)")
    parser.add_argument("--seconds", type=float, help="time for a row, side and round")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--timeout", type=float, default=300, help="seconds after which a side has failed a row")
    parser.add_argument("--quick", action="store_true", help="one short round, without the long rows")
    parser.add_argument("--memory", action="store_true", help="the memory of training steps too (part of a full run)")
    parser.add_argument("--markdown", metavar="FILE", help="write the whole page")
    parser.add_argument("--chart", metavar="FILE", help="draw the ratios (.svg or .png; needs matplotlib)")
    parser.add_argument("--json", metavar="FILE", help="write all figures")
    parser.add_argument("--list", action="store_true", help="print the rows and end")
    options = parser.parse_args(words)
    unknown = set(options.family) - set(families())
    if unknown:
        parser.error(f"no family {', '.join(sorted(unknown))}: there are {', '.join(families())}")
    if options.chart and importlib.util.find_spec("matplotlib") is None:
        parser.error("--chart needs matplotlib, which is not installed: pip install matplotlib")
    for name in ("threads", "rounds"):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            parser.error(f"--{name} has to be at least 1, got {getattr(options, name)}")
    options.seconds = options.seconds or (0.05 if options.quick else 0.1)
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.full = not options.family and not options.match and not options.quick
    names = None if options.against is None else [n for n in options.against.split(",") if n not in ("", "none")]
    try:
        options.sides, options.absent = sides.chosen(names, options.compile)
    except ValueError as error:
        parser.error(str(error))
    return options


def selected(options: argparse.Namespace) -> dict[str, list[tuple[int, Row]]]:
    """The rows to measure by family, with their places in it."""
    found = {}
    for family in options.family or families():
        importlib.import_module(f"pynn.bench.rows.{family}")
        numbered = enumerate(ROWS[family])
        kept = [(i, r) for i, r in numbered if options.match in r.name and not (options.quick and r.long)]
        if kept:
            found[family] = kept
    return found


def measure(options: argparse.Namespace, chosen: dict[str, list[tuple[int, Row]]]) -> report.Report:
    """Measure the rows, printing tables as they grow."""
    import pynn

    threads = options.threads or pynn.get_num_threads()
    found = report.Report(
        datetime.date.today().isoformat(), machine.describe(), threads, peak.measure(threads), options.sides,
        machine.versions(options.sides), options.absent,
    )  # fmt: skip
    print(report.preface(found), flush=True)
    workers = {name: Worker(name, threads, options.timeout) for name in options.sides}
    try:
        for family, numbered in chosen.items():
            wanted = report.columns((row for _, row in numbered), options.sides)
            print(report.header(family, wanted), flush=True)
            results = found.families[family] = []
            for index, row in numbered:
                results.append(compare.run(row, index, workers, options.seconds, options.rounds))
                print(report.line(results[-1], wanted, found.ceiling), flush=True)
            print()
            found.ceiling = found.ceiling.raised(peak.measure(threads))
    finally:
        for worker in workers.values():
            worker.close()
    if options.memory or options.full:
        measure_memory(options, found)
    if options.full:
        modules = dict.fromkeys(["numpy", *(sides.SIDES[name].subject for name in options.sides)])
        found.imports = machine.import_seconds(list(modules))
        found.sizes = {name: machine.installed_bytes(name) for name in found.imports}
        print(report.footprint_table(found))
    return found


def measure_memory(options: argparse.Namespace, found: report.Report) -> None:
    """The memory of the training steps worth it, a fresh process each."""
    if not os.access("/proc/self/clear_refs", os.W_OK):
        print("memory: not measured, the system does not say how much a process had at most (/proc is needed)\n")
        return
    for family in options.family or families():
        for index, row in enumerate(ROWS[family]):
            if row.memory and options.match in row.name and not (options.quick and row.long):
                workers = {n: Worker(n, found.threads, options.timeout) for n in options.sides if n in EAGER}
                try:
                    found.memory.append(compare.memory(row, index, workers))
                finally:
                    for worker in workers.values():
                        worker.close()
    print(report.memory_table(found), flush=True)


def write(options: argparse.Namespace, found: report.Report, command: str) -> None:
    """Write what was asked for."""
    if options.chart:
        chart.draw(found, options.chart)
    if options.json:
        pathlib.Path(options.json).write_text(report.to_json(found))
    if options.markdown:
        page = pathlib.Path(options.markdown)
        picture = os.path.relpath(options.chart, page.parent) if options.chart else None
        page.write_text(report.markdown(found, command, picture))


def main(words: list[str] | None = None) -> int:
    """Measure as the options say; 1 where pynn is wrong somewhere, else 0."""
    options = parse(words)
    chosen = selected(options)
    if options.list:
        for family, numbered in chosen.items():
            for _, row in numbered:
                print(f"{family}: {row.name}")
        return 0
    found = measure(options, chosen)
    write(options, found, "python -m pynn.bench " + shlex.join(sys.argv[1:] if words is None else words))
    for wrong in found.wrong:
        print(f"wrong: {wrong}", file=sys.stderr)
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
