# SPDX-License-Identifier: Apache-2.0
# Builds one small firmware for one or more boards. A Makefile sets these and includes this file:
#   NAME     the firmware's name
#   BOARDS   to build for: nucleo-l4r5zi, mps2-an386, nucleo-h743zi, stm32f746-discovery
#   SOURCES  its own C files, relative to its folder
# and may set CFLAGS_EXTRA, LDFLAGS_EXTRA, LIBRARIES and PREBUILT_BOARDS (those with a committed ELF; all by default) or
#   PREBUILT (the committed ELFs one by one), and
#   VARIANTS more than one image from the same sources, each with CFLAGS_<variant>: <name>_<variant>-<board>.elf
#
#   make            builds build/<name>-<board>.elf
#   make prebuilt   refreshes the committed ELFs
#   make check      builds afresh elsewhere and compares with the committed ELFs bit for bit
#   make qemu       runs the mps2-an386 build under QEMU and compares its output with expected.txt
#
# The committed ELFs are built by arm-none-eabi-gcc 12.2.1 (Debian 12: gcc-arm-none-eabi 15:12.2.rel1-1).

RULES := $(MAKEFILE_LIST)
COMMON := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
CROSS ?= arm-none-eabi-
CC := $(CROSS)gcc
BUILD ?= build
PREBUILT_BOARDS ?= $(BOARDS)

ARCH := -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16
# A board with another core says so here; what comes later on the command line counts.
ARCH_nucleo-h743zi := -mcpu=cortex-m7 -mfpu=fpv5-d16
ARCH_stm32f746-discovery := -mcpu=cortex-m7 -mfpu=fpv5-sp-d16
CFLAGS := $(ARCH) -std=c11 -O3 -g -ffreestanding -ffp-contract=off -ffunction-sections -fdata-sections \
	-fno-tree-loop-distribute-patterns -Wall -Wextra -Werror $(CFLAGS_EXTRA)
# Same bits from any folder: no absolute path and no command line in the debug information.
export PWD := $(CURDIR)
EXAMPLES_DIR := $(abspath $(COMMON)/..)
GCC_INCLUDE_DIR := $(shell $(CC) -print-file-name=include)
CFLAGS += -gno-record-gcc-switches -ffile-prefix-map=$(EXAMPLES_DIR)=. \
	-ffile-prefix-map=$(GCC_INCLUDE_DIR)=gcc/include
LDFLAGS := $(ARCH) -nostdlib -L$(COMMON) -Wl,--gc-sections -Wl,--build-id=none -Wl,--fatal-warnings \
	-Wl,--no-warn-rwx-segments $(LDFLAGS_EXTRA)

COMMON_SOURCES := $(COMMON)/startup.c $(COMMON)/memory.c $(COMMON)/print.c
IMAGES := $(if $(VARIANTS),$(VARIANTS:%=$(NAME)_%),$(NAME))
elfs_for = $(foreach board,$(1),$(IMAGES:%=%-$(board).elf))
ELFS := $(addprefix $(BUILD)/,$(call elfs_for,$(BOARDS)))
PREBUILT ?= $(call elfs_for,$(PREBUILT_BOARDS))

.PHONY: all prebuilt check qemu clean
all: $(ELFS)

# One compiler call for each board, image and source, with the path as written: it ends up in the debug information.
# $(1) is the board, $(2) the image's name, $(3) its own flags.
INCLUDES = -I$(COMMON) -I$(COMMON)/../../mcusim/include
define IMAGE_RULES
SOURCES_$(2)-$(1) := $$(COMMON_SOURCES) $$(COMMON)/board_$(1).c $$(SOURCES)
OBJECTS_$(2)-$(1) := $$(patsubst %.c,$$(BUILD)/$(2)-$(1)/%.o,$$(notdir $$(SOURCES_$(2)-$(1))))
$$(BUILD)/$(2)-$(1).elf: $$(OBJECTS_$(2)-$(1)) $$(COMMON)/$(1).ld $$(COMMON)/sections.ld
	$$(CC) $$(LDFLAGS) $$(ARCH_$(1)) -T $$(COMMON)/$(1).ld $$(OBJECTS_$(2)-$(1)) $$(LIBRARIES) -lgcc -o $$@
$$(BUILD)/$(2)-$(1)/%.o: %.c $$(RULES)
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS) $$(ARCH_$(1)) $(3) $$(INCLUDES) -MMD -c $$< -o $$@
$$(BUILD)/$(2)-$(1)/%.o: $$(COMMON)/%.c $$(RULES)
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS) $$(ARCH_$(1)) $(3) $$(INCLUDES) -MMD -c $$< -o $$@
-include $$(OBJECTS_$(2)-$(1):.o=.d)
endef
$(foreach board,$(BOARDS),$(if $(VARIANTS),\
	$(foreach each,$(VARIANTS),$(eval $(call IMAGE_RULES,$(board),$(NAME)_$(each),$(CFLAGS_$(each))))),\
	$(eval $(call IMAGE_RULES,$(board),$(NAME),))))

prebuilt: $(addprefix $(BUILD)/,$(PREBUILT))
	install -m 644 $^ .

check:
	@set -e; folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	$(MAKE) --no-print-directory -s all BUILD="$$folder"; \
	for elf in $(PREBUILT); do \
		cmp "$$folder/$$elf" "$$elf" || { \
			echo "$$elf differs from its sources; built with $$($(CC) --version | head -n 1)"; exit 1; }; \
		echo "$$elf: same as its sources"; \
	done

qemu: $(BUILD)/$(NAME)-mps2-an386.elf
	qemu-system-arm -M mps2-an386 -nographic -semihosting-config enable=on,target=native -kernel $< 2>&1 \
		| tr -d '\r' | tee $(BUILD)/qemu.txt
	grep -v '^cycles: ' $(BUILD)/qemu.txt | diff - expected.txt

clean:
	rm -rf $(BUILD)
