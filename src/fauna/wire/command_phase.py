"""The command phase: one function per COM_*, and what happens between a command and its last byte of reply.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase.html

The usual command never leaves one call chain: the function of its COM_* calls the session, `_answer` writes the
result.  Four things make a command wait, each with one function below, and each comes back through `_resume`, which
ends in the same `_answer`:

    MustMove                  `_in_worker`   the same call in a worker thread
    MustWait                  `_wait_for`    the same call when the ticket is done
    Result.durable            `_hold`        the reply, when the ticket is done
    rows not in memory        `_pull`        the next batch, when the client has taken the last
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fauna.errors import FatalError, SqlError, error
from fauna.session.result import LocalInfile, MustMove, MustWait, Result, ResultColumn, Ticket
from fauna.wire import commands, protocol, replies
from fauna.wire.backend import Prepared, Session
from fauna.wire.charset import UTF8MB4, Charset, charset_named
from fauna.wire.framing import frame, malformed
from fauna.wire.infile import InfileFeed
from fauna.wire.protocol import (
    CLIENT_DEPRECATE_EOF,
    CLIENT_INTERACTIVE,
    CLIENT_LOCAL_FILES,
    CLIENT_MULTI_STATEMENTS,
    SERVER_MORE_RESULTS_EXISTS,
    SERVER_STATUS_CURSOR_EXISTS,
    SERVER_STATUS_IN_TRANS,
    SERVER_STATUS_LAST_ROW_SENT,
)
from fauna.wire.replies import BATCH_BYTES, Formats, formats
from fauna.wire.rows import Cursor, CursorFetch, RowStream
from fauna.wire.values import Param, ParamDecoder, param_decoder

if TYPE_CHECKING:
    from fauna.wire.connection import Connection

log = logging.getLogger("fauna")

# A statement that starts with one of these letters cannot change a character set: BEGIN, COMMIT, INSERT, UPDATE …
_NEVER_SET: Final = frozenset("bBcCdDiIlLrRuUwWxX")
_INTERNAL: Final = "Internal error; see the server's log"


class Statement:
    """A prepared statement as the wire knows it: parameter types of the last execution, long data, open cursor."""

    __slots__ = ("columns", "cursor", "decoder", "long_bytes", "long_data", "may_set", "param_count", "statement_id", "types")

    def __init__(self, prepared: Prepared, text: str) -> None:
        self.statement_id = prepared.statement_id
        self.param_count = prepared.param_count
        self.columns = prepared.columns
        self.may_set = _may_set(text)
        self.types = b""
        self.decoder: ParamDecoder | None = None
        self.long_data: dict[int, bytes] = {}
        self.long_bytes = 0
        self.cursor: Cursor | None = None

    def reset(self) -> None:
        """COM_STMT_RESET: forget long data, close the cursor."""
        self.long_data = {}
        self.long_bytes = 0
        if self.cursor is not None:
            self.cursor.close()
            self.cursor = None


class CommandPhase:
    """The commands of one logged-in client.

    sequence   the id of the next packet of the reply
    idle       no command is under way and payloads are commands (not the file of a LOAD DATA LOCAL)
    """

    def __init__(self, connection: Connection, session: Session, capabilities: int) -> None:
        self.connection = connection
        self.session = session
        self._counters = connection.server.counters
        self.sequence = 1
        self.idle = True
        self._capabilities = capabilities
        self._deprecate_eof = bool(capabilities & CLIENT_DEPRECATE_EOF)
        self._multi_statements = bool(capabilities & CLIENT_MULTI_STATEMENTS)
        self._statements: dict[int, Statement] = {}
        self._rest: list[str | Callable[..., Result]] = []  # statements of a multi-statement still to run, last first
        self._may_set = False  # the running statement may change a character set
        self._cursor_for: Statement | None = None
        self._working = False  # a worker thread has the session
        self._stream: RowStream | None = None
        self._feed: InfileFeed | None = None
        self._loaded: Callable[[], None] | None = None
        self._closed = False
        self._read_charsets()

    # --- character sets --------------------------------------------------------------------------------------------

    def _read_charsets(self) -> None:
        client = charset_named(str(self.session.variable("character_set_client"))) or UTF8MB4
        name = self.session.variable("character_set_results")
        results = None if name is None or str(name).lower() == "binary" else charset_named(str(name)) or UTF8MB4
        self._client_charset = client
        self._client_utf8 = client.codec == "utf-8"
        self._results_charset: Charset | None = results
        self._text_formats = formats(False, results)
        self._binary_formats = formats(True, results)
        self._formats: Formats = self._text_formats
        for statement in self._statements.values():
            if statement.types:
                statement.decoder = param_decoder(statement.types, client)

    def _text(self, data: bytes) -> str:
        """Statement text.  Bytes that are no characters become lone surrogates: drivers put raw bytes in _binary'…'."""
        if self._client_utf8:
            try:
                return data.decode()
            except UnicodeDecodeError:
                return data.decode("utf-8", "surrogateescape")
        return self._client_charset.decode(data)

    def error_charset(self) -> Charset:
        return self._results_charset or UTF8MB4

    # --- a command comes in ----------------------------------------------------------------------------------------

    def straight(self, payload: bytes) -> None:
        """A command that was one packet, from an idle client: the hot path."""
        self.sequence = 1
        try:
            _COMMANDS[payload[0]](self, payload)
        except Exception as problem:  # noqa: BLE001 (told as 1105, logged)
            self._fail(problem)

    def payload(self, payload: bytes) -> None:
        """A command that came in any other way."""
        connection = self.connection
        connection.commands += 1
        self.sequence = connection.reader.sequence
        if not payload:
            raise malformed("an empty command")
        try:
            _COMMANDS[payload[0]](self, payload)
        except Exception as problem:  # noqa: BLE001 (told as 1105, logged)
            self._fail(problem)
        if self.idle:
            connection.reader.start_command()

    # --- statements ------------------------------------------------------------------------------------------------

    def com_query(self, payload: bytes) -> None:
        """https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query.html"""
        self._counters.questions += 1
        if self._client_utf8:
            try:
                text = payload[1:].decode()
            except UnicodeDecodeError:
                text = payload[1:].decode("utf-8", "surrogateescape")
        else:
            text = self._client_charset.decode(payload[1:])
        self._formats = self._text_formats
        if self._multi_statements and ";" in text:
            texts = self.session.split(text)
            if len(texts) > 1:
                texts.reverse()
                text = texts.pop()
                self._rest = list(texts)
            elif texts:
                text = texts[0]
        self._may_set = text[:1] not in _NEVER_SET
        try:
            result = self.session.execute(text, inline=True)
        except MustMove:
            self._in_worker(partial(self.session.execute, text, inline=False))
        except MustWait as wait:
            self._wait_for(wait.ticket, partial(self._run_text, text))
        else:
            self._answer(result)

    def _run_text(self, text: str) -> None:
        self._may_set = _may_set(text)
        self._run(partial(self.session.execute, text))

    def _run(self, execute: Callable[..., Result | LocalInfile]) -> None:
        """Run `execute(inline=…)` wherever it can run, and answer."""
        try:
            result = execute(inline=True)
        except MustMove:
            self._in_worker(partial(execute, inline=False))
        except MustWait as wait:
            self._wait_for(wait.ticket, partial(self._run, execute))
        else:
            self._answer(result)

    def com_stmt_prepare(self, payload: bytes) -> None:
        """https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_stmt_prepare.html"""
        text = self._text(payload[1:])
        self._call(partial(self.session.prepare, text), partial(self._prepared, text))

    def _prepared(self, text: str, prepared: Prepared) -> None:
        statement = self._statements[prepared.statement_id] = Statement(prepared, text)
        columns = prepared.columns or ()
        pieces = [replies.prepared(self.sequence, statement.statement_id, len(columns), statement.param_count, 0)]
        sequence = self.sequence + 1
        status = self.session.status
        if statement.param_count:
            pieces.append(replies.parameter_definitions(statement.param_count, sequence))
            sequence += statement.param_count
            if not self._deprecate_eof:
                pieces.append(replies.eof(sequence, status, 0, False))
                sequence += 1
        if columns:
            pieces.append(self._binary_formats.of(columns).definitions(sequence))
            sequence += len(columns)
            if not self._deprecate_eof:
                pieces.append(replies.eof(sequence, status, 0, False))
        self.connection.write(b"".join(pieces))
        self._end_command()

    def com_stmt_execute(self, payload: bytes) -> None:
        """https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_stmt_execute.html"""
        self._counters.questions += 1
        statement_id, flags = commands.execute_head(payload)
        statement = self._statement(statement_id, "mysqld_stmt_execute")
        params = self._params(statement, payload) if statement.param_count else ()
        if statement.cursor is not None:
            statement.reset()
        self._formats = self._binary_formats
        if flags & protocol.CURSOR_TYPE_READ_ONLY and statement.columns is not None:
            self._cursor_for = statement
        self._may_set = statement.may_set
        try:
            result = self.session.execute_prepared(statement_id, params, inline=True)
        except MustMove:
            self._in_worker(partial(self.session.execute_prepared, statement_id, params, inline=False))
        except MustWait as wait:
            self._wait_for(wait.ticket, partial(self._run, partial(self.session.execute_prepared, statement_id, params)))
        else:
            self._answer(result)

    def _params(self, statement: Statement, payload: bytes) -> list[Param]:
        count = statement.param_count
        position = commands.EXECUTE_HEAD_BYTES + ((count + 7) >> 3)
        if len(payload) <= position:
            raise malformed("parameters are missing")
        nulls = payload[commands.EXECUTE_HEAD_BYTES : position]
        if payload[position] == 1:
            types = payload[position + 1 : position + 1 + count * 2]
            position += 1 + count * 2
            if types != statement.types:
                if len(types) != count * 2:
                    raise malformed("parameter types are missing")
                statement.decoder = param_decoder(types, self._client_charset)
                statement.types = types
        else:
            position += 1
        if statement.decoder is None:
            raise malformed("the first execution names no parameter types")
        if not statement.long_data:
            return statement.decoder.decode(payload, position, nulls, statement.long_data, self._client_charset)
        if statement.long_bytes > self.connection.reader.payload_bytes_max:
            statement.reset()
            raise SqlError(1105, "HY000", "Parameter of prepared statement which is set through mysql_send_long_data() is "
                                          "longer than 'max_allowed_packet' bytes")  # fmt: skip
        long_data = statement.long_data
        statement.long_data, statement.long_bytes = {}, 0
        return statement.decoder.decode(payload, position, nulls, long_data, self._client_charset)

    def _statement(self, statement_id: int, caller: str) -> Statement:
        statement = self._statements.get(statement_id)
        if statement is None:
            raise error("UNKNOWN_STMT_HANDLER", statement_id, caller)
        return statement

    def com_stmt_send_long_data(self, payload: bytes) -> None:
        """No reply, whatever happens: the next COM_STMT_EXECUTE tells."""
        command = commands.ComStmtSendLongData.parse(payload)
        statement = self._statements.get(command.statement_id)
        if statement is None or command.param_id >= statement.param_count:
            return
        statement.long_bytes += len(command.data)
        if statement.long_bytes <= self.connection.reader.payload_bytes_max:
            known = statement.long_data.get(command.param_id, b"")
            statement.long_data[command.param_id] = known + command.data
        elif command.param_id not in statement.long_data:
            statement.long_data[command.param_id] = b""

    def com_stmt_fetch(self, payload: bytes) -> None:
        command = commands.ComStmtFetch.parse(payload)
        statement = self._statement(command.statement_id, "mysqld_stmt_fetch")
        if statement.cursor is None:
            raise error("STMT_HAS_NO_OPEN_CURSOR", command.statement_id)
        fetch = CursorFetch(statement.cursor, command.row_count, self.sequence)
        self._deliver_fetch(statement, fetch, fetch.take())

    def _deliver_fetch(self, statement: Statement, fetch: CursorFetch, data: bytes) -> None:
        if not fetch.done:
            self.connection.write(data)
            self._begin_wait()
            self._when_writable(partial(self._next_fetch, statement, fetch))
            return
        if fetch.problem is not None:
            raise fetch.problem
        status = self.session.status | SERVER_STATUS_CURSOR_EXISTS
        if fetch.cursor.exhausted():
            status = self.session.status | SERVER_STATUS_LAST_ROW_SENT
            statement.reset()
        self.connection.write(data + replies.eof(fetch.sequence, status, 0, self._deprecate_eof))
        self._end_command()

    def _next_fetch(self, statement: Statement, fetch: CursorFetch) -> None:
        self._deliver_fetch(statement, fetch, fetch.take())

    def com_stmt_close(self, payload: bytes) -> None:
        """No reply."""
        statement_id = commands.ComStmtClose.parse(payload).statement_id
        statement = self._statements.pop(statement_id, None)
        if statement is not None:
            statement.reset()
            self.session.close_prepared(statement_id)

    def com_stmt_reset(self, payload: bytes) -> None:
        statement_id = commands.ComStmtClose.parse(payload).statement_id
        self._statement(statement_id, "mysqld_stmt_reset").reset()
        self._ok()

    # --- other commands --------------------------------------------------------------------------------------------

    def com_quit(self, payload: bytes) -> None:
        self.connection.close()

    def com_init_db(self, payload: bytes) -> None:
        self._call(partial(self.session.use, self._text(payload[1:])), self._ok)

    def com_field_list(self, payload: bytes) -> None:
        command = commands.ComFieldList.parse(payload)
        call = partial(self.session.field_list, self._text(command.table), self._text(command.wildcard))
        self._call(call, self._field_list)

    def _field_list(self, columns: tuple[ResultColumn, ...]) -> None:
        pieces = []
        for column in columns:
            definition = replies.column_definition(column, self._results_charset) + replies.default_value(None)
            pieces.append(frame(definition, self.sequence))
            self.sequence += 1
        pieces.append(replies.eof(self.sequence, self.session.status, 0, self._deprecate_eof))
        self.connection.write(b"".join(pieces))
        self._end_command()

    def com_statistics(self, payload: bytes) -> None:
        self.connection.write(frame(self.session.statistics().encode(), self.sequence))

    def com_process_kill(self, payload: bytes) -> None:
        connection_id = commands.ComProcessKill.parse(payload).connection_id
        self._call(partial(self.session.kill, connection_id, query_only=False), self._ok)

    def com_ping(self, payload: bytes) -> None:
        self.connection.write(replies.ok(self.sequence, 0, 0, self.session.status, 0))

    def com_set_option(self, payload: bytes) -> None:
        option = commands.ComSetOption.parse(payload).option
        if option not in (protocol.MYSQL_OPTION_MULTI_STATEMENTS_ON, protocol.MYSQL_OPTION_MULTI_STATEMENTS_OFF):
            raise error("UNKNOWN_COM")
        self._multi_statements = option == protocol.MYSQL_OPTION_MULTI_STATEMENTS_ON
        self.session.set_option(self._multi_statements)
        self.connection.write(replies.eof(self.sequence, self.session.status, 0, self._deprecate_eof))

    def com_reset_connection(self, payload: bytes) -> None:
        self._call(self.session.reset, self._was_reset)

    def _was_reset(self, _: None) -> None:
        self._forget_statements()
        self._read_charsets()
        self._ok()

    def com_change_user(self, payload: bytes) -> None:
        """The old session ends before the new user is known: a failed change leaves nothing behind."""
        from fauna.wire.login import Login  # a login makes a command phase, and this one command a login

        login = Login(self.connection)
        self.connection.start_login(self.sequence)
        self.idle = False
        self._close_session()
        login.change_user(payload, self._capabilities)

    def com_unknown(self, payload: bytes) -> None:
        raise error("UNKNOWN_COM")

    def _forget_statements(self) -> None:
        for statement in self._statements.values():
            statement.reset()
        self._statements.clear()

    # --- answers ---------------------------------------------------------------------------------------------------

    def _ok(self, _: object = None) -> None:
        self.connection.write(replies.ok(self.sequence, 0, 0, self.session.status, 0))
        self._end_command()

    def _answer(self, result: Result | LocalInfile) -> None:
        if type(result) is not Result:
            assert isinstance(result, LocalInfile)
            self._start_infile(result)
            return
        if result.durable is not None:
            if not result.durable.done():
                self._hold(result.durable, result)
                return
            result.durable.check()
        if result.columns is not None:
            self._answer_rows(result, result.columns)
            return
        if self._may_set and not result.affected_rows:
            self._read_charsets()
        status = self.session.status | result.status
        if self._rest:
            status |= SERVER_MORE_RESULTS_EXISTS
        self.connection.write(
            replies.ok(self.sequence, result.affected_rows, result.insert_id, status, result.warnings, result.info)
        )
        self._end_result(self.sequence + 1)

    def _answer_rows(self, result: Result, columns: tuple[ResultColumn, ...]) -> None:
        if self._cursor_for is not None:
            self._open_cursor(result, columns)
            return
        pieces, sequence = self._head(result, columns)
        result_format = self._formats.of(columns)
        if not result.ready:
            stream = self._stream = RowStream(result, result_format, sequence, pieces)
            self._work(stream.take, partial(self._deliver, stream))
            return
        try:
            sequence, done = result_format.batch(result.rows, sequence, pieces, BATCH_BYTES)
        except Exception:
            result.close()
            raise
        if done:
            pieces.append(replies.eof(sequence, self._row_status(result), result.warnings, self._deprecate_eof))
            self.connection.write(b"".join(pieces))
            self._end_result(sequence + 1, result.then)
            return
        self.connection.write(b"".join(pieces))
        stream = self._stream = RowStream(result, result_format, sequence, [])
        self._begin_wait()
        self._pull(stream)

    def _head(self, result: Result, columns: tuple[ResultColumn, ...]) -> tuple[list[bytes], int]:
        """What goes before the rows, and the sequence id after it."""
        sequence = self.sequence
        pieces = [self._formats.of(columns).head(sequence)]
        sequence += 1 + len(columns)
        if not self._deprecate_eof:
            pieces.append(replies.eof(sequence, self._row_status(result), result.warnings, False))
            sequence += 1
        return pieces, sequence

    def _row_status(self, result: Result) -> int:
        status = self.session.status | result.status
        return status | SERVER_MORE_RESULTS_EXISTS if self._rest or result.then is not None else status

    def _pull(self, stream: RowStream) -> None:
        """Take the next batch, once the client has read enough of the last."""
        self._when_writable(partial(self._take, stream))

    def _take(self, stream: RowStream) -> None:
        if stream.result.ready:
            self._deliver(stream, stream.take())
        else:
            self._work(stream.take, partial(self._deliver, stream))

    def _deliver(self, stream: RowStream, data: bytes) -> None:
        """Write a batch; after the last one, the end."""
        if not stream.done:
            self.connection.write(data)
            self._begin_wait()
            self._pull(stream)
            return
        self._stream = None
        if stream.problem is not None:
            if stream.started:
                self.connection.write(data)
                self.sequence = stream.sequence
            stream.result.close()
            raise stream.problem
        result = stream.result
        end = replies.eof(stream.sequence, self._row_status(result), result.warnings, self._deprecate_eof)
        self.connection.write(data + end)
        self._end_result(stream.sequence + 1, result.then)

    def _open_cursor(self, result: Result, columns: tuple[ResultColumn, ...]) -> None:
        """Read the rows aside; the client gets the definitions now and the rows by COM_STMT_FETCH."""
        statement, self._cursor_for = self._cursor_for, None
        assert statement is not None
        cursor = Cursor()
        fill = partial(cursor.fill, result, self._binary_formats.of(columns))
        opened = partial(self._cursor_opened, statement, cursor, result, columns)
        self._work(fill, opened)

    def _cursor_opened(
        self, statement: Statement, cursor: Cursor, result: Result, columns: tuple[ResultColumn, ...], _: None
    ) -> None:
        statement.cursor = cursor
        head = self._binary_formats.of(columns).head(self.sequence)
        sequence = self.sequence + 1 + len(columns)
        status = self.session.status | result.status | SERVER_STATUS_CURSOR_EXISTS
        self.connection.write(head + replies.eof(sequence, status, result.warnings, self._deprecate_eof))
        self._end_command()

    def _end_result(self, sequence: int, then: Callable[..., Result] | None = None) -> None:
        """One result is written: run what follows it (`then`), the next statement of a multi-statement, or end the command."""
        self._cursor_for = None
        if then is not None:
            self._rest.append(then)
        if not self._rest:
            if not self.idle:
                self._end_command()
            return
        self.sequence = sequence & 0xFF
        # Not from here: a thousand statements in one packet would be a thousand calls deep.
        self._begin_wait()
        following = self._rest.pop()
        run = self._run_text if isinstance(following, str) else self._run
        self.connection.server.loop.call_soon(self._resume, run, following)

    def _end_command(self) -> None:
        self._rest = []
        self._cursor_for = None
        if not self.idle:
            self.idle = True
            self.connection.reader.start_command()
            self.connection.command_done()

    def _fail(self, problem: Exception) -> None:
        """Answer with an error.  Only what is raised on purpose is told; the rest is logged and becomes 1105."""
        connection = self.connection
        if connection.lost or connection.closing:
            return
        if not isinstance(problem, SqlError):
            log.error("connection %d: a statement failed in the server", connection.connection_id, exc_info=problem)
            problem = error("UNKNOWN_ERROR", _INTERNAL)
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        connection.write(replies.err(self.sequence, problem, self.error_charset()))
        if isinstance(problem, FatalError) or problem.errno == _MALFORMED:
            connection.close()
        self._end_command()

    # --- waiting ---------------------------------------------------------------------------------------------------

    def _begin_wait(self) -> None:
        self.idle = False
        self.connection.busy = True
        self.connection.straight = False

    def _resume(self, then: Callable[..., None], *args: Any) -> None:
        """Go on with a command, from a callback of the loop."""
        if self.connection.lost:
            return
        try:
            then(*args)
        except Exception as problem:  # noqa: BLE001 (told as 1105, logged)
            try:
                self._fail(problem)
            except Exception as worse:  # noqa: BLE001 (told as 1105, logged)
                self.connection.broken(worse)

    def _call(self, call: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """A session call other than a statement: it may wait or move like one."""
        try:
            value = call()
        except MustMove:
            self._work(call, then)
        except MustWait as wait:
            self._wait_for(wait.ticket, partial(self._call, call, then))
        else:
            then(value)

    def _in_worker(self, execute: Callable[[], Result | LocalInfile]) -> None:
        """Run a statement in a worker thread, with the first batch of its rows."""
        self._work(partial(self._execute_and_take, execute), self._answer_moved)

    def _execute_and_take(self, execute: Callable[[], Result | LocalInfile]) -> tuple[Any, RowStream | None, bytes]:
        result = execute()
        if type(result) is not Result or result.columns is None or result.durable is not None or self._cursor_for:
            return result, None, b""
        head, sequence = self._head(result, result.columns)
        stream = RowStream(result, self._formats.of(result.columns), sequence, head)
        return result, stream, stream.take()

    def _answer_moved(self, moved: tuple[Any, RowStream | None, bytes]) -> None:
        result, stream, data = moved
        if stream is None:
            self._answer(result)
        else:
            self._stream = stream
            self._deliver(stream, data)

    def _work(self, call: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Run `call` in a worker thread, then `then(value)` on the loop."""
        self._begin_wait()
        self._working = True
        self.connection.server.submit(self._in_thread, call, then)

    def _in_thread(self, call: Callable[[], Any], then: Callable[[Any], None]) -> None:
        post = self.connection.server.wakeups.post
        try:
            value = call()
        except MustWait as wait:
            post(partial(self._back, self._wait_for, wait.ticket, partial(self._work, call, then)))
        except BaseException as problem:  # noqa: BLE001 (told as 1105, logged)
            post(partial(self._back, _raise, problem))
        else:
            post(partial(self._back, then, value))

    def _back(self, then: Callable[..., None], *args: Any) -> None:
        """On the loop again, after a worker thread gave the session back."""
        self._working = False
        if self.connection.lost:
            _give_up(args)
            self._close_session()
        else:
            self._resume(then, *args)

    def _wait_for(self, ticket: Ticket, again: Callable[[], None]) -> None:
        """Run `again` when the ticket is done; that raises what the ticket failed with (a lock wait time-out), and undoes
        the statement."""
        self._begin_wait()
        post = self.connection.server.wakeups.post
        ticket.on_done(partial(post, partial(self._resume, again)))

    def _hold(self, durable: Ticket, result: Result) -> None:
        """Keep the reply back until the commit is on disk."""
        self._begin_wait()
        post = self.connection.server.wakeups.post
        durable.on_done(partial(post, partial(self._resume, self._answer, result)))

    def _when_writable(self, then: Callable[[], None]) -> None:
        """Go on when the client has read enough of what is written; other clients get their turn first."""
        connection = self.connection
        resume = partial(self._resume, then)
        if connection.write_paused:
            connection.on_writable = resume
        else:
            connection.server.loop.call_soon(resume)

    # --- LOAD DATA LOCAL -------------------------------------------------------------------------------------------

    def _start_infile(self, infile: LocalInfile) -> None:
        """Ask for the file and feed what comes to the loader, which runs in a thread of its own."""
        if not self._capabilities & CLIENT_LOCAL_FILES:
            raise error("LOCAL_INFILE_DISABLED")
        connection = self.connection
        connection.write(frame(b"\xfb" + infile.filename.encode(), self.sequence))
        connection.reader.expect(self.sequence + 1)
        feed = self._feed = InfileFeed(partial(connection.server.wakeups.post, partial(self._resume, self._feed_has_room)))
        self.idle = False
        self._working = True
        self._loaded = None
        connection.straight = False
        connection.busy = False
        connection.on_payload = self._infile_payload
        connection.server.submit_infile(self._load, infile, feed)
        connection.server.loop.call_soon(self._resume, connection.pump)

    def _infile_payload(self, payload: bytes) -> None:
        connection = self.connection
        feed = self._feed
        assert feed is not None
        if payload:
            connection.busy = feed.put(payload)
            return
        feed.end()
        connection.on_payload = self.payload
        self.sequence = connection.reader.sequence
        self._begin_wait()
        self._feed = None
        if self._loaded is not None:
            self._loaded()

    def _feed_has_room(self) -> None:
        if self._feed is not None and self.connection.busy:
            self.connection.busy = False
            self.connection.pump()

    def _load(self, infile: LocalInfile, feed: InfileFeed) -> None:
        """In a thread: load, waiting for locks here when the loader has not yet taken anything."""
        post = self.connection.server.wakeups.post
        while True:
            try:
                result = infile.load(feed)
            except MustWait as wait:
                if feed.started:
                    post(partial(self._load_done, _raise, RuntimeError("a loader waited after it had begun")))
                    break
                try:
                    wait.ticket.wait()
                except Exception as problem:  # noqa: BLE001 (told as 1105, logged)
                    post(partial(self._load_done, _raise, problem))
                    break
            except BaseException as problem:  # noqa: BLE001 (told as 1105, logged)
                post(partial(self._load_done, _raise, problem))
                break
            else:
                post(partial(self._load_done, self._answer, result))
                break
        feed.drop()

    def _load_done(self, then: Callable[[Any], None], value: Any) -> None:
        """The loader is done; the client is told when it has sent its whole file."""
        self._working = False
        if self.connection.lost:
            self._close_session()
            return
        if self._feed is None:
            self._resume(then, value)
        else:
            self._loaded = partial(self._resume, then, value)

    # --- ends and limits -------------------------------------------------------------------------------------------

    def vanished(self) -> None:
        """The client is gone, wherever its command was: stop it, roll back, free everything."""
        if self._feed is not None:
            self._feed.fail()
            self._feed = None
        if self._working:
            self.session.interrupt()  # the session is closed when the thread gives it back
        else:
            self._close_session()

    def _close_session(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        self._forget_statements()
        if self.session.status & SERVER_STATUS_IN_TRANS:
            try:
                self.connection.server.submit(self._close)  # rolling much back takes long
                return
            except SqlError:
                pass  # the threads are gone: the server shuts down
        self._close()

    def _close(self) -> None:
        try:
            self.session.close()
        except Exception:  # noqa: BLE001 (told as 1105, logged)
            log.exception("connection %d: the session could not be closed", self.connection.connection_id)

    def number(self, name: str, default: int) -> int:
        """A session variable that is a number."""
        try:
            return int(str(self.session.variable(name)))
        except (SqlError, ValueError):
            return default

    def idle_timeout_s(self) -> float:
        """How long the client may be idle."""
        name = "interactive_timeout" if self._capabilities & CLIENT_INTERACTIVE else "wait_timeout"
        return self.number(name, 28_800)


def _may_set(text: str) -> bool:
    """Whether a statement may change a character set variable."""
    return text[:1] not in _NEVER_SET


def _raise(problem: BaseException) -> None:
    raise problem


def _give_up(values: tuple[Any, ...]) -> None:
    """Close the results a thread brought back for a client that is gone."""
    for value in _flat(values):
        if isinstance(value, Result):
            value.close()


def _flat(values: tuple[Any, ...]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, tuple):
            yield from _flat(value)
        else:
            yield value


_MALFORMED: Final = error("MALFORMED_COMMUNICATION_PACKET", "").errno


def _commands() -> tuple[Callable[[CommandPhase, bytes], None], ...]:
    """The function for each command byte."""
    table: list[Callable[[CommandPhase, bytes], None]] = [CommandPhase.com_unknown] * 256
    for name in (
        "quit", "init_db", "query", "field_list", "statistics", "process_kill", "ping", "change_user", "stmt_prepare",
        "stmt_execute", "stmt_send_long_data", "stmt_close", "stmt_reset", "set_option", "stmt_fetch", "reset_connection",
    ):  # fmt: skip
        table[getattr(protocol, f"COM_{name.upper()}")] = getattr(CommandPhase, f"com_{name}")
    return tuple(table)


_COMMANDS: Final = _commands()
