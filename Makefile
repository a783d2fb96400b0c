# Everything a newcomer and CI need. `make help` lists the targets.
#
# Two environments: .venv has what serving needs and nothing else, so that `make serve` proves
# that serving needs no PyTorch; .venv-dev has all the rest. Stamp files remember what was
# installed, so a second call starts at once. What we are measured against has environments of
# its own, .venv-peers and .venv-peers-optimum.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# cpu: onnxruntime, gpu: onnxruntime-gpu. Never both: they install the same module.
EXTRA ?= cpu
# Set it to choose the interpreter; otherwise the first that is recent enough is taken.
PYTHON ?=
IMAGE ?= seq2serve
# More arguments for pytest: make test ARGS="-m 'not slow' tests/engine"
ARGS ?=

ifneq ($(filter-out cpu gpu,$(EXTRA)),)
$(error EXTRA is "$(EXTRA)"; it can be cpu or gpu)
endif

SERVE := .venv/bin/python
DEV := .venv-dev/bin/python
SERVE_STAMP := .venv/installed-$(EXTRA)
DEV_STAMP := .venv-dev/installed
PEERS := .venv-peers/bin/python
OPTIMUM := .venv-peers-optimum/bin/python
PEERS_STAMP := .venv-peers/installed
OPTIMUM_STAMP := .venv-peers-optimum/installed
SERVE_PINS := constraints/serve.txt $(if $(filter gpu,$(EXTRA)),constraints/gpu.txt)
DEV_PINS := constraints/serve.txt constraints/dev.txt

# $(call pip_install,python,constraint files)
pip_install = $(1) -m pip install --quiet --disable-pip-version-check $(2:%=--constraint %)

# $(call create_venv,directory): an empty environment from the first suitable interpreter.
define create_venv
@python= ; \
for candidate in $(if $(PYTHON),"$(PYTHON)",python3 python3.13 python3.12 python3.11 python); do \
	if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
	then python=$$candidate; break; fi; \
done; \
if [ -z "$$python" ]; then \
	echo "seq2serve needs Python 3.11 or newer; $(or $(PYTHON),python3) says: $$("$(or $(PYTHON),python3)" --version 2>&1)" >&2; \
	echo "Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; exit 1; \
fi; \
if ! "$$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then \
	echo "$$python cannot create virtual environments: its venv package is missing." >&2; \
	echo "On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; \
fi; \
echo "Creating $(1) with $$("$$python" --version)"; \
"$$python" -m venv --clear $(1)
endef

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

$(SERVE_STAMP): pyproject.toml $(SERVE_PINS)
	$(call create_venv,.venv)
	@echo "Installing what serving needs ($(EXTRA))"
	@$(call pip_install,$(SERVE),$(SERVE_PINS)) --editable '.[$(EXTRA)]'
	@touch $@

$(DEV_STAMP): pyproject.toml $(DEV_PINS)
	$(call create_venv,.venv-dev)
	@echo "Installing what tests, checks and training need; PyTorch is large"
	@$(call pip_install,$(DEV),$(DEV_PINS)) --editable '.[cpu,train,test,dev]'
	@touch $@

# $(call install_peers,python,requirements): PyTorch first and alone, so that what needs it takes
# the build that is found for this machine and no other.
install_peers = $(pip_install) torch && $(pip_install) --requirement $(2)

$(PEERS_STAMP): benchmarks/peers/requirements.txt
	$(call create_venv,.venv-peers)
	@echo "Installing what the benchmarks compare with; PyTorch is large"
	@$(call install_peers,$(PEERS),$<)
	@touch $@

$(OPTIMUM_STAMP): benchmarks/peers/requirements-optimum.txt
	$(call create_venv,.venv-peers-optimum)
	@echo "Installing Optimum, which wants an older transformers"
	@$(call install_peers,$(OPTIMUM),$<) \
		|| echo "Optimum cannot be installed here; the benchmarks go on without it, and say so" >&2
	@touch $@

.PHONY: install
install: $(SERVE_STAMP) ## Create .venv with what serving needs (EXTRA=gpu for CUDA)

.PHONY: serve
serve: $(SERVE_STAMP) ## Serve models/ on 127.0.0.1:8000; settings are SEQ2SERVE_* variables
	@exec $(SERVE) -m service

.PHONY: install-dev
install-dev: $(DEV_STAMP) ## Create .venv-dev with what tests, checks and training need

.PHONY: test
test: $(DEV_STAMP) ## Run the tests; ARGS="-m 'not slow'" for the quick ones
	$(DEV) -m pytest $(ARGS)

.PHONY: lint
lint: $(DEV_STAMP) ## Formatting, lint, types and import rules
	$(DEV) -m ruff format --check .
	$(DEV) -m ruff check .
	$(DEV) -m mypy
	.venv-dev/bin/lint-imports --no-logo

.PHONY: check
check: lint test ## What CI runs: lint, then test

.PHONY: bench-peers
bench-peers: $(PEERS_STAMP) $(OPTIMUM_STAMP) ## Create the environments that benchmarks/ compares with

.PHONY: format
format: $(DEV_STAMP) ## Format the code and apply safe fixes
	$(DEV) -m ruff check --fix .
	$(DEV) -m ruff format .

.PHONY: screenshots
screenshots: $(DEV_STAMP) ## Photograph the page for docs/; needs Chromium
	$(DEV) -m tests.page.screenshots

.PHONY: image
image: ## Build the CPU image (IMAGE=name); needs docker
	docker build --target cpu --tag $(IMAGE):cpu .

.PHONY: clean
clean: ## Remove environments, caches and built files
	rm -rf .venv .venv-dev .venv-peers .venv-peers-optimum benchmarks/.cache build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
