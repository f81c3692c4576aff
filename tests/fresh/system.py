"""A minimal Debian 12, and commands in it. Needs root, debootstrap, and Linux namespaces.

It reaches Debian's packages and PyPI as this machine is configured to. Standard library only.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

SUITE = "bookworm"  # from debootstrap's own mirror
PACKAGES = "python3,python3-venv,make,git"  # what README asks for, and git to get the project
USER = "tester"
# How this machine reaches its packages: the files that say it, and the variables
CONFIGURATION = (
    "/etc/apt", "/usr/share/keyrings", "/etc/pip.conf", "/etc/xdg/pip",
    "/etc/ssl/certs/ca-certificates.crt", "/etc/resolv.conf", "/etc/hosts",
)  # fmt: skip
VARIABLES = re.compile(r"(?i)PIP_.*|SSL_CERT_FILE|(https?|no)_proxy")
# Mounts and processes end with the namespaces
ENTER = """
root=$1 user=$2 command=$3; shift 3
mount -t proc proc "$root/proc"; mount --rbind /dev "$root/dev"
for folder; do mkdir -p "$root$folder"; mount --bind -o ro "$folder" "$root$folder"; done
exec chroot --userspec="$user:$user" "$root" sh -c "$command"
"""


def make_base(folder: Path) -> None:
    """Once: the system as debootstrap makes it."""
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    print(f"Making a minimal Debian in {folder} …", flush=True)
    new = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    options = ["--variant=minbase", f"--include={PACKAGES}"]
    subprocess.run(["debootstrap", *options, SUITE, str(new)], check=True, stdout=subprocess.DEVNULL)
    new.rename(folder)


class System:
    """A copy of the base in a folder of its own, with this machine's way to its packages."""

    def __init__(self, base: Path, root: Path) -> None:
        self.root = root
        shutil.rmtree(root, ignore_errors=True)
        subprocess.run(["cp", "-a", "--reflink=auto", str(base), str(root)], check=True)
        shutil.rmtree(root / "etc/apt")
        for path in CONFIGURATION:
            if Path(path).exists():
                (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
                subprocess.run(["cp", "-aTL", path, str(root / path[1:])], check=True)
        subprocess.run(["chroot", str(root), "useradd", "--create-home", USER], check=True)

    def home(self, user: str) -> str:
        return "/root" if user == "root" else f"/home/{user}"

    def put(self, project: Path, user: str) -> str:
        """The project's files as they are, in a folder with a space in its name. Returns that."""
        there = f"{self.home(user)}/a project"
        folder = self.root / there[1:]
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        listed = ["git", "-C", str(project), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, check=True, capture_output=True).stdout.split(b"\0")
        for name in filter(None, map(os.fsdecode, names)):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(project / name, folder / name)
        subprocess.run(["chroot", str(self.root), "chown", "-R", f"{user}:", there], check=True)
        return there

    def start(self, command: str, user: str, **options: object) -> subprocess.Popen[bytes]:
        """A shell command as `user`, in namespaces of its own. What it leaves running ends with it."""
        kept = {name: value for name, value in os.environ.items() if VARIABLES.fullmatch(name)}
        environment = {**kept, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": self.home(user)}
        namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        arguments = [str(self.root), user, command, *_local_indexes()]
        return subprocess.Popen(
            [*namespaces, "sh", "-e", "-c", ENTER, "enter", *arguments],
            env={**environment, "LANG": "C.UTF-8"}, stdin=subprocess.DEVNULL, **options,
        )  # fmt: skip  # type: ignore[call-overload]


def _local_indexes() -> list[str]:
    """Folders of this machine that pip is told to look into."""
    listed = subprocess.run(["pip", "config", "list"], capture_output=True, text=True, check=False).stdout
    paths = re.findall(r"(?:file://|(?<=[\s'\"=]))(/[^\s'\"]+)", listed)
    folders = {Path(path) for path in paths if Path(path).is_dir()}
    # An index beside whose pages the files lie
    return sorted(str(one.parent if one.name == "simple" else one) for one in folders)
