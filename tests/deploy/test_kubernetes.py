"""The manifests for Kubernetes: rendered by kustomize, held against its own schemas. No cluster runs them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from levelhead.guard.gateway import read_config
from levelhead.guard.gateway._config import GatewayConfig
from levelhead.guard.gateway._metrics import GatewayMetrics
from levelhead.guard.gateway._serve import check_config
from tests.deploy.tools import DEPLOY, rendered

FOLDER = DEPLOY / "kubernetes"
LAYOUTS = ("base", "cpu-only", "restricted")


@pytest.fixture(scope="module")
def base() -> dict[str, dict[str, Any]]:
    """The objects of the plain layout."""
    return rendered(FOLDER / "base")


def gateway_of(objects: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The container of the gateway."""
    (found,) = objects["Deployment"]["spec"]["template"]["spec"]["containers"]
    return dict(found)


def config_of(objects: dict[str, dict[str, Any]], folder: Path) -> GatewayConfig:
    """The config that the container finds."""
    (folder / "gateway.toml").write_text(objects["ConfigMap"]["data"]["gateway.toml"])
    return read_config(folder / "gateway.toml")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_object_is_one_that_kubernetes_knows(layout: str) -> None:
    validator = pytest.importorskip("kubernetes_validate")
    objects = rendered(FOLDER / layout)
    assert {"ConfigMap", "Deployment", "Service", "HorizontalPodAutoscaler"} <= set(objects)
    for one in objects.values():
        validator.validate(one, validator.latest_version(), strict=True)
        assert one["metadata"]["namespace"] == "levelhead"


def test_a_misspelt_field_would_be_found(base: dict[str, dict[str, Any]]) -> None:
    validator = pytest.importorskip("kubernetes_validate")
    wrong = {**base["Service"], "spec": {**base["Service"]["spec"], "port": 80}}
    with pytest.raises(validator.ValidationError):
        validator.validate(wrong, validator.latest_version(), strict=True)


def test_the_config_is_one_and_every_key_that_it_needs_is_told(
    base: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    config = config_of(base, tmp_path)
    check_config(config)
    text = base["ConfigMap"]["data"]["gateway.toml"]
    told = (FOLDER / "base" / "kustomization.yaml").read_text()
    needed = re.findall(r'^(?:\w+_)?env = "(\w+)"', text, re.MULTILINE)
    assert len(needed) == 5
    assert all(name in told for name in needed)


def test_a_pod_is_given_longer_than_its_gateway_takes_to_end(
    base: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    listen = config_of(base, tmp_path).listen
    given = base["Deployment"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert given > listen.lame_duck_seconds + listen.drain_seconds
    ready = gateway_of(base)["readinessProbe"]
    assert listen.lame_duck_seconds > ready["periodSeconds"] * ready["failureThreshold"]


def test_probes_ask_what_the_gateway_answers_without_a_key(
    base: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    gateway = gateway_of(base)
    (port,) = gateway["ports"]
    assert port["containerPort"] == config_of(base, tmp_path).listen.port
    asked = {name: gateway[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")}
    assert {name: one["path"] for name, one in asked.items()} == {
        "startup": "/readyz",
        "readiness": "/readyz",
        "liveness": "/healthz",
    }
    assert {one["port"] for one in asked.values()} == {port["name"]}


def test_replicas_follow_a_metric_that_the_gateway_has(base: dict[str, dict[str, Any]]) -> None:
    names = re.findall(r"^# TYPE (\w+) gauge$", GatewayMetrics().exposition()[0].decode(), re.MULTILINE)
    first, second = base["HorizontalPodAutoscaler"]["spec"]["metrics"]
    assert first["pods"]["metric"]["name"] in names
    assert second["resource"]["name"] == "cpu"
    (rule,) = yaml.safe_load((FOLDER / "prometheus-adapter.yaml").read_text())["rules"]["custom"]
    assert rule["name"]["as"] == first["pods"]["metric"]["name"]
    assert rule["seriesQuery"].startswith(rule["name"]["as"] + "{")


def test_without_the_adapter_they_follow_the_processor_time_alone() -> None:
    (only,) = rendered(FOLDER / "cpu-only")["HorizontalPodAutoscaler"]["spec"]["metrics"]
    assert only["resource"]["name"] == "cpu"


def test_the_gateway_has_no_rights_and_cannot_write(base: dict[str, dict[str, Any]]) -> None:
    pod = base["Deployment"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["automountServiceAccountToken"] is False
    user = f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}"
    assert f"\nUSER {user}\n" in (DEPLOY / "Containerfile").read_text()
    context = gateway_of(base)["securityContext"]
    assert context["readOnlyRootFilesystem"]
    assert context["capabilities"]["drop"] == ["ALL"]
    assert context["allowPrivilegeEscalation"] is False


def test_a_changed_config_is_rolled_out(base: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    shutil.copytree(FOLDER / "base", tmp_path / "base")
    with (tmp_path / "base" / "gateway.toml").open("a") as config:
        config.write("# changed\n")
    changed = rendered(tmp_path / "base")
    assert changed["ConfigMap"]["metadata"]["name"] != base["ConfigMap"]["metadata"]["name"]
    volumes = changed["Deployment"]["spec"]["template"]["spec"]["volumes"]
    assert changed["ConfigMap"]["metadata"]["name"] in str(volumes)
