"""Who survives: greedy removal in priority order, and components, as one task's arithmetic.

**Promise.** Given documents in order of preference, `resolve` keeps a document unless a kept
document before it matches it, and names the best such document. "Matches" means: equal content,
or a verified edge, or a shared hot bucket and exact Jaccard at the threshold. So the result equals
the plain sequential rule over all candidate pairs, although most pairs of a hot bucket were never
compared before: a document that is about to be kept is compared here with the kept documents of
its hot buckets (best first, sketch before shingles, stop at the first match). Nothing else can
remove it, since only kept documents remove, and all pairs with those are either edges or compared
here. One walk, no rounds; it ends because every document is decided once, for good.

Pure numpy and numba: no Spark, no I/O. Measured at 4 million edges: 1.5 us of CPU and a peak of
150 bytes an edge (160 bytes a document), plus the shingles of the members of hot buckets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast

import numpy as np
import numpy.typing as npt
from numba import njit

_F = TypeVar("_F", bound=Callable[..., Any])
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
U64 = npt.NDArray[np.uint64]
U8 = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]

MAX_EDGES: Final = 100_000_000
"""Verified edges that one task resolves: about 15 GB of memory and 3 minutes."""
MAX_HOT_BYTES: Final = 8 << 30
"""Shingle hashes of hot buckets' members that one task holds."""
SLOTS: Final = 64
"""One-byte slots of a sketch."""


def _jit(function: _F) -> _F:
    """`numba.njit` with a disk cache; typed, since numba is not."""
    return cast("_F", njit(cache=True, nogil=True)(function))


@dataclass(frozen=True)
class Documents:
    """Eligible documents, best first: the order decides who survives.

    `content` (int64) names the text: documents that share it are copies of each other. `scope`
    (int64) splits them: documents of different scopes never match. Protected documents are never
    removed and come first.
    """

    doc_id: I64
    content: I64
    scope: I64
    protected: Bools


@dataclass(frozen=True)
class Edges:
    """Verified edges between contents, undirected, in any order, each at least once."""

    a: I64
    b: I64
    jaccard: F64


def _empty(dtype: Any, *shape: int) -> Any:
    return np.empty(shape or (0,), dtype)


@dataclass(frozen=True)
class Hot:
    """Members of hot buckets and what is needed to compare them.

    `bucket[i]` has the member `member[i]` (a content). `content[k]` has the sketch `sketches[k]`
    and the sorted distinct shingle hashes `hashes[offsets[k]:offsets[k + 1]]`. A pair whose
    sketches agree in fewer than `min_equal` slots is no match.
    """

    bucket: I64 = field(default_factory=lambda: _empty(np.int64))
    member: I64 = field(default_factory=lambda: _empty(np.int64))
    content: I64 = field(default_factory=lambda: _empty(np.int64))
    sketches: U8 = field(default_factory=lambda: _empty(np.uint8, 0, SLOTS))
    offsets: I64 = field(default_factory=lambda: np.zeros(1, np.int64))
    hashes: U64 = field(default_factory=lambda: _empty(np.uint64))
    min_equal: int = 0


@dataclass(frozen=True)
class Resolution:
    """One row for every document that has a duplicate among the documents given.

    `row` indexes the documents; `kept` indexes the survivor it matches, -1 for a survivor.
    `is_exact`: the survivor has the same content. `jaccard` is with the survivor, NaN without.
    """

    row: I64
    kept: I64
    is_exact: Bools
    jaccard: F64
    cluster_id: I64
    cluster_size: I64


@_jit
def _jaccard_at_least(x: U64, y: U64, limit: float) -> float:
    """Exact Jaccard of two sorted distinct arrays, or -1.0 once it cannot reach `limit`."""
    n, m = len(x), len(y)
    if n == 0 or m == 0:
        return -1.0
    # |A & B| must reach limit (n + m) / (1 + limit); the margin is for rounding, the last line
    # decides exactly.
    need = limit * (n + m) / (1.0 + limit) - 1e-6
    if min(n, m) < need:
        return -1.0
    i = j = common = 0
    while i < n and j < m:
        if x[i] == y[j]:
            common += 1
            i += 1
            j += 1
        else:
            if x[i] < y[j]:
                i += 1
            else:
                j += 1
            if common + min(n - i, m - j) < need:
                return -1.0
    jaccard = common / (n + m - common)
    return jaccard if jaccard >= limit else -1.0


