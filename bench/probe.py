"""What people and programs do on a mount, timed. Each runs in a process of its own and prints JSON: a mount that hangs
then hangs nobody else.

usage: probe.py read FILE SECONDS | seeks FILE COUNT SIZE SEED | stats LIST | list DIRECTORY FORMAT
       probe.py hold LIST SIZE | rate LIST WRITERS SECONDS
"""
import json
import multiprocessing
import os
import random
import subprocess
import sys
import threading
import time

MEBIBYTE = 1 << 20


def read(path, limit):
    """A file from its start in pieces of 1 MiB, as `cp` and `cat` do; as much of it as comes within `limit` seconds."""
    buffer = bytearray(MEBIBYTE)
    started = time.monotonic()
    descriptor = os.open(path, os.O_RDONLY)
    done = 0
    while (count := os.readv(descriptor, [buffer])) and time.monotonic() - started < limit:
        done += count
    return {"seconds": time.monotonic() - started, "bytes": done}


def seeks(path, count, size, seed):
    """Reads `size` bytes at random places; the first 4 KiB of each are what a player waits for."""
    places = random.Random(seed)
    descriptor = os.open(path, os.O_RDONLY)
    length = os.fstat(descriptor).st_size
    os.pread(descriptor, 4096, 0)
    waits = []
    for _ in range(count):
        place = places.randrange(0, length - size)
        started = time.monotonic()
        os.pread(descriptor, min(size, 4096), place)
        waits.append(time.monotonic() - started)
        if size > 4096:
            os.pread(descriptor, size - 4096, place + 4096)
    return {"seconds": waits}


def stats(paths):
    """stat(2) of each path, once: the kernel has none of them cached."""
    waits = []
    for path in paths:
        started = time.monotonic()
        os.stat(path)
        waits.append(time.monotonic() - started)
    return {"seconds": waits}


def listing(directory, style):
    """`ls -l` or `ls`, the real one."""
    words = ["ls", "-l", directory] if style == "long" else ["ls", directory]
    started = time.monotonic()
    output = subprocess.run(words, stdout=subprocess.PIPE, check=True, env={**os.environ, "LC_ALL": "C"}).stdout
    return {"seconds": time.monotonic() - started, "lines": output.count(b"\n")}


def hold(paths, size):
    """Reads past what stalled servers send, each file on a thread of its own, until the process is ended."""

    def wait(path):
        try:
            os.pread(os.open(path, os.O_RDONLY), 4096, size)
        except OSError:
            pass

    for path in paths:
        threading.Thread(target=wait, args=(path,), daemon=True).start()
    print("{}", flush=True)
    time.sleep(3600)


def write(paths, start, end):
    """Rates one path after the other, over and over; how long each took."""
    waits = []
    time.sleep(max(0, start - time.monotonic()))
    while (started := time.monotonic()) < end:
        os.setxattr(paths[len(waits) % len(paths)], "user.peekfs.rating", str(len(waits) % 100).encode())
        waits.append(time.monotonic() - started)
    return waits


def rate(paths, writers, seconds):
    """Ratings from several processes at once, each durable when it returns."""
    start = time.monotonic() + 0.5
    shares = [(paths[number::writers], start, start + seconds) for number in range(writers)]
    with multiprocessing.Pool(writers) as pool:
        waits = [wait for share in pool.starmap(write, shares, 1) for wait in share]
    return {"seconds": waits, "rate": len(waits) / seconds}


def lines(path):
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read().split("\0")[:-1]


def main(what, path, *rest):
    match what:
        case "read": answer = read(path, float(rest[0]))
        case "seeks": answer = seeks(path, *map(int, rest))
        case "stats": answer = stats(lines(path))
        case "list": answer = listing(path, *rest)
        case "hold": answer = hold(lines(path), int(rest[0]))
        case "rate": answer = rate(lines(path), int(rest[0]), float(rest[1]))
    print(json.dumps(answer))


main(*sys.argv[1:])
