"""python -m cinedex serve FILE: serves the algorithms of a file. `cinedex algorithm run` and a running Cinedex call this program."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from pathlib import Path

from .declare import Algorithm
from .errors import Error, Misuse
from .worker import Certificates, program, serve


def load(file: str) -> list[Algorithm]:
    """The algorithms that a file declares, in the order of the file."""
    path = Path(file).resolve()
    if not path.is_file():
        raise Misuse(f"there is no file {file}")
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise Misuse(f"{file} is no file of Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    found = [v for v in vars(module).values() if isinstance(v, Algorithm)]
    if not found:
        raise Misuse(f"{file} declares no algorithm: decorate a generator with @cinedex.algorithm(…)")
    return found


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    p = argparse.ArgumentParser(prog="python -m cinedex", description="Serves algorithms for Cinedex.")
    p.add_argument("--version", action="version", version=program())
    commands = p.add_subparsers(dest="command", required=True)
    s = commands.add_parser("serve", help="serve the algorithms of a file")
    s.add_argument("file")
    s.add_argument("--address", required=True, help="unix:PATH, or HOST:PORT")
    s.add_argument("--certificate", help="the worker's certificate, a PEM file; for another machine")
    s.add_argument("--key", help="the key of the certificate")
    s.add_argument("--clients", help="the authority of the platform's certificates, a PEM file")
    s.add_argument("--private", action="store_true", help="announce nothing: the platform executes the algorithm by name only")
    s.add_argument("--candidate", action="store_true", help="arriving media gets no runs")
    commands.add_parser("list", help="print name@version of the algorithms of a file").add_argument("file")
    a = p.parse_args(argv)
    if a.command == "list":
        try:
            print("\n".join(algorithm.id for algorithm in load(a.file)))
        except Error as e:
            print(f"cinedex: {e}", file=sys.stderr)
            return 2
        return 0
    given = [x for x in (a.certificate, a.key, a.clients) if x]
    if given and len(given) < 3:
        p.error("--certificate, --key and --clients belong together")
    try:
        serve(*load(a.file), address=a.address, certificates=Certificates(*given) if given else None, private=a.private, candidate=a.candidate)
    except Error as e:
        print(f"cinedex: {e}", file=sys.stderr)
        return 2
    return 0


def _leave(code: int) -> None:
    """Ends the process at once: an algorithm that goes on after its run was ended holds up no end."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _leave(main())
