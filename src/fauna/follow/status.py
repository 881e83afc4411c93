"""How a follower is, as SHOW SLAVE STATUS, SHOW STATUS and the table fauna.follower tell it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from fauna.catalog.types import Stored
from fauna.client.server_link import Address
from fauna.clock import shown
from fauna.session.result import Row

CONNECTING: Final = "connecting"
FOLLOWING: Final = "following"
STOPPED: Final = "stopped"
_IO_STATES: Final = {
    CONNECTING: "Connecting to master",
    FOLLOWING: "Waiting for master to send event",
    STOPPED: "",
}


@dataclass(frozen=True, slots=True)
class ShardStatus:
    """time_us: of the latest block here; source_height: as far as is known."""

    shard: int
    height: int
    time_us: int
    source_height: int


@dataclass(frozen=True, slots=True)
class Status:
    """settled_us: everything that the source has committed up to then is here; source_us: what time it is
    at the source; connection_error, apply_error: number and text of what went wrong last, (0, "") when nothing is wrong now."""

    state: str
    address: Address
    shards: tuple[ShardStatus, ...]
    settled_us: int
    source_us: int
    connection_error: tuple[int, str]
    apply_error: tuple[int, str]

    @property
    def blocks_behind(self) -> int:
        return sum([max(each.source_height - each.height, 0) for each in self.shards])

    @property
    def seconds_behind(self) -> float | None:
        """None: not known, because it does not follow just now."""
        if self.state != FOLLOWING:
            return None
        return max(self.source_us - self.settled_us, 0) / 1_000_000 if self.blocks_behind else 0.0


def variables(status: Status) -> list[tuple[str, str]]:
    """For SHOW STATUS."""
    behind = status.seconds_behind
    return [
        ("Follower_blocks_behind", str(status.blocks_behind)),
        ("Follower_last_error", status.apply_error[1] or status.connection_error[1]),
        ("Follower_seconds_behind", "" if behind is None else f"{behind:.3f}"),
        ("Follower_settled", shown(status.settled_us) if status.settled_us else ""),
        ("Follower_source", f"{status.address.host}:{status.address.port}"),
        ("Follower_state", status.state),
        ("Slave_running", "ON" if status.state == FOLLOWING else "OFF"),
    ]


def replica(status: Status) -> Mapping[str, Stored]:
    """For SHOW SLAVE STATUS: what means something here, by column."""
    (io_number, io_text), (sql_number, sql_text) = status.connection_error, status.apply_error
    behind = status.seconds_behind
    running = "No" if status.state == STOPPED else "Yes"
    return {
        "Slave_IO_State": _IO_STATES[status.state],
        "Master_Host": status.address.host,
        "Master_User": status.address.user,
        "Master_Port": status.address.port,
        "Connect_Retry": 30,
        "Slave_IO_Running": "Connecting" if status.state == CONNECTING else running,
        "Slave_SQL_Running": running,
        "Last_Errno": sql_number,
        "Last_Error": sql_text,
        "Master_SSL_Allowed": "No" if status.address.tls_mode == "off" else "Yes",
        "Master_SSL_CA_File": status.address.tls_ca or "",
        "Master_SSL_Verify_Server_Cert": "Yes" if status.address.tls_mode == "verify" else "No",
        "Seconds_Behind_Master": None if behind is None else round(behind),
        "Last_IO_Errno": io_number,
        "Last_IO_Error": io_text,
        "Last_SQL_Errno": sql_number,
        "Last_SQL_Error": sql_text,
        "Master_Server_Id": 1,
        "Using_Gtid": "No",
        "Parallel_Mode": "conservative",
        "Slave_SQL_Running_State": "" if status.state == STOPPED else "Slave has read all relay log; waiting for more updates",
    }


def rows(status: Status) -> Iterable[Row]:
    """The rows of fauna.follower."""
    for each in status.shards:
        yield (
            each.shard, each.height, each.source_height, max(each.source_height - each.height, 0),
            shown(each.time_us) if each.time_us else None,
            status.state, status.apply_error[1] or status.connection_error[1] or None,
        )  # fmt: skip
