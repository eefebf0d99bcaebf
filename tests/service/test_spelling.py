"""Which environment variables stop the start: those that are meant for the service, and none that is another's."""

from pathlib import Path

import pytest

from service.settings import TABLE, SettingsError, read_settings
from service.spelling import find_misspelt

NAMES = [setting.name for setting in TABLE]

MISSPELT = {
    "LOG_LEVEL": "LOGLEVEL LOG_LEVE LOG_LEVELS LOG_LVEL LOG_LEVLE LGO_LEVEL log_level Log_Level LOG-LEVEL LOGG_LEVEL",
    "LOG_FORMAT": "LOG_FORMT LOGFORMAT LOG_FORMATT LOG_FROMAT LOG_FORMATS log_format",
    "POLICY_FILE": "POLICYFILE POLICY_FIEL POLCY_FILE POLICY_FILES POLICY__FILE POLICIY_FILE policy_file PolicyFile",
    "CORS_ORIGINS": "CORS_ORIGIN CORS_ORIGNS CORS_ORGINS CORSORIGINS CORS_ORIGINES CROS_ORIGINS cors_origins",
    "NSJAIL": "NS_JAIL NSJAL NSJALI NSJAILL NJSAIL nsjail",
    "GOOGLE_CLOUD_PROJECT": "GOOGLE_CLOUD_PROJCT GOOGLE_CLOUD_PROJET GOOGLECLOUDPROJECT GOOGLE_CLOD_PROJECT",
    "HOST": "HSOT HOTS HOSST host Host H_O_S_T",
    "PORT": "PROT PPORT PORTT port OPRT",
    "SANDBOX_MEMORY_MB": "SANDBOX_MEMRY_MB SANBOX_MEMORY_MB SANDBX_MEMRY_MB SANDBOXMEMORYMB sandbox_memory_mb",
    "SANDBOX_TIMEOUT_SECONDS": "SANDBOX_TIMEOUT SANDBOX_TIMEOUT_SECOND SANDOBX_TIMEOUT_SECONDS SANDBOX_TIMOUT_SECONDS",
    "SANDBOX_MIN_ISOLATION": "SANDBOX_MIN_ISOLATON SANDBOX_MINISOLATION SANDBOX_ISOLATION",
}

# What Cloud Run, Docker, Kubernetes, systemd, shells, conda, CI services, Google's and other programs set or read.
OTHERS = Path(__file__).with_name("others.txt").read_text().split()

# For a service that is named "sandbox" or "sandbox-redis" in a Kubernetes cluster, whose pods all get these.
OF_KUBERNETES = {
    "SANDBOX_SERVICE_HOST": "10.0.0.11",
    "SANDBOX_SERVICE_PORT": "80",
    "SANDBOX_SERVICE_PORT_HTTP": "80",
    "SANDBOX_PORT": "tcp://10.0.0.11:80",
    "SANDBOX_PORT_80_TCP": "tcp://10.0.0.11:80",
    "SANDBOX_PORT_80_TCP_PROTO": "tcp",
    "SANDBOX_PORT_80_TCP_PORT": "80",
    "SANDBOX_PORT_80_TCP_ADDR": "10.0.0.11",
    "SANDBOX_REDIS_SERVICE_HOST": "10.0.0.12",
    "SANDBOX_REDIS_PORT": "tcp://10.0.0.12:6379",
    "SANDBOX_REDIS_PORT_6379_TCP_ADDR": "10.0.0.12",
}


@pytest.mark.parametrize(
    ("name", "meant"), [(name, meant) for meant, names in MISSPELT.items() for name in names.split()]
)
def test_a_misspelt_setting_is_found_with_what_was_meant(name: str, meant: str) -> None:
    assert find_misspelt({name: "1"}, NAMES) == {name: meant}


def test_every_setting_is_found_where_one_letter_is_wrong() -> None:
    for setting in NAMES:
        middle = len(setting) // 2
        swapped = setting[: middle - 1] + setting[middle] + setting[middle - 1] + setting[middle + 1 :]
        doubled = setting[:middle] + setting[middle - 1] + setting[middle:]
        for name in {swapped, doubled, setting.replace("_", ""), setting.lower()} - {setting}:
            assert find_misspelt({name: "1"}, NAMES) == {name: setting}
        if len(setting) > len("PORT"):
            for name in (setting[:middle] + setting[middle + 1 :], setting[:middle] + "Q" + setting[middle + 1 :]):
                assert find_misspelt({name: "1"}, NAMES) == {name: setting}


@pytest.mark.parametrize("setting", NAMES)
def test_the_settings_themselves_are_spelt_right(setting: str) -> None:
    assert find_misspelt({setting: "1"}, NAMES) == {}


def test_what_others_set_is_left_to_them() -> None:
    assert find_misspelt(dict.fromkeys(OTHERS, "1"), NAMES) == {}
    assert find_misspelt(OF_KUBERNETES, NAMES) == {}


@pytest.mark.parametrize(
    ("name", "meant"), [("SANDBOX_XYZZY", ""), ("SANDBOX_PORT", "PORT"), ("SANDBOX_LOG_LEVEL", "LOG_LEVEL")]
)
def test_what_begins_as_the_services_own_is_its_own(name: str, meant: str) -> None:
    assert find_misspelt({name: "9000"}, NAMES) == {name: meant}


def test_the_start_is_refused_even_where_the_right_one_is_set_too() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({"LOG_LEVEL": "INFO", "LOGLEVEL": "DEBUG", "PROT": "1", "RUST_LOG": "debug"})
    assert str(caught.value).splitlines() == [
        "LOGLEVEL='DEBUG': there is no such setting; did you mean LOG_LEVEL?",
        "PROT='1': there is no such setting; did you mean PORT?",
    ]
