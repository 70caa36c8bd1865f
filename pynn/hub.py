"""Weights by URL, kept in a folder; and models of a local folder with a hubconf.py.

The folder is `$PYNN_HOME/hub`, or else torch's own, `$TORCH_HOME/hub` or `~/.cache/torch/hub`: weights that torch has
downloaded are found there, and the other way round.
"""

import contextlib
import hashlib
import importlib.util
import io
import os
import re
import sys
import zipfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlparse
from urllib.request import Request, urlopen

HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
_CHUNK = 128 * 1024
_hub_dir: str | None = None


def get_dir() -> str:
    """The folder: what `set_dir` said, or `$PYNN_HOME/hub`, `$TORCH_HOME/hub`, `$XDG_CACHE_HOME/torch/hub`."""
    if _hub_dir is not None:
        return _hub_dir
    home = os.environ.get("PYNN_HOME") or os.environ.get("TORCH_HOME")
    if not home:
        home = os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "torch")
    return os.path.join(os.path.expanduser(home), "hub")


def set_dir(d: "str | os.PathLike[str]") -> None:
    """Keep downloads in this folder."""
    global _hub_dir
    _hub_dir = os.path.expanduser(os.fspath(d))


class _Bar:
    """Says on stderr how far a download is, where tqdm is not installed."""

    def __init__(self, total: int | None = None, disable: bool = False, **options: Any) -> None:
        self._total = total
        self._disable = disable
        self.n = 0
        self._shown = -1

    def update(self, n: int) -> None:
        """n more bytes are there."""
        self.n += n
        percent = 100 * self.n // self._total if self._total else self.n // (1 << 20)
        if not self._disable and percent != self._shown:
            self._shown = percent
            sys.stderr.write(f"\r{percent}{'%' if self._total else ' MB'}")
            sys.stderr.flush()

    def set_description(self, *args: Any, **kwargs: Any) -> None:
        """Nothing."""

    def close(self) -> None:
        """End the line."""
        if not self._disable and self._shown >= 0:
            sys.stderr.write("\n")

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()


def _tqdm() -> Any:
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return _Bar
    return tqdm


def __getattr__(name: str) -> Any:
    if name == "tqdm":
        return _tqdm()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def download_url_to_file(url: str, dst: str, hash_prefix: str | None = None, progress: bool = True) -> None:
    """Save what is at a URL (http, https or file) under a path; nothing is there unless all of it came.

    hash_prefix: what the SHA-256 of the contents must begin with, in hexadecimal digits.

    Raises RuntimeError for another hash and for fewer bytes than announced, and what urllib raises.
    """
    from pynn.serialization import files

    digest = hashlib.sha256()
    with urlopen(Request(url, headers={"User-Agent": "pynn.hub"})) as source:
        size = source.headers.get("Content-Length")
        total = int(size) if size is not None else None
        bar = _tqdm()(total=total, disable=not progress, unit="B", unit_scale=True, unit_divisor=1024)
        with files.whole(os.path.expanduser(dst)) as file, bar:
            count = 0
            while data := source.read(_CHUNK):
                file.write(data)
                digest.update(data)
                count += len(data)
                bar.update(len(data))
            if total is not None and count != total:
                raise RuntimeError(f"{url} gave {count} bytes of {total}: the connection ended early. Try again.")
            if hash_prefix is not None and not digest.hexdigest().startswith(hash_prefix):
                raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "{digest.hexdigest()}")')


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = False,
) -> Any:
    """What `pynn.load` reads from the file at a URL, which is downloaded once and kept.

    model_dir: the folder to keep it in, `get_dir()` + "/checkpoints" by default. file_name: its name there, by default
        that of the URL.
    check_hash: the name has the form `name-<digits>.ext`, and the SHA-256 of the contents must begin with those digits.
    weights_only: as `pynn.load` has it, but False by default, as in torch: pass True for what you do not trust.

    Raises RuntimeError for a wrong hash, and what urllib and `pynn.load` raise.
    """
    from pynn.serialization import load as read

    folder = model_dir if model_dir is not None else os.path.join(get_dir(), "checkpoints")
    os.makedirs(folder, exist_ok=True)
    name = file_name if file_name is not None else os.path.basename(urlparse(url).path)
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        sys.stderr.write(f'Downloading: "{url}" to {path}\n')
        found = HASH_REGEX.search(name) if check_hash else None
        download_url_to_file(url, path, found.group(1) if found else None, progress)
    packed = _packed(path)
    return read(path if packed is None else packed, map_location=map_location, weights_only=weights_only)


def _packed(path: str) -> io.BytesIO | None:
    """The one file in a zip archive, as people once packed what torch had saved; None for any other file."""
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        return io.BytesIO(archive.read(entries[0])) if len(entries) == 1 and not entries[0].is_dir() else None


@contextlib.contextmanager
def _importing_from(folder: str) -> Iterator[None]:
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def _hubconf(folder: str) -> Any:
    path = os.path.join(folder, "hubconf.py")
    spec = importlib.util.spec_from_file_location("hubconf", path)
    if spec is None or spec.loader is None or not os.path.isfile(path):
        raise FileNotFoundError(f"{folder} has no hubconf.py, the file that lists a folder's models.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _entry(module: Any, model: str) -> Any:
    if not isinstance(model, str):
        raise ValueError("Invalid input: model should be a string of function name")
    missing = [name for name in getattr(module, "dependencies", ()) if importlib.util.find_spec(name) is None]
    if missing:
        raise RuntimeError(f"Missing dependencies: {', '.join(missing)}")
    function = getattr(module, model, None)
    if not callable(function):
        raise RuntimeError(f"Cannot find callable {model} in hubconf")
    return function


def _local(repo: "str | os.PathLike[str]", source: str) -> str:
    if source.lower() not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    if source.lower() == "github":
        raise RuntimeError(
            f"hub loads from local folders only, since code from {repo} imports torch: download it, change its import lines, "
            "and pass the folder with source='local'. Weights alone come by load_state_dict_from_url."
        )
    return os.path.abspath(os.path.expanduser(os.fspath(repo)))


def load(
    repo_or_dir: "str | os.PathLike[str]",
    model: str,
    *args: Any,
    source: str = "github",
    trust_repo: bool | str = "check",
    force_reload: bool = False,
    verbose: bool = True,
    skip_validation: bool = False,
    **kwargs: Any,
) -> Any:
    """What the function `model` of a folder's hubconf.py returns for args and kwargs. source must be "local".

    The four arguments after source are about downloads, and do nothing for a folder.

    Raises RuntimeError for source="github", a function that is not there and dependencies that are not installed.
    """
    folder = _local(repo_or_dir, source)
    with _importing_from(folder):
        return _entry(_hubconf(folder), model)(*args, **kwargs)


def list(github: "str | os.PathLike[str]", *args: Any, source: str = "github", **kwargs: Any) -> "Any":
    """The names of the functions that a folder's hubconf.py offers. source must be "local"."""
    folder = _local(github, source)
    with _importing_from(folder):
        module = _hubconf(folder)
    return [name for name in dir(module) if callable(getattr(module, name)) and not name.startswith("_")]


def help(github: "str | os.PathLike[str]", model: str, *args: Any, source: str = "github", **kwargs: Any) -> str | None:
    """What the function `model` says of itself. source must be "local"."""
    folder = _local(github, source)
    with _importing_from(folder):
        text: str | None = _entry(_hubconf(folder), model).__doc__
    return text


__all__ = ["download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir"]
