"""The files that platforms read: they parse, and name what there is."""

import json
import re
from typing import Any

import yaml

from service.settings import VARIABLES
from tests.serving import ROOT

KNOWN = {variable.name for variable in VARIABLES.values()}


def load(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_heroku_builds_the_cpu_image_and_runs_its_own_command() -> None:
    assert load("heroku.yml") == {"build": {"docker": {"web": "Dockerfile.cpu"}}}


def test_the_app_is_a_container_on_a_small_dyno_and_its_variables_are_settings() -> None:
    app = json.loads((ROOT / "app.json").read_text(encoding="utf-8"))
    assert app["stack"] == "container"
    assert app["formation"]["web"]["quantity"] == 1
    assert set(app["env"]) - {"FORWARDED_ALLOW_IPS"} <= KNOWN  # which is gunicorn's


def test_compose_has_both_profiles_and_a_named_volume_for_the_index() -> None:
    compose = load("compose.yaml")
    cpu, gpu = compose["services"]["cpu"], compose["services"]["gpu"]
    assert (cpu["profiles"], gpu["profiles"]) == (["cpu"], ["gpu"])
    # .env may set PORT for another way to run it; the health check and the proxy go to 8000
    assert cpu["environment"]["PORT"] == gpu["environment"]["PORT"] == "8000"
    for service, dockerfile in ((cpu, "Dockerfile.cpu"), (gpu, "Dockerfile.gpu")):
        assert service["restart"] == "unless-stopped"  # also after a clean stop of the machine
        assert service["build"]["dockerfile"] == dockerfile
        assert service["volumes"] == ["index:/srv/index"]
        assert service["read_only"] is True
        assert service["stop_grace_period"] == "30s"
        assert service["ports"] == ["127.0.0.1:${PUBLISH:-8000}:8000"]
    assert {"index", "certificates"} == set(compose["volumes"])
    (device,) = gpu["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}


def test_kubernetes_has_probes_limits_and_no_rights() -> None:
    text = (ROOT / "deploy/kubernetes.yaml").read_text(encoding="utf-8")
    deployment, service = yaml.safe_load_all(text)
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    # Kubernetes would set variables that begin with the service's name, COVIDQUEST_PORT among them
    assert pod["enableServiceLinks"] is False
    for probe, path in (
        ("startup", "/healthz"),
        ("liveness", "/healthz"),
        ("readiness", "/readyz"),
    ):
        assert container[f"{probe}Probe"]["httpGet"] == {"path": path, "port": "http"}
    assert container["resources"]["limits"]["memory"] == "512Mi"
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["terminationGracePeriodSeconds"] > 30
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}


def test_every_setting_that_is_named_exists() -> None:
    for name in ("compose.yaml", "deploy/kubernetes.yaml", "Dockerfile.cpu", "Dockerfile.gpu"):
        text = (ROOT / name).read_text(encoding="utf-8")
        named = set(re.findall(r"\bCOVIDQUEST_[A-Z0-9_]+", text)) - {"COVIDQUEST_"}
        assert named <= KNOWN | {"COVIDQUEST_BACKEND"}, name
