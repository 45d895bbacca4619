"""The build: maturin, preceded by the Python code that protoc makes of the .proto files.

Owns what is generated before a package is built; everything else is maturin's. Generated files stand beside their
.proto file and are not committed. `python packaging/backend.py` makes them in a checkout (`make build`), and pip calls
the hooks of PEP 517 below. A source distribution carries them, so installing from one needs no protoc.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import maturin

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "python"
TYPES = ("mypy", "mypy_grpc")
"""Plugins of protoc that write stub files."""

Settings = dict[str, Any] | None


def generate() -> None:
    """Write messages, stubs and the types of both for every .proto file."""
    names = [str(proto.relative_to(SOURCES)) for proto in sorted(SOURCES.rglob("*.proto"))]
    outputs = [f"--python_out={SOURCES}", f"--grpc_python_out={SOURCES}"]
    for plugin in TYPES:
        program = f"protoc-gen-{plugin}"
        outputs += [f"--plugin={program}={_find(program)}", f"--{plugin}_out=quiet:{SOURCES}"]
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={SOURCES}"]
    subprocess.run([*protoc, *outputs, *names], check=True)


def _find(plugin: str) -> str:
    """Where a plugin of protoc is: beside this Python, or on the PATH of pip's build environment."""
    beside = Path(sys.executable).parent
    found = shutil.which(plugin, path=os.pathsep.join([str(beside), os.environ.get("PATH", os.defpath)]))
    if found is None:
        raise SystemExit(f"{plugin} is missing: pip install {' '.join(requirements())}")
    return found


def requirements() -> list[str]:
    """What `generate` needs: the dependency group `protos`."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        wanted: list[str] = tomllib.load(file)["dependency-groups"]["protos"]
    return wanted


def _is_source_distribution() -> bool:
    return (ROOT / "PKG-INFO").exists()


def _prepare() -> None:
    """In a checkout the generated files are missing or may be older than what they are made of."""
    if not _is_source_distribution():
        generate()


def _more_than(required: list[str]) -> list[str]:
    return required if _is_source_distribution() else [*required, *requirements()]


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    """What building a wheel needs besides what pyproject.toml lists."""
    return _more_than(maturin.get_requires_for_build_wheel(config_settings))


def get_requires_for_build_editable(config_settings: Settings = None) -> list[str]:
    """What installing this checkout in place needs besides what pyproject.toml lists."""
    return _more_than(maturin.get_requires_for_build_editable(config_settings))


def get_requires_for_build_sdist(config_settings: Settings = None) -> list[str]:
    """What building a source distribution needs besides what pyproject.toml lists."""
    return _more_than(maturin.get_requires_for_build_sdist(config_settings))


def build_wheel(directory: str, config_settings: Settings = None, metadata: str | None = None) -> str:
    """Build a wheel; its file name."""
    _prepare()
    return maturin.build_wheel(directory, config_settings, metadata)


def build_editable(directory: str, config_settings: Settings = None, metadata: str | None = None) -> str:
    """Build a wheel that refers to this checkout; its file name."""
    _prepare()
    return maturin.build_editable(directory, config_settings, metadata)


def build_sdist(directory: str, config_settings: Settings = None) -> str:
    """Build a source distribution; its file name."""
    _prepare()
    return maturin.build_sdist(directory, config_settings)


prepare_metadata_for_build_wheel = maturin.prepare_metadata_for_build_wheel
prepare_metadata_for_build_editable = maturin.prepare_metadata_for_build_editable


if __name__ == "__main__":
    generate()
