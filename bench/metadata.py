"""The rows about names, attributes and everything else that is answered from the index."""
import contextlib
import http.client
import json
import os
import threading
import time
import urllib.parse

from .contestants import Library, memfs, peers
from .origin import ONLY_SCENES, fake_stash
from .reading import sized
from .report import Row
from .runs import apart, interleaved
from .work import PROBE, probe, running, timed

SMALL = ["--smallest", 1_000_000, "--largest", 9_000_000]


def without(options, *names):
    """The options less some with their values."""
    kept = list(options)
    for name in names:
        place = kept.index(name)
        del kept[place:place + 2]
    return kept


def listed(mounting, below="", style="long"):
    def measure():
        with mounting() as (place, _):
            return probe("list", f"{place}/{below}", style)["seconds"]
    return measure


def first_listing(bench):
    """`ls -l` of a directory that nobody has looked into, over a slow connection."""
    count = bench.scaled(2000, 500)
    with fake_stash(
        bench.work, bench.tools["fake-stash"], *ONLY_SCENES, "--scenes", count, *SMALL, "--latency-ms", 20
    ) as origin:
        library = Library(bench.work, bench.tools["peekfs"], origin)

        def measure(mounting, below):
            with mounting() as (place, _):
                before = len(origin.settled())
                answer = probe("list", f"{place}/{below}", "long")
                return answer["seconds"], len(origin.settled()) - before

        def measure_all(mounting):
            # It asks for everything before it is mounted.
            before, started = len(origin.settled()), time.monotonic()
            with mounting() as (place, _):
                probe("list", place, "long")
                return time.monotonic() - started, len(origin.settled()) - before

        contestants = {"PeekFS": lambda: measure(library.mounted, "scenes")}
        for peer in peers(bench.work, bench.tools):
            mounting = lambda peer=peer: peer.mounted(origin)
            if peer.name == "httpdirfs":
                contestants["httpdirfs (with its mounting)"] = lambda: measure_all(mounting)
            else:
                contestants[peer.name] = lambda mounting=mounting: measure(mounting, "")
        seconds, requests = apart(interleaved(bench.runs, contestants))
    yield Row("ls", f"first `ls -l` of {count:,} scenes, 20 ms round trip", "≤ 0.15 s", "s", seconds,
              lambda of: of["PeekFS"] <= 0.15)
    yield Row("ls-requests", "requests to the server for that", "none", "requests", requests,
              lambda of: of["PeekFS"] == 0, has_ratios=False)


