# `make` alone shows what there is. demo and test set up everything they need: only make and a Python 3.11-3.13 must be there.
SHELL := /bin/sh
VENV  := .venv
BIN   := $(VENV)/bin
READY := $(VENV)/.ready
CACHE := .cache
ENVS  := $(CACHE)/envs

.DEFAULT_GOAL := help
.PHONY: help setup demo packages test test-all test-picamera2 test-arm64 test-v4l2 test-pi test-service test-deploy test-fleet test-container test-home-assistant os-image boot soak fuzz lint format docs wheel bench env-mediapipe env-tflite-runtime env-quantizer env-litertjs env-onnx env-home-assistant clean distclean

help: ## show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv and install edgevision with everything it needs (tools/setup.sh)

$(READY): pyproject.toml starter/pyproject.toml tools/setup.sh
	@sh tools/setup.sh $(VENV) ./starter -e '.[convert,dev]'
	@touch $@

demo: $(READY) ## the whole chain on drawn images: train, convert, score, run the loop
	@$(BIN)/edgevision demo

packages: ## install the Debian packages that the tests need (as root or with passwordless sudo; else name them)
	@sh tools/system_packages.sh || true

test: packages $(READY) ## the tests, without the slow ones; CI=true fails if one is skipped for no good reason
	@$(MAKE) --no-print-directory env-litertjs || echo "the tests of exported web apps are skipped: npm's registry gave no LiteRT.js"
	$(BIN)/python -m pytest -q -n 2 --dist worksteal

test-all: packages $(READY) env-litertjs env-mediapipe env-tflite-runtime ## all tests, and each fuzz target for a minute; fails if a slow test is skipped (ALLOW_SKIP=1: passes)
	$(BIN)/python -m pytest -q --full -m "slow or not slow"
	@$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=60

MINUTES ?= 60
soak: $(READY) ## the loop for an hour at full speed: memory, threads and files must not grow (MINUTES=10 for less)
	@$(BIN)/python tools/soak.py --minutes $(MINUTES)

FUZZ_SECONDS ?= 600
fuzz: $(READY) ## fuzz everything that reads files from elsewhere, ten minutes each (FUZZ_SECONDS=60, TARGETS="tflite csv")
	@$(BIN)/python -c 'import atheris' 2>/dev/null || sh tools/setup.sh $(VENV) -e '.[fuzz]' >/dev/null 2>&1 || true
	@$(BIN)/python -m tools.fuzz --seconds $(FUZZ_SECONDS) $(TARGETS)

test-picamera2: $(READY) ## our camera back end on the real picamera2, in a Debian root (needs root rights; docs/contributing/emulation.md)
	@$(BIN)/python -m tools.emulation picamera2

test-service: $(READY) ## the service under a systemd of its own, in namespaces: killed, hung, out of memory (needs root rights)
	@$(BIN)/python -m tools.emulation service

test-deploy: packages $(READY) ## updates over SSH under a systemd of their own: taken back, killed, cut off, refused (needs root rights)
	@$(BIN)/python -m tools.emulation deploy

test-fleet: packages $(READY) ## updates of five devices through Ansible: a canary that fails, a second run, check mode (needs root rights)
	@$(BIN)/python -m tools.emulation fleet

test-container: $(READY) ## the image of bundle --format oci, built by buildah and run by podman (needs root rights)
	@$(BIN)/python -m tools.emulation container

test-arm64: $(READY) ## the runtime in a Debian arm64 userland under qemu, with three sets of packages (needs root rights)
	@$(BIN)/python -m tools.emulation arm64

test-v4l2: $(READY) ## the loop on a V4L2 camera of an emulated board, unplugged during the run (needs root rights)
	@$(BIN)/python -m tools.emulation v4l2

test-pi: $(READY) ## SD cards of flash image boot emulated boards, Bookworm and Trixie, with power cuts (needs root rights)
	@$(BIN)/python -m tools.emulation pi

test-home-assistant: packages $(READY) env-home-assistant ## a camera in a real Home Assistant: entities appear, follow the scene, become unavailable, and come back
	@EDGEVISION_EMULATED=1 $(BIN)/python -m pytest -q --full tests/emulated/home_assistant

RELEASE ?= bookworm
os-image: $(READY) ## an OS image in the shape of Raspberry Pi OS that an emulated Pi can boot (RELEASE=trixie; needs root rights)
	@$(BIN)/python -m tools.emulation system $(RELEASE)

