# goheap: builds everything into build/. `make help` lists the targets.

VERSION := 0.1.0

CC ?= gcc
SANITIZE ?=
DEBUG ?=
comma := ,

# A sanitizer, a debug build or another compiler gets a directory of its own.
flavour := $(if $(filter-out gcc cc,$(CC)),-$(notdir $(CC)))$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))$(if $(DEBUG),-debug)
B := build$(flavour)

PREFIX ?= /usr/local
DATADIR := $(PREFIX)/share/goheap

warnings := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
CFLAGS ?= $(if $(DEBUG),-O1,-O2)
base_cflags := -std=c11 -D_GNU_SOURCE -g $(warnings) -fno-strict-aliasing -ffp-contract=off -MMD -MP \
  $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all) \
  $(if $(or $(DEBUG),$(SANITIZE)),-DGOHEAP_DEBUG=1)
core_cflags := $(base_cflags) -fPIC -fvisibility=hidden
sim_cflags := $(base_cflags) -Icore -Isim -DGOHEAP_VERSION='"$(VERSION)"' -DGOHEAP_DATADIR='"$(DATADIR)"'
 
ldflags := $(if $(SANITIZE),-fsanitize=$(SANITIZE)) $(LDFLAGS)
sim_libs := -lcsv -ljansson -lzstd -lpthread -lm

