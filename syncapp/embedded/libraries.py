"""The shared libraries of a server's program: those that are missing on this system are taken from wheels,
for that program alone, or reported with their package.

A minimal Debian has no libcurl.so.4, without which mongod does not start; the wheel pycurl carries one.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from syncapp.embedded.binaries import ServerMissing

# library: the module whose wheel carries it, and what the file is called there
IN_WHEELS = {"libcurl.so.4": ("pycurl", "libcurl-*.so.4*")}
OTHER_NAMES = {"libcrypto": "libssl"}  # OpenSSL's two libraries are in one package


def runnable_here(program: str, folder: Path) -> list[str]:
    """The command line that starts `program`. `folder`: where links to borrowed libraries are put, if any are.

    Raises `ServerMissing` for a library that is not found.
    """
    missing = missing_libraries(program)
    if not missing:
        return [program]
    wheels = {library: _in_wheel(library) for library in missing}
    absent = [library for library, found in wheels.items() if found is None]
    if absent:
        raise ServerMissing(_what_to_install(program, absent))
    _link(folder / "lib", [(library, found) for library, found in wheels.items() if found])
    # Relative: in the variable a colon or semicolon of the folder's path would end the path
    path = ":".join(filter(None, ("lib", os.environ.get("LD_LIBRARY_PATH"))))
    return ["env", "-C", str(folder), f"LD_LIBRARY_PATH={path}", program]


@cache
def missing_libraries(program: str) -> tuple[str, ...]:
    """What the dynamic loader does not find, like `ldd` (Linux with glibc; elsewhere nothing).

    Raises `ServerMissing` for a file that is no program for this machine.
    """
    if sys.platform != "linux":
        return ()
    try:
        # A statically linked program really runs: it must only print its version
        done = subprocess.run(
            [program, "--version"],
            env={**os.environ, "LD_TRACE_LOADED_OBJECTS": "1"},
            capture_output=True, text=True, errors="replace", timeout=20, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServerMissing(f"{program} cannot be run: {error}") from None
    return tuple(re.findall(r"^\s*(\S+) => not found", done.stdout, re.MULTILINE))


def _in_wheel(library: str) -> Path | None:
    module, pattern = IN_WHEELS.get(library, ("", ""))
    spec = find_spec(module) if module else None
    if spec is None or not spec.submodule_search_locations:
        return None
    beside = Path(next(iter(spec.submodule_search_locations))).parent / f"{module}.libs"
    return next(iter(sorted(beside.glob(pattern))), None)


def _link(folder: Path, found: Sequence[tuple[str, Path]]) -> None:
    """Link each library under the requested name, beside all others of its wheel, which it depends on."""
    folder.mkdir(parents=True, exist_ok=True)
    for library, path in found:
        links = {path.name: path for path in path.parent.iterdir()} | {library: path}
        for name, target in links.items():
            link = folder / name
            if not link.is_symlink() or link.readlink() != target:
                link.unlink(missing_ok=True)
                link.symlink_to(target)


def _what_to_install(program: str, libraries: Sequence[str]) -> str:
    packages = sorted({_debian_package(library) for library in libraries})
    return (
        f"{Path(program).name} cannot start: it needs {', '.join(libraries)}, which this system does not have"
        f" (on Debian: apt-get install {' '.join(packages)})"
    )


def _debian_package(library: str) -> str:
    """As Debian names the package of a library: libcurl.so.4 is in libcurl4."""
    name, _, version = library.partition(".so.")
    name = OTHER_NAMES.get(name, name)
    return f"{name}{'-' if name[-1:].isdigit() else ''}{version}".lower().replace("_", "-")