def one_tag(bench):
    scenes, tags = bench.scaled(22_000, 4000), 2100
    options = without(ONLY_SCENES, "--tags")
    with fake_stash(
        bench.work, bench.tools["fake-stash"], *options, "--scenes", scenes, "--tags", tags, *SMALL
    ) as origin:
        library = Library(bench.work, bench.tools["peekfs"], origin)
    # The server is gone from here on: listings need none.
    samples = []
    with library.mounted(is_quiet=False) as (place, _):
        for name in sorted(os.listdir(place / "tags"))[::tags // bench.runs][:bench.runs]:
            samples.append(probe("list", place / "tags" / name, "short")["seconds"])
    yield Row("tag", f"`ls` of one tag among {tags:,}, over {scenes:,} scenes", "≤ 0.1 s", "s", {"PeekFS": samples},
              lambda of: of["PeekFS"] <= 0.1)


def stalled(bench):
    """stat(2) while 64 readers wait for a server that has stopped in the middle of its answers."""
    readers, first = 64, 65_536
    options = sized(20_000_000, 400) + ["--fault", f"path=/scene/,suffix=/stream,action=stall,after={first}"]
    with fake_stash(bench.work, bench.tools["fake-stash"], *options) as origin:
        library = Library(bench.work, bench.tools["peekfs"], origin)
        samples, quiet = [], []
        for _ in range(bench.runs):
            with library.mounted() as (place, _):
                paths = library.scenes(place)
                quiet.append(p99(probe("stats", listed_in(bench, paths[readers:]))))
            with library.mounted() as (place, _):
                paths = library.scenes(place)
                busy, asked = listed_in(bench, paths[:readers]), listed_in(bench, paths[readers:])
                with running(PROBE + ["hold", busy, 4 * first], bench.work.directory / "hold.log"):
                    time.sleep(1)
                    samples.append(p99(probe("stats", asked)))
    yield Row("stat", f"`stat` of known paths while {readers} reads are stalled: p99", "≤ 5 ms", "ms",
              {"PeekFS": samples, "PeekFS with no reader": quiet}, lambda of: of["PeekFS"] <= 5)


def p99(answer):
    waits = sorted(answer["seconds"])
    return waits[int(len(waits) * 0.99) - 1] * 1000


def listed_in(bench, paths):
    """A file that tells a probe which paths."""
    file = bench.work.fresh("list") / "paths"
    file.write_bytes(b"".join(os.fsencode(path) + b"\0" for path in paths))
    return file


def pages(origin):
    """The questions about rows that a sync has asked."""
    asked = [request for request in origin.settled() if "per_page" in request.get("variables", "")]
    return [json.dumps({"query": one["query"], "variables": json.loads(one["variables"])}) for one in asked]


def discarding(origin, questions):
    """How long it takes to ask all of this over one connection and to look at no answer."""
    address = urllib.parse.urlsplit(origin.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=600)
    headers = {"Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": "gzip"}
    started = time.monotonic()
    for question in questions:
        connection.request("POST", "/graphql", question, headers)
        connection.getresponse().read()
    connection.close()
    return time.monotonic() - started


def large(bench):
    """A library of a size that few have: made once, for several rows."""
    scenes = 1_000_000 if bench.is_large else bench.scaled(100_000, 10_000)
    with fake_stash(bench.work, bench.tools["fake-stash"], *ONLY_SCENES, "--scenes", scenes, *SMALL) as origin:
        started = time.monotonic()
        library = Library(bench.work, bench.tools["peekfs"], origin)
        first = time.monotonic() - started
        whole = pages(origin)
        library("sync")
        before = len(pages(origin))
        library("sync")
        news = pages(origin)[before:]
        idle = interleaved(bench.runs, {
            "PeekFS": lambda: timed(lambda: library("sync")),
            "the same questions asked, answers thrown away": lambda: discarding(origin, news)})
        fetched = [discarding(origin, whole) for _ in range(bench.runs)]
    yield Row("sync", f"first sync of {scenes:,} scenes", "≤ 1.3 × fetching the same pages", "s",
              {"PeekFS": [first], "the same pages fetched and thrown away": fetched},
              lambda of: of["PeekFS"] <= 1.3 * of["the same pages fetched and thrown away"])
    yield Row("sync-idle", "the next sync, nothing being new", "≤ 1 s", "s", idle,
              lambda of: of["PeekFS"] <= 1)

    ready, resident, peak = [], [], []
    for _ in range(bench.runs):
        started = time.monotonic()
        with library.mounted(is_quiet=False) as (place, child):
            os.stat(place / "scenes")
            ready.append(time.monotonic() - started)
            # Whatever a start sets going is over, and the server is gone.
            time.sleep(2)
            memory = memory_of(child.pid)
            resident.append(memory["VmRSS"])
            probe("list", place / "scenes", "long")
            peak.append(memory_of(child.pid)["VmHWM"])
    yield Row("mount", f"mount of {scenes:,} indexed scenes: ready", "≤ 1 s", "s", {"PeekFS": ready},
              lambda of: of["PeekFS"] <= 1)
    yield Row("memory", "resident memory of that, after its start", "≤ 150 MiB", "MiB", {"PeekFS": resident},
              lambda of: of["PeekFS"] <= 150)
    yield Row("memory-peak", "most of it ever, with an `ls -l` of all scenes", "≤ 300 MiB", "MiB", {"PeekFS": peak},
              lambda of: of["PeekFS"] <= 300)
    yield from all_entries(bench, library)


def all_entries(bench, library):
    program = bench.need("memfs")
    with library.mounted(is_quiet=False) as (place, _):
        count = len(os.listdir(place / "scenes"))
    samples = interleaved(bench.runs, {
        "PeekFS": listed(lambda: library.mounted(is_quiet=False), "scenes"),
        "bare C filesystem": listed(lambda: paired(memfs(bench.work, program, count)))})
    yield Row("ls-all", f"first `ls -l` of {count:,} entries", "≤ 1.5 × a bare C filesystem", "s", samples,
              lambda of: of["PeekFS"] <= 1.5 * of["bare C filesystem"])


@contextlib.contextmanager
def paired(mounting):
    with mounting as place:
        yield place, None


def memory_of(pid):
    """MiB, by the names of proc(5)."""
    with open(f"/proc/{pid}/status") as file:
        return {name: int(rest.split()[0]) / 1024
                for name, rest in (line.split(":", 1) for line in file) if name.startswith("Vm")}


def ratings(bench):
    """People rate from several programs at once; then the same while the library is being read again and again."""
    writers, seconds = 8, bench.scaled(4, 1)
    scenes = bench.scaled(5000, 500)
    with fake_stash(bench.work, bench.tools["fake-stash"], *ONLY_SCENES, "--scenes", scenes, *SMALL) as origin:
        library = Library(bench.work, bench.tools["peekfs"], origin)
        quiet, busy = [], []
        with library.mounted() as (place, _):
            paths = listed_in(bench, library.scenes(place))
            for _ in range(bench.runs):
                quiet.append(probe("rate", paths, writers, seconds))
                with syncing(library):
                    busy.append(probe("rate", paths, writers, seconds))
    rates = {"PeekFS": [answer["rate"] for answer in quiet], "during a sync": [answer["rate"] for answer in busy]}
    yield Row("rate", f"durable `setfattr` from {writers} writers", "≥ 1,000/s", "/s", rates,
              lambda of: of["PeekFS"] >= 1000, has_ratios=False)
    yield Row("rate-wait", "how long one takes during a sync: p99", "≤ 20 ms", "ms",
              {"PeekFS": [p99(answer) for answer in busy], "without one": [p99(answer) for answer in quiet]},
              lambda of: of["PeekFS"] <= 20, has_ratios=False)


@contextlib.contextmanager
def syncing(library):
    """One pass over the server after the other, in the background."""
    is_over = threading.Event()

    def repeat():
        while not is_over.is_set():
            library("sync")

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


ROWS = {"ls": first_listing, "tag": one_tag, "stat": stalled, "large": large, "rate": ratings}
