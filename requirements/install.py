"""Install pinned requirement files into the environment that runs this: by uv (seconds), else by pip.

    .venv/bin/python requirements/install.py base.txt embedded.txt

Standard library only: it runs before anything is installed.
"""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# What pip calls it, and what uv calls it: uv does not read pip's configuration
SAME_IN_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
}


def pip_configuration() -> dict[str, str]:
    """pip's settings by their bare names: those of the environment overrule those of files."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    found: dict[str, str] = {}
    for line in sorted(listed.splitlines(), key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        found[name.rpartition(".")[2]] = value.strip("'\"")
    return found


def environment_of_uv() -> dict[str, str]:
    configured = pip_configuration()
    translated = {uv: configured[pip] for pip, uv in SAME_IN_UV.items() if configured.get(pip)}
    if "UV_FIND_LINKS" in translated:
        translated["UV_FIND_LINKS"] = ",".join(translated["UV_FIND_LINKS"].split())
    # As pip does it: all indexes that its owner configured are equally good
    return {"UV_HTTP_TIMEOUT": "30", "UV_INDEX_STRATEGY": "unsafe-best-match", **translated, **os.environ}


def run(*arguments: str, env: dict[str, str] | None = None, quiet: bool = False) -> bool:
    output = subprocess.DEVNULL if quiet else None
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, env=env, stdout=output, stderr=output, check=False).returncode == 0


def main(names: list[str]) -> int:
    files = [argument for name in names for argument in ("-r", str(HERE / name))]
    if run("pip", "install", "--quiet", "--disable-pip-version-check", "uv", quiet=True):
        into = ["--python", sys.executable]
        if run(
            "uv",
            "pip",
            "install",
            "--quiet",
            "--compile-bytecode",
            *into,
            *files,
            env=environment_of_uv(),
            quiet=True,
        ):
            return 0
    # uv could not be had, or does not reach the index in its own way: pip says what is wrong
    return 0 if run("pip", "install", "--quiet", "--disable-pip-version-check", *files) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
