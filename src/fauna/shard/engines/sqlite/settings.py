"""The engine's limits, in one place."""

from __future__ import annotations

from dataclasses import dataclass

from fauna.catalog.ddl_plan import TEMPORARY_IDS


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """inline_steps      virtual-machine steps between two looks at the clock; an inline statement gets about twice as many
    inline_rows       rows that an inline query may return; more must move to a worker thread
    readers_max       open reader connections: streams plus transactions with a snapshot
    untracked         tables whose changes never conflict: they are noted as the statements that make them
    counters          those of them (AUTO_INCREMENT's) that count from when a transaction is prepared, whatever becomes of it
    history_rows_max  row changes remembered for open snapshots; a snapshot that falls behind them cannot write (1213)
    history_commits   commits remembered for `changes` even when no snapshot needs them
    mmap_bytes        off: measured, mapped pages make reads 10 % slower and read-write transactions 1.5 times
    tracked_rows_max  rows one transaction changes before it counts as having changed whole tables
    prepared_rows_max the same for a transaction that may have to commit together with other shards: it must know every row
    images_max        rows whose values are noted with their change; more are never done again from the notes
    write_set_rows_max, write_set_bytes_max   what a transaction may have changed and still let others write between its
                      statements; a larger one keeps the write lock to its end
    hidden_rowid      the column that is a rowid which nobody sees
    chain             whether commits are sealed in blocks
    unsealed          tables whose changes are in no block
    temporary_from    tables whose name has this number or a higher one are temporary: they are in no block either
    sealer_rows_max, sealer_bytes_max   changes of a transaction that are kept in memory for its block; more go to a file
    """

    page_size: int = 4096
    inline_steps: int = 20_000
    inline_rows: int = 500
    prefetch_rows: int = 256
    readers_max: int = 256
    readers_idle_max: int = 64
    reader_cache_kib: int = 2 * 1024
    inline_cache_kib: int = 16 * 1024
    writer_cache_kib: int = 32 * 1024
    mmap_bytes: int = 0
    statement_cache: int = 512
    reader_statement_cache: int = 64
    untracked: frozenset[str] = frozenset({"auto_increment"})
    counters: frozenset[str] = frozenset({"auto_increment"})
    history_rows_max: int = 100_000
    history_commits: int = 256
    tracked_rows_max: int = 10_000
    prepared_rows_max: int = 2_000_000
    images_max: int = 4_096
    write_set_rows_max: int = 64
    write_set_bytes_max: int = 1 << 20
    hidden_rowid: str = "_rowid"
    chain: bool = True
    unsealed: frozenset[str] = frozenset({"definition_count", "definition_script"})
    temporary_from: int = TEMPORARY_IDS
    sealer_rows_max: int = 20_000
    sealer_bytes_max: int = 16 << 20
    mixed_read_rows_max: int = 10_000
    stream_buffer_rows_max: int = 100_000
    checkpoint_pages: int = 4_000
    truncate_pages: int = 64_000