@_jit
def _walk(
    low_start: I64, low: I64, low_jaccard: F64, protected: Bools,
    hot_row: I64, of_start: I64, of_bucket: I64, bucket_start: I64,
    sketches: U8, offsets: I64, hashes: U64, min_equal: int, min_jaccard: float,
) -> tuple[I64, F64]:  # fmt: skip
    """Decide the nodes 0, 1, .. in this order; see the module's promise.

    Args:
        low_start: Where each node's better neighbours begin in `low` (CSR).
        low: Neighbours of better rank, ascending for each node.
        low_jaccard: Jaccard of these edges.
        protected: Kept whatever matches.
        hot_row: Row of the node in `sketches` and `offsets`, -1 if it is in no hot bucket.
        of_start: Where each node's hot buckets begin in `of_bucket` (CSR).
        of_bucket: Hot buckets.
        bucket_start: Room for each bucket's kept nodes.
        sketches: As in `Hot`.
        offsets: As in `Hot`.
        hashes: As in `Hot`.
        min_equal: As in `Hot`.
        min_jaccard: The threshold for pairs compared here.

    Returns:
        For each node the best kept node that matches it, or -1, and their Jaccard.
    """
    n = len(protected)
    kept_by = np.full(n, -1, np.int64)
    jaccard = np.full(n, np.nan)
    is_kept = np.zeros(n, np.bool_)
    in_bucket = np.empty(bucket_start[-1], np.int64)
    n_in_bucket = np.zeros(len(bucket_start) - 1, np.int64)
    compared = np.full(n, -1, np.int64)
    for v in range(n):
        best = -1
        if not protected[v]:
            for e in range(low_start[v], low_start[v + 1]):
                if is_kept[low[e]]:
                    best = low[e]
                    jaccard[v] = low_jaccard[e]
                    break
            row = hot_row[v]
            if row >= 0:
                mine = hashes[offsets[row] : offsets[row + 1]]
                for k in range(of_start[v], of_start[v + 1]):
                    bucket = of_bucket[k]
                    for i in range(n_in_bucket[bucket]):
                        w = in_bucket[bucket_start[bucket] + i]
                        if best >= 0 and w >= best:
                            break
                        if compared[w] == v:
                            continue
                        compared[w] = v
                        other = hot_row[w]
                        equal = 0
                        for s in range(sketches.shape[1]):
                            equal += sketches[row, s] == sketches[other, s]
                        if equal < min_equal:
                            continue
                        found = _jaccard_at_least(
                            mine, hashes[offsets[other] : offsets[other + 1]], min_jaccard
                        )
                        if found >= 0.0:
                            best = w
                            jaccard[v] = found
                            break
        kept_by[v] = best
        if best < 0:
            is_kept[v] = True
            if hot_row[v] >= 0:
                for k in range(of_start[v], of_start[v + 1]):
                    bucket = of_bucket[k]
                    in_bucket[bucket_start[bucket] + n_in_bucket[bucket]] = v
                    n_in_bucket[bucket] += 1
    return kept_by, jaccard


@_jit
def components(n: int, a: I64, b: I64) -> I64:
    """For each of `n` nodes the smallest node of its component under the edges (a, b)."""
    parent = np.arange(n)
    for e in range(len(a)):
        x, y = a[e], b[e]
        while parent[x] != x:
            parent[x] = parent[parent[x]]
            x = parent[x]
        while parent[y] != y:
            parent[y] = parent[parent[y]]
            y = parent[y]
        # The smaller root wins: with path halving this is fast enough (O(log n) amortised).
        if x < y:
            parent[y] = x
        elif y < x:
            parent[x] = y
    for v in range(n):  # parents are smaller, so theirs are final already
        parent[v] = parent[parent[v]]
    return parent


@dataclass(frozen=True)
class _Nodes:
    """Copies of one content in one scope are one node; nodes are numbered best first."""

    contents: I64
    """Distinct contents, sorted."""
    n_scopes: int
    code: I64
    """Sorted `content index * n_scopes + scope index` of each node."""
    node_of_code: I64
    of_document: I64
    first: I64
    """Index of each node's best document."""

    def spread(self, contents: I64) -> tuple[I64, I64]:
        """All nodes of the given contents: (index into `contents`, position in `code`)."""
        if not len(self.contents):
            return _empty(np.int64), _empty(np.int64)
        at = np.minimum(np.searchsorted(self.contents, contents), len(self.contents) - 1)
        there = np.flatnonzero(self.contents[at] == contents)
        at = at[there]
        start = np.searchsorted(self.code, at * self.n_scopes)
        count = np.searchsorted(self.code, (at + 1) * self.n_scopes) - start
        index = np.repeat(there, count)
        step = np.arange(len(index)) - np.repeat(np.cumsum(count) - count, count)
        return index, np.repeat(start, count) + step


def _make_nodes(documents: Documents) -> _Nodes:
    contents, content = np.unique(documents.content, return_inverse=True)
    scopes, scope = np.unique(documents.scope, return_inverse=True)
    n_scopes = max(len(scopes), 1)
    # np.unique returns the first index of each value: the best document, as they come best first.
    code, first, of_document = np.unique(
        content.astype(np.int64) * n_scopes + scope, return_index=True, return_inverse=True
    )
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return _Nodes(contents, n_scopes, code, rank, rank[of_document], first[order])


