# SPDX-License-Identifier: Apache-2.0
"""Device models. A board file names them by `type`; `DEVICES` is the list, and a test holds it against the folder."""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Device, Host, RegisterFile
from mcusim.devices.cmsdk_dual_timer import CmsdkDualTimer
from mcusim.devices.cmsdk_gpio import CmsdkGpio
from mcusim.devices.cmsdk_timer import CmsdkTimer
from mcusim.devices.cmsdk_uart import CmsdkUart
from mcusim.devices.cmsdk_watchdog import CmsdkWatchdog
from mcusim.devices.iotkit_system import IotKitSystem
from mcusim.devices.mps2_fpgaio import Mps2FpgaIo
from mcusim.devices.mps2_scc import Mps2Scc
from mcusim.devices.nrf_clock import NrfClock
from mcusim.devices.nrf_egu import NrfEgu
from mcusim.devices.nrf_gpio import NrfGpio
from mcusim.devices.nrf_gpiote import NrfGpiote
from mcusim.devices.nrf_nvmc import NrfNvmc
from mcusim.devices.nrf_ppi import NrfPpi
from mcusim.devices.nrf_rng import NrfRng
from mcusim.devices.nrf_rtc import NrfRtc
from mcusim.devices.nrf_temp import NrfTemp
from mcusim.devices.nrf_timer import NrfTimer
from mcusim.devices.nrf_uarte import NrfUarte
from mcusim.devices.nrf_wdt import NrfWdt
from mcusim.devices.rp2040_clocks import Rp2040Clocks
from mcusim.devices.rp2040_oscillator import Rp2040Oscillator
from mcusim.devices.rp2040_pll import Rp2040Pll
from mcusim.devices.rp2040_registers import Rp2040Registers
from mcusim.devices.rp2040_sio import Rp2040Sio
from mcusim.devices.rp2040_timer import Rp2040Timer
from mcusim.devices.rp2040_uart import Rp2040Uart
from mcusim.devices.rp2040_watchdog import Rp2040Watchdog
from mcusim.devices.stm32_rng import Stm32Rng
from mcusim.devices.stm32_usart import Stm32Usart
from mcusim.devices.stm32l4_flash import Stm32L4Flash
from mcusim.devices.stm32l4_pwr import Stm32L4Pwr
from mcusim.devices.stm32l4_rcc import Stm32L4Rcc
from mcusim.errors import McusimError, unknown_name

DEVICES: dict[str, type[RegisterFile]] = {
    "cmsdk-dual-timer": CmsdkDualTimer,
    "cmsdk-gpio": CmsdkGpio,
    "cmsdk-timer": CmsdkTimer,
    "cmsdk-uart": CmsdkUart,
    "cmsdk-watchdog": CmsdkWatchdog,
    "iotkit-system": IotKitSystem,
    "mps2-fpgaio": Mps2FpgaIo,
    "mps2-scc": Mps2Scc,
    "nrf-clock": NrfClock,
    "nrf-egu": NrfEgu,
    "nrf-gpio": NrfGpio,
    "nrf-gpiote": NrfGpiote,
    "nrf-nvmc": NrfNvmc,
    "nrf-ppi": NrfPpi,
    "nrf-rng": NrfRng,
    "nrf-rtc": NrfRtc,
    "nrf-temp": NrfTemp,
    "nrf-timer": NrfTimer,
    "nrf-uarte": NrfUarte,
    "nrf-wdt": NrfWdt,
    "rp2040-clocks": Rp2040Clocks,
    "rp2040-oscillator": Rp2040Oscillator,
    "rp2040-pll": Rp2040Pll,
    "rp2040-registers": Rp2040Registers,
    "rp2040-sio": Rp2040Sio,
    "rp2040-timer": Rp2040Timer,
    "rp2040-uart": Rp2040Uart,
    "rp2040-watchdog": Rp2040Watchdog,
    "stm32-rng": Stm32Rng,
    "stm32-usart-v2": Stm32Usart,
    "stm32l4-flash": Stm32L4Flash,
    "stm32l4-pwr": Stm32L4Pwr,
    "stm32l4-rcc": Stm32L4Rcc,
}


def make_device(entry: DeviceEntry, host: Host) -> Device:
    """Return the model that a board's device entry names. Raises McusimError for an unknown type or option."""
    if entry.type not in DEVICES:
        raise unknown_name(f"type of device {entry.name}", entry.type, DEVICES)
    model = DEVICES[entry.type]
    for name, value in entry.options.items():
        if name not in model.options:
            raise unknown_name(f"option of device {entry.name}", name, model.options)
        if type(value) is not type(model.options[name]):
            raise McusimError(f"device '{entry.name}': option {name}: {value!r} is of the wrong type")
    return model(entry, host)
