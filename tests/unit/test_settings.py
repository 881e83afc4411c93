"""Settings: which source wins, what is refused, and that the reference page is current."""

from __future__ import annotations

from pathlib import Path

import pytest

from fauna.errors import StartError
from fauna.settings import SETTINGS, Settings, SettingsError, load, reference, variables

ROOT = Path(__file__).resolve().parents[2]


def load_clean(flags: dict[str, object] | None = None, env: dict[str, str] | None = None, config: Path | None = None) -> Settings:
    return load(flags or {}, environment=env or {}, config=config)


@pytest.fixture(autouse=True)
def _in_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_defaults_are_the_products() -> None:
    settings = load_clean()
    assert (settings.host, settings.port, settings.http_port, settings.shards) == ("127.0.0.1", 3306, 8443, 0)
    assert settings.max_connections == 1200
    assert settings.max_allowed_packet == 64 * 1024 * 1024
    assert settings.lock_wait_timeout == 50
    assert settings.require_secure_transport is False


def test_flags_win_over_environment_over_file_over_default(tmp_path: Path) -> None:
    file = tmp_path / "f.toml"
    file.write_text("port = 1\nwait_timeout = 1\nmax_connections = 1\n")
    env = {"FAUNADB_PORT": "2", "FAUNADB_WAIT_TIMEOUT": "2", "PATH": "x"}
    settings = load_clean({"port": "3", "wait_timeout": None}, env, file)
    assert (settings.port, settings.wait_timeout, settings.max_connections, settings.net_read_timeout) == (3, 2, 1, 30)


def test_faunadb_toml_in_the_working_directory_is_read(tmp_path: Path) -> None:
    (tmp_path / "faunadb.toml").write_text("port = 4000\nrequire-secure-transport = true\n")
    assert load_clean().port == 4000
    assert load_clean().require_secure_transport is True


def test_config_may_come_from_the_environment_and_must_exist(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("port = 4001\n")
    assert load_clean(env={"FAUNADB_CONFIG": "other.toml"}).port == 4001
    with pytest.raises(SettingsError, match="does not exist"):
        load_clean(config=Path("missing.toml"))


@pytest.mark.parametrize(
    ("flags", "env", "text"),
    [
        ({"prot": "1"}, {}, "did you mean 'port'"),
        ({}, {"FAUNADB_MAX_CONECTIONS": "1"}, "did you mean 'max_connections'"),
        ({}, {"FAUNADB_ZZZZZZ": "1"}, "unknown setting 'zzzzzz'"),
        ({"port": "many"}, {}, "--port: expected a whole number, got 'many'"),
        ({"port": "65536"}, {}, "out of bounds"),
        ({"max_statement_time": "nan"}, {}, "expected a number"),
        ({"require_secure_transport": "maybe"}, {}, "expected on or off"),
        ({"log_level": "loud"}, {}, "not one of debug, info"),
        ({"shards": "1025"}, {}, "out of bounds"),
        ({"tls_cert": "a.pem"}, {}, "belong together"),
        ({}, {"FAUNADB_PORT": "tcp://10.0.0.1:3306"}, "enableServiceLinks"),
    ],
)
def test_bad_settings_say_what_and_where(flags: dict[str, object], env: dict[str, str], text: str) -> None:
    with pytest.raises(StartError) as caught:
        load_clean(flags, env)
    assert text in str(caught.value)


@pytest.mark.parametrize("content", ["port = ", "prot = 1", "port = 'x'", "root_password = 'x'", "\xff"])
def test_bad_files_are_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "f.toml"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(SettingsError):
        load_clean(config=file)


def test_kubernetes_service_variables_are_not_ours() -> None:
    load_clean(env={"FAUNADB_SERVICE_HOST": "10.0.0.1", "FAUNADB_PORT_3306_TCP_ADDR": "10.0.0.1"})


@pytest.mark.parametrize(("text", "value"), [("16M", 16 << 20), ("1g", 1 << 30), ("2048", 2048)])
def test_sizes_may_have_a_suffix(text: str, value: int) -> None:
    assert load_clean({"max_allowed_packet": text}).max_allowed_packet == value


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "db.example"])
def test_listening_beyond_loopback_turns_tls_on(host: str) -> None:
    assert load_clean({"host": host}).require_secure_transport is True


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_leaves_tls_to_the_client(host: str) -> None:
    assert load_clean({"host": host}).require_secure_transport is False


def test_variables_have_mysqls_names_and_no_secret() -> None:
    rows = variables(load_clean(env={"FAUNADB_ROOT_PASSWORD": "s3cret"}))
    assert rows["innodb_lock_wait_timeout"] == 50
    assert rows["require_secure_transport"] is False
    assert rows["datadir"] == "faunadb-data"
    assert "s3cret" not in map(str, rows.values())


def test_every_variable_named_here_exists() -> None:
    from fauna.session.variables import VARIABLES

    assert [name for name in variables(load_clean()) if name not in VARIABLES] == []


def test_the_password_is_not_in_the_repr_and_has_no_flag() -> None:
    settings = load_clean(env={"FAUNADB_ROOT_PASSWORD": "s3cret"})
    assert settings.root_password == "s3cret"
    assert "s3cret" not in repr(settings)
    assert next(s for s in SETTINGS if s.name == "root_password").flag == ""


def test_every_setting_says_what_it_does() -> None:
    for setting in SETTINGS:
        assert setting.help
        assert setting.unit


def test_the_reference_page_is_current() -> None:
    page = ROOT / "docs" / "reference" / "settings.md"
    assert page.read_text(encoding="utf-8") == reference(), "run: python -m fauna.settings > docs/reference/settings.md"
