"""`python -m tests.bench.compiling`: how long manifests take to compile, beside what the YAML parser alone needs.

Processor seconds, microseconds and KiB a manifest, each row in a process of its own. The parser is PyYAML's own composer,
over libyaml, on the texts that the templates became.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from declarative.manifest.compile import compile_files
from declarative.manifest.files import find
from declarative.manifest.template import Templates
from declarative.model.value import EMPTY
from tests.bench.manifests import text

SHAPES = ("one file", "many files", "many templates", "one template", "a loop")


def write(folder: Path, shape: str, count: int) -> None:
    """Writes `count` manifests in this shape."""
    folder.mkdir()
    many, templated = shape.startswith("many"), "template" in shape
    if shape == "a loop":
        turn = text(7).replace("00007", "{{ '%05d' | format(n) }}")
        (folder / "all.yaml").write_text(
            f"{{% for n in range({count}) %}}\n---\n{turn}{{% endfor %}}\n", encoding="utf-8"
        )
        return
    texts = [text(number) for number in range(count)]
    if templated:
        texts = [one.replace(f"train-{n:05d}", f"train-{{{{ '{n:05d}' }}}}") for n, one in enumerate(texts)]
    for number, one in enumerate(texts if many else ["---\n".join(texts)]):
        (folder / f"{number:05d}.yaml").write_text(one, encoding="utf-8")


def measure(shape: str, count: int) -> None:
    """Prints one row."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write(root / "manifests", shape, count)
        files, _ = find(root, ["manifests"])
        before, began = _peak(), time.process_time()
        compiled = compile_files(files, Templates(root, EMPTY, None))
        took, grew = time.process_time() - began, _peak() - before
        assert len(compiled.resources) == count, compiled.diagnostics[:3]
        templates = Templates(root, EMPTY, None)
        texts = [templates.render(file.path.read_text(encoding="utf-8"), file.name).text for file in files]
    del compiled
    began = time.process_time()
    for one in texts:
        for _ in yaml.compose_all(one, Loader=yaml.CSafeLoader):
            pass
    parser = time.process_time() - began
    each, kib = took / count * 1e6, grew / count
    print(f"{shape:15} {count:6} {took:9.3f} {each:9.0f} {parser:9.3f} {took / parser:6.2f} {kib:8.1f}", flush=True)


def _peak() -> int:
    """KiB (on Linux)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 10000])
    parser.add_argument("--shape", choices=SHAPES)
    chosen = parser.parse_args()
    if chosen.shape:
        measure(chosen.shape, chosen.counts[0])
        return
    print(
        f"{'shape':15} {'count':>6} {'compile s':>9} {'us each':>9} {'parser s':>9} {'ratio':>6} {'KiB each':>8}",
        flush=True,
    )
    for shape in SHAPES:
        for count in chosen.counts:
            arguments = ("-m", "tests.bench.compiling", "--shape", shape, "--counts", str(count))
            subprocess.run([sys.executable, *arguments], check=True, env=dict(os.environ))


if __name__ == "__main__":
    main()
