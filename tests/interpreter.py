"""Code run in an interpreter of its own."""

import os
import subprocess
import sys


def run(code, **environment):
    """What a fresh interpreter prints for the code."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYNN_")} | environment
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip()
