# goheap: builds everything into build/. `make help` lists the targets.

# Of the library, the command, the .pc file and the man pages: what core/goheap.h says.
VERSION := $(shell awk '/^\#define GOHEAP_VERSION_M/ { printf "%s.", $$3 } \
  /^\#define GOHEAP_VERSION_PATCH/ { print $$3 }' core/goheap.h)
ABI := $(firstword $(subst ., ,$(VERSION)))

CC ?= gcc
SANITIZE ?=
DEBUG ?=
comma := ,

# A sanitizer, a debug build or another compiler gets a directory of its own.
flavour := $(if $(filter-out gcc cc,$(CC)),-$(notdir $(CC)))$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))$(if $(DEBUG),-debug)
B := build$(flavour)

# Where things will live; DESTDIR, which may hold spaces, comes before all of them.
PREFIX ?= /usr/local
BINDIR := $(PREFIX)/bin
LIBDIR := $(PREFIX)/lib
INCLUDEDIR := $(PREFIX)/include
MANDIR := $(PREFIX)/share/man
DATADIR := $(PREFIX)/share/goheap
lib_from_bin := $(shell realpath -ms --relative-to='$(BINDIR)' '$(LIBDIR)')

warnings := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
CFLAGS ?= $(if $(DEBUG),-O1,-O2)
base_cflags := -std=c11 -D_GNU_SOURCE -g $(warnings) -fno-strict-aliasing -ffp-contract=off -MMD -MP \
  $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all) \
  $(if $(or $(DEBUG),$(SANITIZE)),-DGOHEAP_DEBUG=1)
core_cflags := $(base_cflags) -fPIC -fvisibility=hidden
sim_cflags := $(base_cflags) -Icore -Isim -DGOHEAP_VERSION='"$(VERSION)"' -DGOHEAP_DATADIR='"$(DATADIR)"' \
  -DGOHEAP_LIB_FROM_BIN='"$(lib_from_bin)"'

ldflags := $(if $(SANITIZE),-fsanitize=$(SANITIZE)) $(LDFLAGS)
sim_libs := -lcsv -ljansson -lzstd -lz -lpthread -lm

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

# What objects, .pc file and man pages have of the settings above; it changes when one of them does.
built_in := $(VERSION) $(PREFIX) $(BINDIR) $(LIBDIR) $(INCLUDEDIR) $(DATADIR)
$B/built_in: FORCE
	@mkdir -p $(@D)
	@echo '$(built_in)' | cmp -s - $@ || echo '$(built_in)' >$@