core_src := $(sort $(wildcard core/*.c))
sim_src := $(sort $(filter-out sim/preload/%,$(wildcard sim/*/*.c)))
core_obj := $(core_src:%.c=$B/%.o)
malloc_obj := $(patsubst %.c,$B/%.o,$(sort $(wildcard core/malloc/*.c)))
sim_obj := $(sim_src:%.c=$B/%.o)

core_tests := $(patsubst tests/core/%.c,$B/tests/core/%,$(sort $(wildcard tests/core/test_*.c)))
sim_tests := $(patsubst tests/sim/%.c,$B/tests/sim/%,$(sort $(wildcard tests/sim/test_*.c)))
unit_tests := $(core_tests) $(sim_tests)

# V=1 shows the commands.
Q := $(if $V,,@)

all: $B/goheap $B/libgoheap.a $B/libgoheap.so $B/libgoheap-malloc.so $B/libgoheap-record.so

$(malloc_obj): core_cflags += -Icore -ftls-model=initial-exec -fno-builtin
$B/core/%.o: core/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(core_cflags) $(CFLAGS) -c -o $@ $<

$B/sim/%.o: sim/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(sim_cflags) $(CFLAGS) -c -o $@ $<

$B/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(sim_cflags) $(CFLAGS) -c -o $@ $<

$B/libgoheap.a: $(core_obj)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$B/libgoheap.so: $(core_obj) core/goheap.map
	$(Q)$(CC) -shared -Wl,-soname,libgoheap.so.0 -Wl,--version-script=core/goheap.map $(ldflags) -o $@ \
	  $(filter %.o,$^) -lpthread

# A malloc for any program, by LD_PRELOAD or by linking: the same core, and no name of it to be seen.
$B/libgoheap-malloc.so: $(malloc_obj) $(core_obj) core/malloc/exports.map
	$(Q)$(CC) -shared -Wl,-soname,libgoheap-malloc.so.0 -Wl,--version-script=core/malloc/exports.map $(ldflags) -o $@ \
	  $(filter %.o,$^) -lpthread

# The simulator's modules, so that tests link what they test.
$B/libsim.a: $(sim_obj)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$B/goheap: $B/sim/main.o $B/libsim.a $B/libgoheap.a
	$(Q)$(CC) $(ldflags) -o $@ $^ $(sim_libs)

# The recorder is a library of its own: no goheap code, nothing but libc in it.
$B/libgoheap-record.so: $(wildcard sim/preload/*.c sim/preload/*.h)
	@mkdir -p $(@D)
	$(Q)$(CC) $(base_cflags) $(CFLAGS) -fPIC -fvisibility=hidden -ftls-model=initial-exec -shared $(ldflags) \
	  -MF $B/libgoheap-record.d -o $@ $(filter %.c,$^) -ldl -lpthread

$(core_tests): $B/tests/core/%: $B/tests/core/%.o $B/libgoheap.a
	$(Q)$(CC) $(ldflags) -o $@ $^ -lcmocka -lpthread

$(sim_tests): $B/tests/sim/%: $B/tests/sim/%.o $B/libsim.a $B/libgoheap.a
	$(Q)$(CC) $(ldflags) -o $@ $^ -lcmocka $(sim_libs)

$B/bench_replay: $B/tests/bench/bench_replay.o $B/libsim.a $B/libgoheap.a
	$(Q)$(CC) $(ldflags) -o $@ $^ $(sim_libs)

$B/bench_malloc: $B/tests/bench/bench_malloc.o $B/libsim.a
	$(Q)$(CC) $(ldflags) -o $@ $^ $(sim_libs)

bench-malloc: $B/bench_malloc $B/libgoheap-malloc.so
	@scripts/bench-malloc $B

bench: $B/bench_replay
	@GOHEAP_CONFIGS=configs $B/bench_replay

# Tests of the simulator find the configurations of this checkout.
unit: export GOHEAP_CONFIGS := $(CURDIR)/configs
tests: $(unit_tests)

unit: $(unit_tests)
	@for t in $(unit_tests); do echo "== $$t"; $$t || exit 1; done

# Headers, libraries, the command and what it reads; DESTDIR stages, PREFIX (/usr/local) says where it will live.
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib $(DESTDIR)$(PREFIX)/include
	install -m 755 $B/goheap $(DESTDIR)$(PREFIX)/bin/
	install -m 644 core/goheap.h core/goheap_platform.h $(DESTDIR)$(PREFIX)/include/
	install -m 644 $B/libgoheap.a $B/libgoheap-record.so $(DESTDIR)$(PREFIX)/lib/
	install -m 644 $B/libgoheap.so $(DESTDIR)$(PREFIX)/lib/libgoheap.so.0
	ln -sf libgoheap.so.0 $(DESTDIR)$(PREFIX)/lib/libgoheap.so
	install -d $(DESTDIR)$(DATADIR)/plots
	cp -R configs $(DESTDIR)$(DATADIR)/
	install -m 644 plots/*.gp $(DESTDIR)$(DATADIR)/plots/

help:
	@echo 'make                 build everything into build/ (V=1 shows the commands)'
	@echo 'make unit            build and run the unit tests (make tests only builds them)'
	@echo 'make check           all tests; as ./scripts/check'
	@echo 'make oracle          ask the real Go 1.19 (GO119=...) again what the conformance tests hold goheap against'
	@echo 'make bench           speed of the replay beside a plain loop'
	@echo 'make bench-malloc    goheap as a malloc beside glibc, jemalloc, mimalloc and tcmalloc'
	@echo 'make install         PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)'
	@echo 'make clean           remove build/ and its variants'
	@echo 'SANITIZE=address,undefined | SANITIZE=thread | DEBUG=1 | CC=clang build in directories of their own'

check:
	./scripts/check

# What the real Go says of the conformance traces; the results are committed, so that no test needs a Go. Now and
# then its runtime frees an object of its own meanwhile: what two runs in a row say counts.
GO119 ?= /usr/lib/go-1.19/bin/go
oracle: $B/tests/sim/test_conformance
	@mkdir -p $B/oracle
	$(Q)cd $B/oracle && GO111MODULE=off $(GO119) build -o oracle $(CURDIR)/tests/oracle/oracle.go
	$(Q)cd $B/oracle && for t in mixed small tiny large classes phases; do \
	  $(CURDIR)/$< --trace $$t >$$t.csv; rm -f again; \
	  until cmp -s now again; do ./oracle $$t.csv >again && ./oracle $$t.csv >now || exit 1; done; \
	  mv now $(CURDIR)/tests/oracle/go1.19/$$t.txt; \
	done

clean:
	rm -rf build build-*

.PHONY: all tests unit check oracle bench bench-malloc install help clean
.SECONDARY:
-include $(shell find $B -name '*.d' 2>/dev/null)
