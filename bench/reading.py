"""The rows about bytes."""
import contextlib
import itertools

from .contestants import Library, curl, drop_page_cache, drop_pages, passthrough, peers
from .origin import ONLY_SCENES, copy, fake_stash, nginx
from .report import Row
from .runs import apart, interleaved
from .work import probe, run

MEGABYTE = 1_000_000
MEBIBYTE = 1 << 20


def sized(count, scenes=1):
    return ONLY_SCENES + ["--scenes", scenes, "--smallest", count, "--largest", count]


def linked(milliseconds, megabits, *more):
    return ["--latency-ms", milliseconds, "--total-bandwidth", megabits * MEGABYTE // 8, *more]


def speed(path):
    # Long enough for all but the very slow, of whom a part is enough.
    answer = probe("read", path, 20)
    return answer["bytes"] / answer["seconds"] / MEGABYTE


def cold(mounting):
    """The speed of reading a file that was just mounted."""
    def measure():
        with mounting() as path:
            return speed(path)
    return measure


def readers(bench, library, origin, size, which=None):
    """curl, PeekFS and its peers, reading the whole of one file cold."""
    contestants = {"PeekFS": cold(library.file), "curl": lambda: size / curl(origin.scene) / MEGABYTE}
    for peer in peers(bench.work, bench.tools):
        if which is None or peer.name in which:
            contestants[peer.name] = cold(lambda peer=peer: peer.file(origin))
    return contestants


@contextlib.contextmanager
def local(bench):
    """A file behind nginx on this machine, and a library of it."""
    size = bench.scaled(1024) * MEBIBYTE
    media = bench.work.fresh("media")
    with fake_stash(bench.work, bench.tools["fake-stash"], *sized(size)) as fake:
        copy(fake, media)
        with nginx(bench.work, bench.need("nginx"), fake, media) as origin:
            yield origin, Library(bench.work, bench.tools["peekfs"], origin), media, size


def cold_local(bench):
    with local(bench) as (origin, library, _, size):
        contestants = readers(bench, library, origin, size)
        # As the peers do it, who keep nothing.
        contestants["PeekFS without its disk cache"] = cold(lambda: library.file("--cache-size", "0"))
        samples = interleaved(bench.runs, contestants)
    yield Row(
        "cold", f"cold sequential read of {size >> 20} MiB, origin on this machine",
        "≥ 0.70 × curl; ≥ 1.2 × rclone's best; ≥ 2 × rclone", "MB/s", samples,
        lambda of: of["PeekFS"] >= 0.70 * of["curl"] and of["PeekFS"] >= 1.2 * of.get("rclone, best", 0)
        and of["PeekFS"] >= 2 * of.get("rclone", 0))


def cold_link(bench):
    size = bench.scaled(256) * MEBIBYTE
    with fake_stash(bench.work, bench.tools["fake-stash"], *sized(size), *linked(50, 200)) as origin:
        library = Library(bench.work, bench.tools["peekfs"], origin)
        samples = interleaved(bench.runs, readers(bench, library, origin, size, ["rclone"]))
    yield Row(
        "link", f"the same of {size >> 20} MiB at 50 ms and 200 Mbit/s in all", "≥ 0.95 of the link (23.8 MB/s)", "MB/s",
        samples, lambda of: of["PeekFS"] >= 0.95 * 25)


def narrow_link(bench):
    size = bench.scaled(128) * MEBIBYTE
    options = linked(50, 200, "--bandwidth", 50 * MEGABYTE // 8)
    with fake_stash(bench.work, bench.tools["fake-stash"], *sized(size), *options) as origin:
        library = Library(bench.work, bench.tools["peekfs"], origin)
        samples = interleaved(bench.runs, readers(bench, library, origin, size, ["rclone"]))
    yield Row(
        "narrow", f"the same of {size >> 20} MiB when no connection gets more than 50 Mbit/s of it", "", "MB/s", samples)


def warm(bench):
    """Blocks on disk. PeekFS had read the file once before, in an earlier mount."""
    program = bench.need("passthrough_hp")
    with local(bench) as (origin, library, media, size):
        with library.file() as path:
            speed(path)
        with library.mounted(keeps_media=True) as (place, _), passthrough(bench.work, program, media) as beside:
            own, other = library.scenes(place)[0], beside / "1.mp4"

            def measure(path, forget):
                def sample():
                    forget(path)
                    return speed(path)
                return sample

            disk = {
                "PeekFS": measure(own, lambda _: drop_page_cache()),
                "passthrough_hp": measure(other, lambda _: drop_page_cache())}
            memory = {
                "PeekFS": measure(own, drop_pages), "passthrough_hp": measure(other, drop_pages),
                "the file itself": measure(media / "1.mp4", lambda _: None)}
            samples = [(disk, interleaved(bench.runs, disk)), (memory, interleaved(bench.runs, memory))]
    goal = "≥ 0.90 × passthrough_hp"
    judge = lambda of: of["PeekFS"] >= 0.90 * of["passthrough_hp"]
    yield Row("warm", f"warm sequential read of {size >> 20} MiB from the disk cache, page cache dropped", goal, "MB/s",
              samples[0][1], judge)
    yield Row("warm-memory", "the same, only the mount's pages dropped", goal, "MB/s", samples[1][1], judge)


def seeks(bench):
    """Players jump: 64 KiB at 60 random places of a large file, over a connection of 20 ms and 200 Mbit/s."""
    count, size, piece = 60, 900 * MEBIBYTE, 64 << 10
    with fake_stash(bench.work, bench.tools["fake-stash"], *sized(size), *linked(20, 200)) as origin:
        library = Library(bench.work, bench.tools["peekfs"], origin)
        seeds = itertools.count()

        def measure(mounting):
            before = origin.media_bytes()
            with mounting() as path:
                answer = probe("seeks", path, count, piece, next(seeds))
            worst = sorted(answer["seconds"])[int(len(answer["seconds"]) * 0.95) - 1]
            return worst * 1000, (origin.media_bytes() - before) / (count * piece)

        contestants = {"PeekFS": lambda: measure(library.file)}
        for peer in peers(bench.work, bench.tools):
            contestants[peer.name] = lambda peer=peer: measure(lambda: peer.file(origin))
        waits, fetched = apart(interleaved(bench.runs, contestants))
    yield Row("seek", f"first bytes after a seek, 20 ms round trip: p95 of {count}", "≤ 1 round trip + 5 ms", "ms", waits,
              lambda of: of["PeekFS"] <= 25)
    yield Row("seek-bytes", f"bytes fetched for {count} random seeks of 64 KiB, ÷ bytes read", "≤ 4 ×", "×", fetched,
              lambda of: of["PeekFS"] <= 4, has_ratios=False)


def clip(work, size):
    """A faststart mp4 of about `size` bytes and many minutes: a minute of noise, which hardly compresses, again and again."""
    path = work.fresh("clip") / "1.mp4"
    minute = path.with_suffix(".mov")
    run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "nullsrc=s=192x108:r=25,geq=random(1)*255:128:128", "-f", "lavfi",
        "-i", "sine", "-t", "60", "-c:v", "mjpeg", "-q:v", "3", "-c:a", "aac", minute)
    run("ffmpeg", "-v", "error", "-stream_loop", max(1, size // minute.stat().st_size), "-i", minute, "-c", "copy",
        "-movflags", "+faststart", path)
    minute.unlink()
    return path


def ffprobe(bench):
    path = clip(bench.work, 450 * MEGABYTE)
    options = ONLY_SCENES + ["--scenes", 1, "--media-file", path, *linked(20, 200)]
    with fake_stash(bench.work, bench.tools["fake-stash"], *options) as origin:
        library = Library(bench.work, bench.tools["peekfs"], origin)

        def measure(mounting):
            before = origin.media_bytes()
            with mounting() as path:
                run("ffprobe", "-v", "error", "-show_format", "-show_streams", path)
            return (origin.media_bytes() - before) / MEBIBYTE

        contestants = {"PeekFS": lambda: measure(library.file)}
        for peer in peers(bench.work, bench.tools):
            contestants[peer.name] = lambda peer=peer: measure(lambda: peer.file(origin))
        samples = interleaved(bench.runs, contestants)
    yield Row("ffprobe", f"bytes fetched by `ffprobe` of a faststart mp4 of {path.stat().st_size // MEGABYTE} MB",
              "≤ 4 MiB", "MiB", samples, lambda of: of["PeekFS"] <= 4)


ROWS = {"cold": cold_local, "link": cold_link, "narrow": narrow_link, "warm": warm, "seek": seeks, "ffprobe": ffprobe}