users := $(shell grep -lE 'GOHEAP_(VERSION|DATADIR|LIB_FROM_BIN)' sim/main.c $(sim_src) tests/sim/*.c)
$(users:%.c=$B/%.o): $B/built_in

$B/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(sim_cflags) $(CFLAGS) -c -o $@ $<

$B/libgoheap.a: $(core_obj)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$B/libgoheap.so: $(core_obj) core/goheap.map
	$(Q)$(CC) -shared -Wl,-soname,libgoheap.so.$(ABI) -Wl,--version-script=core/goheap.map $(ldflags) -o $@ \
	  $(filter %.o,$^) -lpthread

# A malloc for any program, by LD_PRELOAD or by linking: the same core, and no name of it to be seen.
$B/libgoheap-malloc.so: $(malloc_obj) $(core_obj) core/malloc/exports.map
	$(Q)$(CC) -shared -Wl,-z,nodelete -Wl,-soname,libgoheap-malloc.so.$(ABI) -Wl,--version-script=core/malloc/exports.map \
	  $(ldflags) -o $@ $(filter %.o,$^) -lpthread

# The simulator's modules, so that tests link what they test.
$B/libsim.a: $(sim_obj)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$B/goheap: $B/sim/main.o $B/libsim.a $B/libgoheap.a
	$(Q)$(CC) $(ldflags) -o $@ $^ $(sim_libs)

# The recorder is a library of its own: no goheap code but inline functions, nothing but libc in it.
$B/libgoheap-record.so: $(wildcard sim/preload/*.c sim/preload/*.h) sim/base/tsc.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(base_cflags) $(CFLAGS) -Isim -fPIC -fvisibility=hidden -ftls-model=initial-exec -shared $(ldflags) \
	  -MF $B/libgoheap-record.d -o $@ $(filter %.c,$^) -ldl -lpthread

$(core_tests): $B/tests/core/%: $B/tests/core/%.o $B/libgoheap.a
	$(Q)$(CC) $(ldflags) -o $@ $^ -lcmocka -lpthread

$(sim_tests): $B/tests/sim/%: $B/tests/sim/%.o $B/libsim.a $B/libgoheap.a
	$(Q)$(CC) $(ldflags) -o $@ $^ -lcmocka $(sim_libs)

# This one has an engine of its own beside the simulator's.
$B/tests/sim/test_strict_model: ldflags += $(addprefix -Wl$(comma)--wrap=,engine_init engine_destroy \
  engine_spawn engine_spawn_steps engine_run engine_ready process_sync process_park process_wake process_hasten \
  fifo_lock_acquire fifo_lock_release)

$B/bench_replay: $B/tests/bench/bench_replay.o $B/libsim.a $B/libgoheap.a
	$(Q)$(CC) $(ldflags) -o $@ $^ $(sim_libs)

$B/bench_malloc: $(patsubst %.c,$B/%.o,$(sort $(wildcard tests/bench/bench_malloc*.c))) $B/libsim.a
	$(Q)$(CC) $(ldflags) -o $@ $^ $(sim_libs)

$B/bench_ght: $B/tests/bench/bench_ght.o $B/libsim.a $B/libgoheap.a
	$(Q)$(CC) $(ldflags) -o $@ $^ $(sim_libs)

$B/bench_convert: $B/tests/bench/bench_convert.o $B/libsim.a $B/libgoheap.a
	$(Q)$(CC) $(ldflags) -o $@ $^ $(sim_libs)

bench-malloc: $B/bench_malloc $B/libgoheap-malloc.so
	@scripts/bench-malloc $(BENCH_FLAGS) $B

$B/tests/record/loop: $B/tests/record/loop.o
	$(Q)$(CC) $(ldflags) -o $@ $^ -lpthread

bench-record: $B/goheap $B/libgoheap-record.so $B/tests/record/loop
	@scripts/bench-record $(BENCH_FLAGS) $B

bench: $B/bench_replay
	@GOHEAP_CONFIGS=configs $B/bench_replay

bench-ght: $B/bench_ght
	@$B/bench_ght $(EVENTS)

bench-convert: $B/bench_convert
	@$B/bench_convert $(or $(EVENTS),5000000) $(TRACES)

# Tests of the simulator find the configurations of this checkout.
unit: export GOHEAP_CONFIGS := $(CURDIR)/configs
tests: $(unit_tests)

unit: $(unit_tests)
	@for t in $(unit_tests); do echo "== $$t"; $$t || exit 1; done

$B/tests/malloc/stress: $B/tests/malloc/stress.o $B/libgoheap.a
	$(Q)$(CC) $(ldflags) -o $@ $^ -lpthread

stress: $B/tests/malloc/stress
	$< 60

# --- installing ----------------------------------------------------------------------------------------------

man_pages := goheap.1 goheap.3 libgoheap-malloc.7
data := $(sort $(wildcard configs/*.json configs/*/*.json plots/*.gp))
shared := libgoheap.so libgoheap-malloc.so

# Every file that is installed, MODE:FROM:TO, and every link, TARGET:LINK.
files := 755:$B/goheap:$(BINDIR)/goheap 644:$B/libgoheap.pc:$(LIBDIR)/pkgconfig/libgoheap.pc \
  $(foreach h,goheap.h goheap_platform.h,644:core/$h:$(INCLUDEDIR)/$h) \
  $(foreach l,libgoheap.a libgoheap-record.so,644:$B/$l:$(LIBDIR)/$l) \
  $(foreach l,$(shared),644:$B/$l:$(LIBDIR)/$l.$(VERSION)) \
  $(foreach m,$(man_pages),644:$B/man/$m:$(MANDIR)/man$(subst .,,$(suffix $m))/$m) \
  $(foreach d,$(data),644:$d:$(DATADIR)/$d)
links := $(foreach l,$(shared),$l.$(VERSION):$(LIBDIR)/$l.$(ABI) $l.$(ABI):$(LIBDIR)/$l)

fill_in = sed -e 's|@VERSION@|$(VERSION)|g; s|@PREFIX@|$(PREFIX)|g; s|@DATADIR@|$(DATADIR)|g' \
  -e 's|@LIBDIR@|$(LIBDIR)|g; s|@INCLUDEDIR@|$(INCLUDEDIR)|g' $< >$@
$B/libgoheap.pc: core/libgoheap.pc.in $B/built_in
	$(Q)$(fill_in)
$B/man/%: core/% $B/built_in
	@mkdir -p $(@D)
	$(Q)$(fill_in)

install: all $B/libgoheap.pc $(man_pages:%=$B/man/%)
	$(Q)set -e; printf '%s\n' $(files) | while IFS=: read -r mode from to; do \
	  install -D -m $$mode $$from "$(DESTDIR)$$to"; \
	done
	$(Q)set -e; printf '%s\n' $(links) | while IFS=: read -r target link; do \
	  ln -sf $$target "$(DESTDIR)$$link"; \
	done

# Directories stay, but for goheap's own.
uninstall:
	$(Q)printf '%s\n' $(files) $(links) | sed 's/.*://' | while read -r file; do rm -f "$(DESTDIR)$$file"; done
	$(Q)[ ! -d "$(DESTDIR)$(DATADIR)" ] || find "$(DESTDIR)$(DATADIR)" -depth -type d -empty -delete

help:
	@echo 'make                 build everything into build/ (V=1 shows the commands)'
	@echo 'make unit            build and run the unit tests (make tests only builds them)'
	@echo 'make check           all tests; as ./scripts/check'
	@echo 'make check-browser   reports opened in Chromium, if it is there (half a minute)'
	@echo 'make check-slurm     sweeps on a small Slurm cluster that is set up for it (needs slurm-wlm and munge; minutes)'
	@echo 'make conformance     hold goheap against every real Go on the machine (TRACES=... for traces of your own)'
	@echo 'make conformance-auto  cycles and heap goals in automatic mode beside every real Go on the machine'
	@echo 'make conformance-curves  the heap over time beside every real Go on the machine, with pictures'
	@echo 'make bench           speed of the replay beside a plain loop'
	@echo 'make bench-ght       speed of reading and writing binary traces (EVENTS=10000000)'
	@echo 'make bench-convert   speed of converting, from and to CSV and .ght (EVENTS=5000000, TRACES=... for others)'
	@echo 'make bench-malloc    goheap as a malloc beside glibc, jemalloc, mimalloc and tcmalloc'
	@echo 'make bench-record    what a call of malloc or free costs more under goheap record'
	@echo 'make traces          record the traces in traces/ again'
	@echo 'make stress          threads that come and go, and free each others objects, for a minute'
	@echo 'make install         PREFIX=$(PREFIX) DESTDIR=$(DESTDIR); also BINDIR, LIBDIR, INCLUDEDIR, MANDIR, DATADIR'
	@echo 'make uninstall       removes what install with the same settings put there'
	@echo 'make clean           remove build/ and its variants'
	@echo 'SANITIZE=address,undefined | SANITIZE=thread | DEBUG=1 | CC=clang build in directories of their own'

check:
	./scripts/check

check-browser: all
	bats tests/browser

# Not part of check: dead nodes take Slurm a minute.
check-slurm: all
	bats tests/slurm

traces: all
	./scripts/record-traces

# What holds goheap against the real Go; scripts/conformance runs it.
$B/tests/oracle/traces: tests/oracle/traces.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(base_cflags) $(CFLAGS) $(ldflags) -o $@ $<

$B/tests/oracle/plain: $B/tests/oracle/plain.o $B/libsim.a $B/libgoheap.a
	$(Q)$(CC) $(ldflags) -o $@ $^ $(sim_libs)

$B/tests/oracle/compare: $B/tests/oracle/compare.o
	$(Q)$(CC) $(ldflags) -o $@ $^ -ljansson -lm

# The collector left to itself, beside the real one: cycles and heap goals.
conformance-auto:
	@scripts/conformance-auto $(CONFORMANCE_FLAGS) $(TRACES)

conformance-curves:
	@scripts/conformance-curves $(CONFORMANCE_FLAGS) $(TRACES)

conformance:
	@scripts/conformance $(CONFORMANCE_FLAGS) $(TRACES)

clean:
	rm -rf build build-*

.PHONY: all bench bench-convert bench-ght bench-malloc bench-record check check-browser check-slurm conformance conformance-auto conformance-curves stress tests traces unit FORCE clean help install uninstall
.SECONDARY:
-include $(shell find $B -name '*.d' 2>/dev/null)
