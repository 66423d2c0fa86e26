# What a contributor and CI run; `make help` lists it.
SHELL := bash
.DEFAULT_GOAL := help
GO ?= go
PYTHON ?= python3
VENV := .venv/clients
CLIENTS := $(VENV)/.installed
BENCH := .venv/bench/.installed
SAM := .venv/sam/.installed
SAMCLI := .venv/samcli/.installed
APPS := .venv/apps
CDK := .venv/cdk
FUZZTIME ?= 10s
TESTTIMEOUT ?= 30m
CROSS := linux/arm64 darwin/arm64 darwin/amd64
.PHONY: help build run clients apps cdk browser generate check-generated lint unit test fuzz bench bench-cold bench-scale bench-stacks bench-micro conformance terraform vuln sam samcli cross clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

build: ## Build the static binary bin/furl
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/furl ./cmd/furl

run: build ## Build, serve and deploy examples/hello; prints its URL, stays until Ctrl-C
	bin/furl up examples/hello --name my_public_hello_world

clients: $(CLIENTS) ## Install the AWS clients of the tests into .venv/clients

# One virtual environment each, made again when its list of packages changes; the marker makes the second time free.
define virtualenv
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "make: $(PYTHON) cannot make a virtual environment;" \
	  "install its venv package (Debian, Ubuntu: apt-get install python3-venv) or set PYTHON=" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@
endef

$(CLIENTS): requirements-clients.txt
	$(virtualenv)
$(BENCH): test/bench/requirements.txt
	$(virtualenv)
$(SAM): test/sam/requirements.txt
	$(virtualenv)
$(SAMCLI): test/samcli/requirements.txt
	$(virtualenv)

.PHONY: $(APPS) $(CDK) chromium
$(APPS): # looks by itself what is there already
	@PYTHON=$(PYTHON) test/apps/install $@
$(CDK): # likewise
	@test/cdk/install $@
chromium:
	@test/browser/install

apps: $(APPS) ## Real applications, FastAPI to MCP, behind URLs and on their own servers: the same answers
	$(GO) test -count 1 ./test/apps
cdk: $(CLIENTS) $(CDK) ## An app of AWS CDK, bootstrapped and deployed by its own command line
	$(GO) test -count 1 ./test/cdk
samcli: $(CLIENTS) $(SAMCLI) ## A serverless application, built and deployed by AWS's SAM CLI
	$(GO) test -count 1 ./test/samcli
sam: $(SAM) ## Serverless templates expanded by AWS's own translator and by furl: the same resources
	$(GO) test -count 1 ./test/sam
browser: chromium ## CORS in a real browser (Debian's Chromium, installed where there is none; CHROMIUM names another)
	$(GO) test -count 1 ./test/browser

generate: $(CLIENTS) ## Write the generated files again from botocore's models
	$(GO) generate ./...
check-generated: $(CLIENTS) ## Fail when a generated file is stale
	@stamp() { find internal -name 'zz_*.go' -exec cksum {} + | sort; }; before=$$(stamp); $(GO) generate ./... || exit 1; \
	  [ "$$before" = "$$(stamp)" ] || { echo "make: generated files were stale; commit what generation wrote just now" >&2; exit 1; }

lint: ## gofmt, go vet, staticcheck
	@unformatted=$$(gofmt -l $$(find . -name '*.go' -not -path './.venv/*')); \
	  [ -z "$$unformatted" ] || { echo "make: gofmt these:" $$unformatted >&2; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

unit: $(CLIENTS) $(SAM) $(SAMCLI) $(APPS) $(CDK) chromium ## Every Go test, the scripts with the real clients among them, under the race detector
	@set -o pipefail; $(GO) test -race -json -timeout $(TESTTIMEOUT) ./... | $(GO) run ./test/report

test: FUZZTIME = 2s
test: clients lint unit fuzz ## Everything that must pass before a commit: lint, tests, fuzz smoke

# A worker that is busy when the time is up makes go test report the deadline as a failure; it is one only with an input.
fuzz: ## Run each fuzz target for FUZZTIME (10s)
	@grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sort | while IFS=: read -r file func; do \
	  echo "fuzz $${func#func } in $${file%/*}"; \
	  out=$$($(GO) test -run '^$$' -fuzz "^$${func#func }\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x "$${file%/*}" 2>&1 </dev/null) \
	    || { grep -q '^    context deadline exceeded$$' <<<"$$out" && ! grep -q 'Failing input' <<<"$$out"; } \
	    || { echo "$$out"; exit 1; }; done

bench: build $(BENCH) ## Warm requests and streams, CPU for each, beside gunicorn, uvicorn and granian (BENCHFLAGS=-short)
	$(GO) run ./test/bench -furl bin/furl -python .venv/bench/bin/python $(BENCHFLAGS)

bench-cold: build $(BENCH) ## Cold starts, memory and leaks of sandboxes, warm beside no isolation (root; BENCHFLAGS=-short)
	$(GO) run ./test/bench/cold -furl bin/furl -python .venv/bench/bin/python $(BENCHFLAGS)

bench-scale: build ## A thousand to a hundred thousand functions with URLs: start-up, memory, making one more, look-up
	$(GO) run ./test/bench/scale -furl bin/furl $(BENCHFLAGS)

bench-stacks: build ## A hundred to five hundred stacks of ten resources: making and deleting one more, start-up, memory
	$(GO) run ./test/bench/stacks -furl bin/furl $(BENCHFLAGS)

bench-micro: ## The benchmarks beside the code, for benchstat
	$(GO) test -run '^$$' -bench . -benchmem -count 6 ./internal/...

conformance: build $(CLIENTS) ## Replay answers recorded on AWS, where the recordings are beside the checkout
	test/conformance/run
terraform: build ## Terraform with its AWS provider against bin/furl, where the machine has them (TF_PLUGINS=DIR)
	test/terraform/run
vuln: ## Known vulnerabilities in what furl imports (needs the network)
	$(GO) tool govulncheck ./...
cross: ## Build for the other platforms
	@for target in $(CROSS); do echo "build $$target"; GOOS=$${target%/*} GOARCH=$${target#*/} CGO_ENABLED=0 \
	  $(GO) build -trimpath -o "bin/furl-$${target/\//-}" ./cmd/furl || exit 1; done

clean: ## Remove what the targets made
	rm -rf bin .venv
