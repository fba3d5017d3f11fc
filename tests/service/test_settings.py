"""Settings: where they come from, which source wins, and what a person is told when one is wrong."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from service.settings import Address, Settings, SettingsError, describe_settings, load_settings


def config_file(folder: Path, text: str) -> Path:
    path = folder / "statewright.toml"
    path.write_text(text)
    return path


def refusal(flags: dict[str, object] | None = None, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(SettingsError) as refused:
        load_settings(flags, environment)
    return refused.value.message


def test_nothing_given_is_a_private_sqlite_server() -> None:
    settings = load_settings()
    assert (str(settings.listen), settings.database_url) == ("127.0.0.1:50051", "sqlite:///statewright.db")
    assert (settings.workers, settings.dev, settings.clock_rate) == (1, False, 1.0)


def test_a_file_gives_settings(tmp_path: Path) -> None:
    path = config_file(tmp_path, 'max_pending = 5\nlisten = "127.0.0.1:7"\ndedup-window = "2 days"')
    settings = load_settings(config=path)
    assert (settings.max_pending, settings.listen) == (5, Address("127.0.0.1", 7))
    assert settings.dedup_window == timedelta(days=2)


def test_the_environment_names_the_file(tmp_path: Path) -> None:
    path = config_file(tmp_path, "lanes = 7")
    assert load_settings(environment={"STATEWRIGHT_CONFIG": str(path)}).lanes == 7


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    path = config_file(tmp_path, "lanes = 7")
    assert load_settings(environment={"STATEWRIGHT_LANES": "3"}, config=path).lanes == 3


def test_a_flag_wins_over_the_environment(tmp_path: Path) -> None:
    path = config_file(tmp_path, "lanes = 7")
    assert load_settings({"lanes": 2}, {"STATEWRIGHT_LANES": "3"}, path).lanes == 2


def test_a_flag_not_given_leaves_the_environment() -> None:
    assert load_settings({"lanes": None}, {"STATEWRIGHT_LANES": "3"}).lanes == 3


def test_an_empty_variable_counts_as_absent() -> None:
    assert load_settings(environment={"STATEWRIGHT_WORKERS": ""}).workers == 1


@pytest.mark.parametrize("text", ["", "off"])
def test_http_can_be_switched_off(text: str) -> None:
    assert load_settings(environment={"STATEWRIGHT_HTTP_LISTEN": text}).http_listen is None


@pytest.mark.parametrize("setting", describe_settings(), ids=lambda setting: setting.name)
def test_every_setting_is_described_with_its_three_names(setting) -> None:  # type: ignore[no-untyped-def]
    assert len(setting.description) > 15
    assert setting.flag == "--" + setting.name.replace("_", "-")
    assert setting.variable == "STATEWRIGHT_" + setting.name.upper()


@pytest.mark.parametrize("setting", describe_settings(), ids=lambda setting: setting.name)
def test_every_default_can_be_written_in_the_environment(setting) -> None:  # type: ignore[no-untyped-def]
    written = load_settings(environment={setting.variable: setting.default})
    assert getattr(written, setting.name) == getattr(Settings(), setting.name)


def test_a_wrong_flag_is_named_with_what_would_be_right() -> None:
    message = refusal({"listen": "nowhere"})
    assert message == "listen (flag --listen): 'nowhere' is not HOST:PORT; write it like 127.0.0.1:50051"


def test_a_wrong_variable_is_named_with_its_source() -> None:
    assert refusal(environment={"STATEWRIGHT_LANES": "many"}).startswith("lanes (environment STATEWRIGHT_LANES): ")


def test_every_wrong_setting_is_reported_at_once() -> None:
    assert len(refusal({"lanes": 0, "max_pending": "x", "log_level": "loud"}).splitlines()) == 3


def test_a_misspelt_key_of_the_file_is_refused_with_the_right_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no setting 'max_pendin'; did you mean 'max_pending'"):
        load_settings(config=config_file(tmp_path, "max_pendin = 5"))


def test_the_file_is_shared_with_the_other_commands(tmp_path: Path) -> None:
    path = config_file(tmp_path, 'address = "h:1"\nlanes = 3\n[serve]\nmax-pending = 9\n[list]\nstatus = "failed"')
    settings = load_settings(config=path)
    assert (settings.lanes, settings.max_pending) == (3, 9)


def test_a_key_that_is_no_setting_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no setting 'status'; options of a command stand in its table"):
        load_settings(config=config_file(tmp_path, 'status = "failed"'))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.toml cannot be read"):
        load_settings(config=tmp_path / "absent.toml")


def test_a_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is not TOML"):
        load_settings(config=config_file(tmp_path, "lanes: 7"))


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "10.0.0.7", "example.org"])
def test_listening_beyond_this_machine_is_refused_with_what_to_do(host: str) -> None:
    message = refusal({"listen": f"{host}:50051"})
    assert message.startswith("listen (flag --listen): ")
    assert "neither TLS nor authentication" in message
    assert "--insecure-listen" in message


def test_metrics_beyond_this_machine_are_refused_too() -> None:
    assert refusal({"http_listen": "0.0.0.0:9464"}).startswith("http_listen (flag --http-listen): ")


def test_listening_beyond_this_machine_can_be_insisted_on() -> None:
    assert load_settings({"listen": "0.0.0.0:50051", "insecure_listen": True}).listen.host == "0.0.0.0"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "[::1]"])
def test_loopback_needs_no_insisting(host: str) -> None:
    assert load_settings({"listen": f"{host}:1"}).listen.is_loopback


def test_the_zone_of_the_tenant_is_one_that_there_is() -> None:
    assert load_settings({}).timezone == "UTC"
    assert load_settings({}, {"STATEWRIGHT_TIMEZONE": "Asia/Tokyo"}).timezone == "Asia/Tokyo"
    assert "is no time zone" in refusal({"timezone": "Asia/Tokio"})


def test_scaled_time_needs_dev() -> None:
    assert "add --dev" in refusal({"clock_rate": 60.0})
    assert load_settings({"clock_rate": 60.0, "dev": True}).clock_rate == 60.0


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "inf"])
def test_time_runs_forward_at_a_finite_rate(rate: str) -> None:
    assert refusal({"clock_rate": rate, "dev": True}).startswith("clock_rate (flag --clock-rate): ")


def test_sqlite_refuses_several_workers() -> None:
    message = refusal(environment={"STATEWRIGHT_WORKERS": "2"})
    assert message.startswith("workers (environment STATEWRIGHT_WORKERS): SQLite has one writer")


def test_postgresql_takes_several_workers() -> None:
    assert load_settings({"workers": 2, "database_url": "postgresql://u@h/d"}).workers == 2


def test_several_workers_need_a_named_port() -> None:
    assert "name it" in refusal({"workers": 2, "database_url": "postgresql://u@h/d", "listen": "127.0.0.1:0"})


def test_each_worker_has_its_own_metrics_port() -> None:
    assert Settings().for_worker(2).http_listen == Address("127.0.0.1", 9466)


@pytest.mark.parametrize("url", ["postgresql://app:s3cret@db/main", "postgresql://db/main?user=app&password=s3cret"])
def test_the_password_of_the_database_is_never_shown(url: str) -> None:
    settings = Settings(database_url=url)
    assert settings.database == url.replace("s3cret", "***")
    assert "s3cret" not in repr(settings)


def test_networks_are_read_from_a_list_of_text() -> None:
    settings = load_settings(environment={"STATEWRIGHT_ALLOWED_NETWORKS": "10.0.0.0/8, 192.168.1.0/24"})
    assert settings.allowed_networks == ("10.0.0.0/8", "192.168.1.0/24")


def test_a_wrong_network_is_refused() -> None:
    assert "write a network like" in refusal({"allowed_networks": "10.0.0.1/8"})