def _lift(nodes: _Nodes, edges: Edges) -> tuple[I64, I64, F64]:
    """Edges between contents as edges (better, worse, jaccard) between nodes, scope by scope."""
    edge, position = nodes.spread(edges.a)
    scope = nodes.code[position] % nodes.n_scopes
    b = edges.b[edge]
    last = max(len(nodes.contents) - 1, 0)
    at = np.minimum(np.searchsorted(nodes.contents, b), last)
    wanted = at * nodes.n_scopes + scope
    other = np.minimum(np.searchsorted(nodes.code, wanted), max(len(nodes.code) - 1, 0))
    there = (nodes.contents[at] == b) & (nodes.code[other] == wanted) & (other != position)
    u, w = nodes.node_of_code[position[there]], nodes.node_of_code[other[there]]
    low, high, jaccard = np.minimum(u, w), np.maximum(u, w), edges.jaccard[edge[there]]
    order = np.lexsort((jaccard, low, high))
    return low[order], high[order], jaccard[order]


def _hot_nodes(nodes: _Nodes, hot: Hot) -> tuple[I64, I64, I64, I64]:
    """(hot_row, of_start, of_bucket, bucket_start) for `_walk`; a bucket is split by scope."""
    n = len(nodes.first)
    hot_row = np.full(n, -1, np.int64)
    index, position = nodes.spread(hot.content)
    hot_row[nodes.node_of_code[position]] = index
    index, position = nodes.spread(hot.member)
    node, scope = nodes.node_of_code[position], nodes.code[position] % nodes.n_scopes
    has_row = hot_row[node] >= 0
    node, scope, index = node[has_row], scope[has_row], index[has_row]
    dense = np.unique(hot.bucket[index], return_inverse=True)[1]
    dense = np.unique(dense * nodes.n_scopes + scope, return_inverse=True)[1]
    order = np.lexsort((dense, node))
    node, dense = node[order], dense[order].astype(np.int64)
    of_start = np.searchsorted(node, np.arange(n + 1)).astype(np.int64)
    sizes = np.bincount(dense, minlength=0)
    return hot_row, of_start, dense, np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)


def resolve(
    documents: Documents, edges: Edges, hot: Hot | None = None, min_jaccard: float = 1.0
) -> Resolution:
    """Decide who survives and who belongs together.

    Args:
        documents: Best first; a protected document never comes after an unprotected one.
        edges: Verified edges; ends without an eligible document are ignored.
        hot: What to compare beyond the edges.
        min_jaccard: The threshold for pairs of hot buckets.

    Returns:
        The rows of all documents in a component of at least two, in the order given. Components
        are those of the edges, the equal contents and the matches found here; `cluster_id` is the
        smallest `doc_id`, `cluster_size` counts documents.
    """
    nodes = _make_nodes(documents)
    low, high, jaccard = _lift(nodes, edges)
    n = len(nodes.first)
    low_start = np.searchsorted(high, np.arange(n + 1)).astype(np.int64)
    hot = hot or Hot()
    hot_row, of_start, of_bucket, bucket_start = _hot_nodes(nodes, hot)
    protected = documents.protected[nodes.first]
    kept_by, with_kept = _walk(
        low_start, low, jaccard, protected, hot_row, of_start, of_bucket, bucket_start,
        np.ascontiguousarray(hot.sketches), hot.offsets, hot.hashes, hot.min_equal, min_jaccard,
    )  # fmt: skip
    lost = np.flatnonzero(kept_by >= 0)
    root = components(
        n, np.concatenate((low, kept_by[lost])), np.concatenate((high, lost)).astype(np.int64)
    )
    return _rows(documents, nodes, kept_by, with_kept, root)


def _rows(
    documents: Documents, nodes: _Nodes, kept_by: I64, with_kept: F64, root: I64
) -> Resolution:
    """Nodes back to documents."""
    node = nodes.of_document
    component = root[node]
    size = np.bincount(component, minlength=len(root))
    smallest = np.full(len(root), np.iinfo(np.int64).max)
    np.minimum.at(smallest, component, documents.doc_id)

    index = np.arange(len(node))
    node_lost = kept_by[node] >= 0
    is_first = nodes.first[node] == index
    is_kept = documents.protected | (is_first & ~node_lost)
    survivor = nodes.first[np.where(node_lost, kept_by[node], node)]
    kept = np.where(is_kept, -1, survivor)
    if not bool(np.all(is_kept[kept[kept >= 0]])):
        raise AssertionError("a document was removed in favour of one that is removed itself")
    value = np.where(node_lost, with_kept[node], 1.0)
    value[is_kept] = np.nan
    rows = np.flatnonzero(size[component] > 1)
    return Resolution(
        rows, kept[rows], (~node_lost & ~is_kept)[rows], value[rows],
        smallest[component[rows]], size[component[rows]].astype(np.int64),
    )  # fmt: skip
