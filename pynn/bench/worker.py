"""The parent's end of a worker process."""

import contextlib
import os
import pickle
import select
import subprocess
import sys
from typing import Any

from pynn.bench.sides import SIDES


class Worker:
    """A process that runs one side. It starts with the first request, and anew after one that killed it.

    timeout: seconds that a reply may take.
    """

    def __init__(self, side: str, threads: int, timeout: float = 600.0) -> None:
        self.side, self.threads, self.timeout = side, threads, timeout
        self._process: subprocess.Popen[bytes] | None = None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            command = [sys.executable, "-m", "pynn.bench._worker", self.side, str(self.threads)]
            environment = os.environ | {"OPENBLAS_NUM_THREADS": str(self.threads)} | SIDES[self.side].environment
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        return self._process

    def ask(self, *request: Any) -> Any:
        """The reply to a request; RuntimeError with the worker's message where it failed, ended or took too long."""
        process = self._started()
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the worker process has no pipes")
        try:
            pickle.dump(request, process.stdin)
            process.stdin.flush()
            if not select.select([process.stdout], [], [], self.timeout)[0]:
                self.close(kill=True)
                raise RuntimeError(f"no answer in {self.timeout:g} s")
            reply = pickle.load(process.stdout)
        except (EOFError, BrokenPipeError):
            status = process.wait()
            self.close()
            raise RuntimeError(f"its process ended with status {status}") from None
        if isinstance(reply, str):
            raise RuntimeError(reply)
        return reply

    def close(self, kill: bool = False) -> None:
        """End the process; the next request starts another."""
        if self._process is None:
            return
        if kill:
            self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # it may have died with a request unread
                    pipe.close()
        self._process.wait()
        self._process = None
