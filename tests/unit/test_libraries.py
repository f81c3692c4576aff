"""A server whose libraries are not all there borrows them from a wheel, or is refused with what to install."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from syncapp.embedded import libraries
from syncapp.embedded.binaries import ServerMissing, find_mongod
from syncapp.embedded.libraries import missing_libraries, runnable_here
from syncapp.embedded.mongod import Mongod

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the loader is another one")


def program_that_lacks_a_library(folder: Path) -> Path:
    """`true`, which asks for a C library of another name."""
    program = folder / "mongod"
    program.write_bytes(Path("/bin/true").read_bytes().replace(b"libc.so.6", b"libq.so.6"))
    program.chmod(0o755)
    return program


@pytest.fixture
def without_libcurl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "missing_libraries", lambda program: ("libcurl.so.4",))


def test_nothing_is_changed_where_nothing_is_missing(tmp_path: Path) -> None:
    assert missing_libraries(sys.executable) == ()
    assert runnable_here(sys.executable, tmp_path) == [sys.executable]
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_is_named_with_its_package(tmp_path: Path) -> None:
    program = program_that_lacks_a_library(tmp_path)
    assert subprocess.run([program], check=False, capture_output=True).returncode == 127
    assert missing_libraries(str(program)) == ("libq.so.6",)
    with pytest.raises(ServerMissing) as raised:
        runnable_here(str(program), tmp_path)
    assert str(raised.value) == (
        "mongod cannot start: it needs libq.so.6, which this system does not have"
        " (on Debian: apt-get install libq6)"
    )


def test_what_is_no_program_of_this_machine_is_named(tmp_path: Path) -> None:
    program = tmp_path / "mongod"
    program.write_bytes(b"\x7fELF of another processor")
    program.chmod(0o755)
    with pytest.raises(ServerMissing, match=r"mongod cannot be run: .*format"):
        runnable_here(str(program), tmp_path)


@pytest.mark.parametrize(
    ("library", "package"),
    [
        ("libcurl.so.4", "libcurl4"),
        ("libcrypto.so.3", "libssl3"),
        ("libsasl2.so.2", "libsasl2-2"),
        ("liblzma.so.5", "liblzma5"),
    ],
)
def test_a_library_s_package_is_named_as_debian_names_it(
    library: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libraries, "missing_libraries", lambda program: (library,))
    monkeypatch.setattr(libraries, "IN_WHEELS", {})
    with pytest.raises(ServerMissing, match=f"it needs {library}.*apt-get install {package}\\)"):
        runnable_here("mongod", tmp_path)


def test_mongod_starts_with_the_libcurl_of_a_wheel(
    tmp_path: Path, without_libcurl: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the loader would take for ends of paths
    server = Mongod(tmp_path / "a: home; 100% #mine", oplog_mb=20)
    monkeypatch.setattr(server, "wait_until_ready", lambda: None)
    server.start()
    try:
        assert server.process is not None
        maps = Path(f"/proc/{server.process.pid}/maps")
        deadline = time.monotonic() + 10
        while "/mongod" not in maps.read_text() or "libcurl" not in maps.read_text():
            server.check_alive(deadline)
        assert "pycurl.libs/libcurl-" in maps.read_text(), "it took another one"
    finally:
        server.kill()


def test_only_the_server_is_told_of_borrowed_libraries(tmp_path: Path, without_libcurl: None) -> None:
    command = runnable_here(find_mongod(), tmp_path)
    assert command[:3] == ["env", "-C", str(tmp_path)]
    assert command[3].startswith("LD_LIBRARY_PATH=lib")
    assert (tmp_path / "lib" / "libcurl.so.4").resolve().name.startswith("libcurl-")
