# Builds the exact simulator: a plain apus-sim derives the changed runtime from
# the installed Go, then the same command is linked against it.

SIM     := $(OUT)/apus-sim
OVERLAY := $(OUT)/overlay/overlay.json

# go build is incremental by itself and knows best what has changed.
.PHONY: $(SIM)
$(SIM):
	@mkdir -p $(OUT)
	@echo 'module out' > $(OUT)/go.mod # so that ./... does not look there
	@$(GO) build -o $(OUT)/apus-sim-plain ./cmd/apus-sim
	@$(OUT)/apus-sim-plain overlay --out $(OUT)/overlay >/dev/null
	$(GO) build -tags apusexact -overlay $(OVERLAY) -ldflags '-X testing.testBinary=1 -X main.linkedCommit=$(COMMIT)' -o $@ ./cmd/apus-sim
