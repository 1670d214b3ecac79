# octo's two commands are `make demo` and `make test`. Both make the virtual environment first, once.
.POSIX:

PYTHON ?= python3.11
BIN = .venv/bin
LLAMA = llama-cpp-python
WHEELS = $${XDG_CACHE_HOME:-$$HOME/.cache}/octo/wheels

help:
	@echo 'make demo    a smart-home model from a template, trained, exported and asked'
	@echo 'make test    lint, types, tests'
	@echo 'make venv    only the virtual environment, in .venv'
	@echo 'make docs    write the generated parts of docs/ again'
	@echo 'make clean   remove what make made here'

venv: .venv/dev

# llama.cpp is compiled for the CPU it is compiled on, which takes minutes. So its wheel is kept, under a name that
# says which version, which Python and which CPU it is for.
.venv/installed: pyproject.toml constraints.txt
	@python=$$(command -v $(PYTHON) || command -v python3) || { echo 'octo needs Python 3.11 or newer' >&2; exit 1; }; \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "octo needs Python 3.11 or newer; $$python is older. Say which: make PYTHON=..." >&2; exit 1; }; \
	"$$python" -m venv .venv
	$(BIN)/pip install -c constraints.txt torch
	@set -e; pin=$$(grep '^$(LLAMA)==' constraints.txt); \
	tag=$$($(BIN)/python -c 'import sys; print(sys.implementation.cache_tag)'); \
	cpu=$$( (uname -sm; grep -m1 -E '^(flags|Features)' /proc/cpuinfo || sysctl -n machdep.cpu.brand_string) 2>/dev/null \
		| cksum | cut -d' ' -f1); \
	kept="$(WHEELS)/$$pin-$$tag-$$cpu"; \
	if ! ls "$$kept"/*.whl >/dev/null 2>&1; then \
		echo "getting $$pin; where it has to be compiled, that takes about ten minutes on two cores"; \
		mkdir -p "$(WHEELS)"; new=$$(mktemp -d "$(WHEELS)/.new-XXXXXX"); trap 'rm -rf "$$new"' EXIT; \
		$(BIN)/pip wheel --no-deps --wheel-dir "$$new" "$$pin"; \
		rm -rf "$$kept"; mv "$$new" "$$kept"; \
	fi; \
	echo "$$kept"; $(BIN)/pip install -c constraints.txt "$$kept"/*.whl
	$(BIN)/pip install -c constraints.txt -e .
	@touch $@

# What only the tests need stays out of a demo: the compilers for the stubs weigh 160 MB.
.venv/dev: .venv/installed
	$(BIN)/pip install -c constraints.txt -e '.[dev]'
	@touch $@

demo: .venv/installed
	@test -f demo/home/octo.toml || $(BIN)/octo init demo/home --template smart-home
	@$(BIN)/octo build --project demo/home
	@echo; echo 'A handful of questions:'
	@for query in 'turn on the lights in the kitchen' 'dim the bedroom to 30 percent' \
		'wake me at half past six' 'lock the front door' 'what is the capital of Peru'; do \
		echo; echo "> $$query"; $(BIN)/octo chat --project demo/home --once "$$query" || exit 1; \
	done
	@echo; echo 'The score card on the test split:'
	@$(BIN)/python examples/read_score_card.py demo/home
	@echo; echo 'The spec is demo/home/api.json, the samples are in demo/home/data, the run is demo/home/runs/main,'
	@echo 'the model is in demo/home/dist. Ask more with: $(BIN)/octo chat --project demo/home'

test: .venv/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pytest

docs: .venv/dev
	$(BIN)/python docs/generate.py
	$(BIN)/python tests/planted_faults.py > /dev/null

clean:
	rm -rf .venv demo build .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: help venv demo test docs clean
