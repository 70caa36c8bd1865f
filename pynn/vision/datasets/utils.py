"""Downloads with a checksum, and archives."""

import contextlib
import gzip
import hashlib
import os
import pathlib
import shutil
import tarfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterable
from typing import Any

__all__ = ["calculate_md5", "check_integrity", "download_and_extract_archive", "download_url", "extract_archive"]

_Path = str | os.PathLike[str]


def calculate_md5(fpath: _Path, chunk_size: int = 1024 * 1024) -> str:
    """The MD5 sum of a file, in hexadecimal."""
    sum = hashlib.md5(usedforsecurity=False)
    with open(fpath, "rb") as file:
        while chunk := file.read(chunk_size):
            sum.update(chunk)
    return sum.hexdigest()


def check_md5(fpath: _Path, md5: str, **kwargs: Any) -> bool:
    """Whether a file has this MD5 sum."""
    return md5 == calculate_md5(fpath, **kwargs)


def check_integrity(fpath: _Path, md5: str | None = None) -> bool:
    """Whether there is such a file, and has this MD5 sum where one is given."""
    return os.path.isfile(fpath) and (md5 is None or check_md5(fpath, md5))


def download_url(
    url: str, root: _Path, filename: str | None = None, md5: str | None = None, max_redirect_hops: int = 3
) -> None:
    """Bring a file into the folder `root`, unless it is there. The file appears only when it is whole.

    Raises RuntimeError where the address cannot be reached and where the MD5 sum is another.
    """
    folder = os.path.expanduser(root)
    path = os.path.join(folder, filename or os.path.basename(urllib.parse.urlparse(url).path))
    if check_integrity(path, md5):
        return
    os.makedirs(folder, exist_ok=True)
    partial = path + ".part"
    request = urllib.request.Request(url, headers={"User-Agent": "pynn.vision"})
    try:
        with urllib.request.urlopen(request) as answer, open(partial, "wb") as file:
            shutil.copyfileobj(answer, file, 1024 * 1024)
        if not check_integrity(partial, md5):
            raise RuntimeError(f"{url} is not the file expected: its MD5 sum is {calculate_md5(partial)}, not {md5}.")
        os.replace(partial, path)
    except (urllib.error.URLError, OSError) as error:
        raise RuntimeError(
            f"{url} could not be downloaded ({error}). Without a network, put the file at {path} yourself."
        ) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(partial)


def _extract(archive: tarfile.TarFile, target: str) -> None:
    if hasattr(tarfile, "data_filter"):
        archive.extractall(target, filter="data")
        return
    root = os.path.realpath(target)  # before Python 3.11.4
    for member in archive.getmembers():
        place = os.path.realpath(os.path.join(root, member.name))
        if os.path.commonpath((root, place)) != root or not (member.isfile() or member.isdir()):
            raise tarfile.TarError(f"{member.name!r} would be extracted outside the destination {root}, or is no file.")
    archive.extractall(target)


def extract_archive(from_path: _Path, to_path: _Path | None = None, remove_finished: bool = False) -> str:
    """Unpack a .tar(.gz, .bz2, .xz), .tgz, .zip or .gz file into to_path (beside it); returns that path.

    Members that would leave the folder are refused with tarfile.TarError. Raises RuntimeError for another kind of file.
    """
    source = os.fspath(from_path)
    target = os.path.dirname(source) if to_path is None else os.fspath(to_path)
    if source.endswith((".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tar.xz")):
        with tarfile.open(source) as archive:
            _extract(archive, target)
    elif source.endswith(".zip"):
        with zipfile.ZipFile(source) as archive_:
            archive_.extractall(target)
    elif source.endswith(".gz"):
        target = os.path.join(target, os.path.basename(source)[:-3])
        with gzip.open(source, "rb") as packed, open(target, "wb") as file:
            shutil.copyfileobj(packed, file)
    else:
        raise RuntimeError(f"{source} has no suffix of an archive that can be unpacked (.tar, .tgz, .zip, .gz).")
    if remove_finished:
        os.remove(source)
    return target


def download_and_extract_archive(
    url: str,
    download_root: _Path,
    extract_root: _Path | None = None,
    filename: str | None = None,
    md5: str | None = None,
    remove_finished: bool = False,
) -> None:
    """`download_url`, then `extract_archive` into extract_root (download_root)."""
    folder = os.path.expanduser(download_root)
    name = filename or os.path.basename(urllib.parse.urlparse(url).path)
    download_url(url, folder, name, md5)
    extract_archive(os.path.join(folder, name), folder if extract_root is None else extract_root, remove_finished)


def verify_str_arg(value: Any, arg: str | None = None, valid_values: Iterable[str] | None = None) -> str:
    """`value`, a string that is among valid_values. Raises ValueError where it is not."""
    name = "" if arg is None else f" for argument {arg}"
    if not isinstance(value, str):
        raise ValueError(f"Expected type str{name}, but got type {type(value)}.")
    if valid_values is not None and value not in (known := list(valid_values)):
        raise ValueError(f"Unknown value '{value}'{name}. Valid values are {known}.")
    return value


def expanded(root: Any) -> Any:
    """`root` with ~ written out; paths that are no strings stay as they are."""
    return os.path.expanduser(root) if isinstance(root, str) else root


def first_file(*candidates: _Path) -> pathlib.Path | None:
    """The first of these files that is there."""
    return next((pathlib.Path(path) for path in candidates if os.path.isfile(path)), None)
