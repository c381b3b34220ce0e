"""The entry point. It answers `--version` before anything is imported: scripts ask for it often."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    if sys.argv[1:] == ["--version"]:
        from declarative import __version__

        sys.stdout.write(f"declarative {__version__}\n")
        return
    # What manifests and plans are made of is no garbage until the end; looking for some in it took an eighth of the time.
    gc.set_threshold(100_000)
    # What is validated may be secret, and so nothing for plugins; looking for them takes as long as ten manifests.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    from declarative.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
