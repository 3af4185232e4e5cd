# SPDX-License-Identifier: Apache-2.0
"""Compare what each layer of a firmware computes with the model that it was made from, bit for bit.

FIRMWARE runs as it is; what its layers write is taken from memory and held against the same operators of the model,
which the reference kernels execute on the input that the firmware had. Layers must say by their arguments where their
tensors are (docs/verify.md). The exit code is 1 where a layer differs or could not be compared, the result of an
operator reaches no layer, or the run was cut before one.

Examples:
  mcusim verify firmware.elf --model model.tflite                         find the layers, compare the first inference
  mcusim verify firmware.elf --model model.tflite --until inference_done  run no further than that
  mcusim verify firmware.elf --model model.tflite --rounding single       CMSIS-NN or TFLM built with single rounding
  mcusim verify firmware.elf --model model.tflite --input picture.npy     the input is known, not read from memory
  mcusim verify firmware.elf --model model.tflite --layers callees-of=network_run
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcusim import exits
from mcusim.cli import options, running
from mcusim.errors import McusimError

if TYPE_CHECKING:
    from mcusim.image import Image

ROUNDINGS = ("double", "single", "tinyengine")
FINISHED = ("exit", "return", "loop", "sleep")  # the firmware itself came to an end; all others cut it
OWN_KERNELS = r"match=mk_\w+_s8"  # of kernels/target: markers around them say nothing of tensors


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mcusim verify`."""
    options.add_run_options(parser)
    group = parser.add_argument_group("the model")
    group.add_argument("--model", type=Path, required=True, metavar="FILE", help="the .tflite file")
    group.add_argument("--input", type=Path, metavar="FILE.npy", help="the model's input (default: read from memory)")
    group.add_argument(
        "--rounding", choices=ROUNDINGS, help="how sums are scaled (default: tinyengine for its layers, else double)"
    )
    group.add_argument("--layers", default="auto", metavar="RULE", help="which calls are layers (docs/layers.md)")
    options.add_document_options(parser)


def run(args: argparse.Namespace) -> int:
    """Load, run, compare, print. Returns 1 where something differs or could not be verified."""
    from mcusim.layers import find_rule
    from mcusim.machine.capture import Capture
    from mcusim.reports.progress import ProgressLine
    from mcusim.reports.verified import verification_document
    from mcusim.verifying import load_model, longest, verify, with_other_roundings

    options.check_output(args, [args.firmware, args.model])
    model = load_model(args.model)
    given = _given(args.input)
    image = running.load_image(args)
    args.layers = _layers(args.layers, image)
    rule = find_rule(args.layers, image)
    if rule is None:
        raise McusimError(f"{image.name}: no layers are recognised: give --layers callees-of=FUNCTION")
    capture = Capture(*longest(model))
    from mcusim.machine import run as run_alone

    trace = running.execute(
        args, stream=None, progress=ProgressLine(quiet=args.quiet), image=image,
        run=partial(run_alone, capture=capture), observed={"layers": args.layers},
    )  # fmt: skip
    cut = "" if trace.end.kind in FINISHED else trace.end.text
    if not capture.layers:
        longer = f": the run was cut ({cut}): let it run longer (--max-cycles, --timeout, --until)" if cut else ""
        raise McusimError(f"{image.name}: no layer ran ({rule.text}){longer}")
    rounding = args.rounding or ("tinyengine" if rule.preset == "tinyengine" else "double")
    found = verify(capture.layers, model, rounding, given, cut=cut, by_name=args.rounding is None)
    found = with_other_roundings(found, capture.layers, model, given, cut)
    options.print_document(args, verification_document(image.name, args.model.name, trace.board.name, found))
    whole = not found.uncovered and not found.unreached
    right = whole and all(each.status == "same" for each in found.compared)
    return exits.DONE if right else exits.FAILED


def _layers(rule: str, image: Image) -> str:
    """Return the rule; `auto` is the calls of our own kernels where there are several of them."""
    import re

    own = [each for each in image.functions if re.fullmatch(OWN_KERNELS.partition("=")[2], each.name)]
    return OWN_KERNELS if rule == "auto" and len(own) > 1 else rule


def _given(path: Path | None) -> list[Any] | None:
    if path is None:
        return None
    from mcusim.verifying import load_input

    return [load_input(path)]
