# make run: the 80x pipeline · make test: everything CI runs · make lab: the notebooks · make bench: every figure quoted
# make peers: SmolLM2 beside llmcompressor, torchao, Torch-Pruning, modelopt, llama.cpp, each in an environment of its own
# make llm: SmolLM2-135M for the chapter on a real LLM · make extras: packages for export, sliders, a Dask cluster
# make site: notebooks, guides and the reference of the API as pages in out/site, for a browser without a server or a network
# make parity: beside llmcompressor, Torch-Pruning, TRL, torchao and compressed-tensors, which get their own environment
# make setup: .venv, which all of them make first where it is not there · make doctor: what is missing on this machine
# All of it is `python -m minicompress COMMAND` (minicompress/setup/), which needs neither make nor a POSIX shell.
PYTHON ?= python3
WORKERS ?= 2
COURSE := $(PYTHON) -m minicompress

run setup doctor llm extras site bench peers parity:
	$(COURSE) $@

test:
	$(COURSE) test --workers $(WORKERS)

# CHAPTER=01 opens that chapter, otherwise the first with something unsolved; LANGUAGE=ko in Korean; OPTIONS go to JupyterLab.
lab:
	$(COURSE) lab $(if $(CHAPTER),--chapter $(CHAPTER)) $(if $(filter ko,$(LANGUAGE)),--language $(LANGUAGE)) $(OPTIONS)

.venv/ready: requirements.lock pyproject.toml
	$(COURSE) setup

.venv-oracles/ready: benchmarks/oracles.lock
	$(COURSE) oracles

.PHONY: run setup doctor test lab llm extras site bench peers parity
