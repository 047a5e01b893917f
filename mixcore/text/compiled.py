"""How every kernel of this package is compiled: without the GIL, cached beside the source."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numba

_OPTIONS: dict[str, Any] = {"nogil": True, "boundscheck": False, "error_model": "numpy"}


@cache
def _digest_of_sources() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        source = path.read_bytes()
        if b"mixcore.text.compiled import" in source or path == Path(__file__):
            digest.update(source)
    for path in sorted(Path(__file__).parent.glob("*.npz")):  # frozen into the code
        digest.update(path.read_bytes())
    return digest.hexdigest()


def kernel(function: Callable[..., Any]) -> Any:
    """Compile on first call; the code is kept on disk."""
    return _compiled(function, {})


def leaf(function: Callable[..., Any]) -> Any:
    """As `kernel`, for functions that allocate nothing: compiled without reference counts.

    Else numba counts references to the arrays of a call it does not inline: four atomic
    additions, more than a short word takes.
    """
    return _compiled(function, {"_nrt": False})


def _compiled(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    """A dispatcher whose code on disk depends on every source of this package.

    numba's cache looks at the file of the function alone, so an edited helper in another
    file would leave its callers stale. The stamp here covers every source that uses `kernel`.
    """
    dispatcher: Any = numba.njit(cache=True, **_OPTIONS, **options)(function)
    cache_file: Any = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
    if cache_file is not None and hasattr(cache_file, "_source_stamp"):
        cache_file._source_stamp = _digest_of_sources()  # noqa: SLF001 # no public way
        cache_file.save = partial(_save, cache_file)
    return dispatcher


def _save(file: Any, key: Any, data: Any) -> None:
    """Keep compiled code under a name that says which code it is.

    numba numbers the files. Two processes that start with no cache then give one number to
    different code, and the index of one leads to the code of the other. With these names the
    worst is an entry lost from the index, which is compiled again.
    """
    content = repr((file._source_stamp, key)).encode()  # noqa: SLF001
    stem = file._index_name.removesuffix(".nbi")  # noqa: SLF001
    name = f"{stem}.{hashlib.sha256(content).hexdigest()[:16]}.nbc"
    file._save_data(name, data)  # noqa: SLF001 # before the index: that leads to whole files only
    file._save_index({**file._load_index(), key: name})  # noqa: SLF001