boot: $(READY) ## boot an emulated Pi from CARD=card.img, made by edgevision flash image (needs root rights)
	@$(BIN)/python -m tools.emulation boot $(or $(CARD),$(error name the image: make boot CARD=card.img))

lint: $(READY) ## ruff, mypy --strict, the layers (import-linter) and the prose check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@sh tools/typing_view.sh $(CACHE)/typing
	$(BIN)/mypy --config-file tools/mypy.ini tools benchmarks examples
	$(BIN)/lint-imports --no-logo --cache-dir $(CACHE)/import-linter
	$(BIN)/python -m tools.prose_check

format: $(READY) ## let ruff format and sort
	$(BIN)/ruff check --fix-only -q .
	$(BIN)/ruff format -q .

docs: $(VENV)/.docs ## generate the reference and build the documentation site into build/site, strictly
	@$(BIN)/python -m tools.docs_reference
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "open build/site/index.html"

$(VENV)/.docs: $(READY)
	@sh tools/setup.sh $(VENV) -e '.[docs]'
	@touch $@

wheel: $(READY) ## build dist/edgevision-*.whl
	@rm -rf build dist
	$(BIN)/python -m pip -q wheel --no-deps -w dist .

MODELS ?= edgevision/default_model/default.tflite
bench: $(READY) env-mediapipe ## predict() beside its peers and the bare runtime, the loop beside its slower half (MODELS=v2.tflite IMAGES=photos/ FLOATS=v2-float.tflite)
	$(BIN)/python benchmarks/peers.py $(MODELS) $(if $(IMAGES),--images $(IMAGES)) $(if $(FLOATS),--float $(FLOATS))
	$(BIN)/python benchmarks/predict.py $(MODELS)
	$(BIN)/python benchmarks/start.py $(firstword $(MODELS))
	$(BIN)/python benchmarks/loop.py $(firstword $(MODELS))
	$(BIN)/python benchmarks/outputs.py

env-litertjs: $(ENVS)/litertjs/.ready ## the archives of LiteRT.js from npm, for the tests of edgevision export --to web
env-mediapipe: $(ENVS)/mediapipe/.ready ## a separate environment with MediaPipe Tasks, for the compatibility tests
env-tflite-runtime: $(ENVS)/tflite-runtime/.ready ## a separate environment with tflite-runtime and numpy 1
env-quantizer: $(ENVS)/quantizer/.ready ## a separate environment with ai-edge-quantizer, for benchmarks/fidelity.py
env-home-assistant: $(ENVS)/home-assistant/.ready ## a separate environment with Home Assistant, for make test-home-assistant (needs python3.13)
env-onnx: $(ENVS)/onnx/.ready ## a separate environment with ONNX Runtime and tf2onnx, for benchmarks/peers.py --float

$(ENVS)/litertjs/.ready: $(READY) device/export/web/runtime.py
	@if $(BIN)/python -m edgevision.device.export.web.runtime $(@D); then touch $@; else [ "$(ALLOW_SKIP)" = 1 ]; fi

$(ENVS)/onnx/.ready: tools/setup.sh constraints/onnx.txt
	@sh tools/setup.sh $(ENVS)/onnx -r constraints/onnx.txt
	@touch $@

$(ENVS)/mediapipe/.ready: tools/setup.sh constraints/mediapipe.txt
	@sh tools/setup.sh $(ENVS)/mediapipe -r constraints/mediapipe.txt
	@touch $@

$(ENVS)/tflite-runtime/.ready: tools/setup.sh constraints/tflite-runtime.txt
	@sh tools/setup.sh $(ENVS)/tflite-runtime -r constraints/tflite-runtime.txt
	@touch $@

$(ENVS)/quantizer/.ready: tools/setup.sh constraints/quantizer.txt
	@sh tools/setup.sh $(ENVS)/quantizer -r constraints/quantizer.txt
	@touch $@

$(ENVS)/home-assistant/.ready: tools/setup.sh constraints/home-assistant.txt
	@for python in python3.13 $(wildcard $(HOME)/.pyenv/versions/3.13*/bin/python3.13); do \
	  if $$python -c 'import venv, ensurepip' 2>/dev/null; then \
	    PYTHON=$$python sh tools/setup.sh $(@D) -r constraints/home-assistant.txt && touch $@; exit; \
	  fi; \
	done; echo "make: Home Assistant needs python3.13, which was not found" >&2; [ "$(ALLOW_SKIP)" = 1 ]

clean: ## remove what builds and tests leave behind
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find edgevision convert device tests tools benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## clean, and remove .venv and the cached environments too
	rm -rf $(VENV) $(CACHE)
