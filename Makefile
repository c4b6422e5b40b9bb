# make run: the 80x pipeline · make test: everything CI runs · make lab: the notebooks · make bench: every figure quoted
# make peers: SmolLM2 beside llmcompressor, torchao, Torch-Pruning, modelopt, llama.cpp, each in an environment of its own
# make llm: SmolLM2-135M for the chapter on a real LLM · make extras: packages for export, sliders, a Dask cluster
# make site: notebooks, guides and the reference of the API as pages in out/site, for a browser without a server or a network
# make parity: beside llmcompressor, Torch-Pruning, TRL, torchao and compressed-tensors, which get their own environment
PYTHON ?= python3
WORKERS ?= 2
BIN := .venv/bin
# What tests do to a learner's progress stays in a file of their own.
TESTING := OMP_NUM_THREADS=1 MINICOMPRESS_SOLUTIONS=1 MINICOMPRESS_PROGRESS=$(CURDIR)/.minicompress/tests.json $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile
NOTEBOOKS := $(TESTING) --nbval-lax --nbval-current-env --nbval-cell-timeout=600 notebooks

run: .venv/ready
	MINICOMPRESS_SOLUTIONS=1 $(BIN)/minicompress run

# WORKERS processes, one thread each: two threads in each of two processes would wait for each other.
# A file stays in one process: its tests share fixtures, and a notebook's cells their kernel.
# A student's copy has no solutions: it runs the graders of what is written, and no notebook as a whole.
# Without a network the tests of the real LLM and of the extras skip themselves; everything else runs.
test: .venv/ready
	$(if $(wildcard tests/machinery),$(MAKE) -s extras || echo "The extras are not here: their tests are skipped.")
	$(BIN)/minicompress llm || echo "No SmolLM2 here: the tests of its chapter are skipped."
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(TESTING)
	$(if $(wildcard solutions),$(NOTEBOOKS))

# CHAPTER=01 opens that chapter, otherwise the first with something unsolved; OPTIONS go to JupyterLab.
lab: .venv/ready
	$(BIN)/minicompress lab $(if $(CHAPTER),--chapter $(CHAPTER)) $(OPTIONS)

# Installs 93 MB and converts them, once; where it is done, it takes a second.
llm: .venv/ready
	$(BIN)/minicompress llm

bench: .venv/ready llm
	MINICOMPRESS_SOLUTIONS=1 $(BIN)/python -m benchmarks bench

# What the course's functions take and give beside other tools, on SmolLM2 (`make bench` does it, too).
peers: .venv/ready llm
	MINICOMPRESS_SOLUTIONS=1 $(BIN)/python -m benchmarks.peers
	MINICOMPRESS_SOLUTIONS=1 $(BIN)/python -m benchmarks.readme

parity: .venv/ready .venv-oracles/ready
	MINICOMPRESS_SOLUTIONS=1 $(BIN)/python -m benchmarks parity

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q torch==2.13.0
	$(BIN)/pip install -q -r requirements.lock
	$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	touch $@

# What `minicompress export`, sliders in notebooks and `grade-all --scheduler` need. It stands apart from requirements.lock, whose packages
# are the text that the teacher learned from, and moves none of them: everything is pinned, nothing else installed.
extras: .venv/extras

.venv/extras: .venv/ready requirements-extras.lock
	$(BIN)/pip install -qq --no-deps -r requirements-extras.lock
	touch $@

# Packages of its own in the same environment, since the docstrings are read by importing the course. Like the extras they move none
# of requirements.lock. In an environment that has them `make test` tests the site, too.
site: .venv/site
	MINICOMPRESS_SOLUTIONS=1 $(BIN)/python -m website

.venv/site: .venv/ready requirements-site.lock
	$(BIN)/pip install -qq --no-deps -r requirements-site.lock
	touch $@

.venv-oracles/ready: benchmarks/oracles.lock
	$(PYTHON) -m venv .venv-oracles
	.venv-oracles/bin/pip install -q torch==2.13.0
	.venv-oracles/bin/pip install -q -r benchmarks/oracles.lock
	touch $@

.PHONY: run test lab llm bench extras site peers parity
