"""Files that appear whole or not at all."""

import contextlib
import os
import secrets
import shutil
import stat
from typing import Any


@contextlib.contextmanager
def whole(path: Any) -> Any:
    """A binary file to write, which takes the place of `path` once it is complete: `with whole(path) as file:`.

    It is written beside `path`, in the same folder. On any error it is removed, and `path` is as it was. A link
    stays a link, and an existing file's mode is kept. What was written may still be in the system's cache at the end.

    Raises RuntimeError for a folder that does not exist and for a path that is one.
    """
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {os.path.dirname(path)} does not exist. Make it first (os.makedirs).")
    if os.path.isdir(target):
        raise RuntimeError(f"{path} is a directory: the path of a file is needed.")
    exists = os.path.exists(target)
    if exists and not stat.S_ISREG(os.stat(target).st_mode):  # a device or a pipe: nothing to put in place
        with open(target, "wb") as file:
            yield file
        return
    beside = os.path.join(folder, f".{os.path.basename(target)[:100]}.{secrets.token_hex(4)}.tmp")
    try:
        with open(beside, "xb") as file:
            yield file
        if exists:
            shutil.copymode(target, beside)
        os.replace(beside, target)
    except BaseException:
        if os.path.exists(beside):
            os.remove(beside)
        raise
