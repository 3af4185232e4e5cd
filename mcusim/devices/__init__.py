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
from mcusim.devices.registers import Registers
from mcusim.devices.rp2040_clocks import Rp2040Clocks
from mcusim.devices.rp2040_oscillator import Rp2040Oscillator
from mcusim.devices.rp2040_pll import Rp2040Pll
from mcusim.devices.rp2040_registers import Rp2040Registers
from mcusim.devices.rp2040_sio import Rp2040Sio
from mcusim.devices.rp2040_timer import Rp2040Timer
from mcusim.devices.rp2040_uart import Rp2040Uart
from mcusim.devices.rp2040_watchdog import Rp2040Watchdog
from mcusim.devices.stm32_cache import Stm32Cache
from mcusim.devices.stm32_crc import Stm32Crc
from mcusim.devices.stm32_dbgmcu import Stm32Dbgmcu
from mcusim.devices.stm32_dma2d import Stm32Dma2d
from mcusim.devices.stm32_dma_channels import Stm32DmaChannels
from mcusim.devices.stm32_dma_streams import Stm32DmaStreams
from mcusim.devices.stm32_gpio import Stm32Gpio
from mcusim.devices.stm32_hsem import Stm32Hsem
from mcusim.devices.stm32_i2c_v2 import Stm32I2cV2
from mcusim.devices.stm32_iwdg import Stm32Iwdg
from mcusim.devices.stm32_rng import Stm32Rng
from mcusim.devices.stm32_spi_v2 import Stm32SpiV2
from mcusim.devices.stm32_timer import Stm32Timer
from mcusim.devices.stm32_usart import Stm32Usart
from mcusim.devices.stm32_usart_v1 import Stm32UsartV1
from mcusim.devices.stm32_wwdg import Stm32Wwdg
from mcusim.devices.stm32f0_flash import Stm32F0Flash
from mcusim.devices.stm32f0_pwr import Stm32F0Pwr
from mcusim.devices.stm32f0_rcc import Stm32F0Rcc
from mcusim.devices.stm32f1_exti import Stm32F1Exti
from mcusim.devices.stm32f1_flash import Stm32F1Flash
from mcusim.devices.stm32f1_gpio import Stm32F1Gpio
from mcusim.devices.stm32f1_pwr import Stm32F1Pwr
from mcusim.devices.stm32f1_rcc import Stm32F1Rcc
from mcusim.devices.stm32f4_flash import Stm32F4Flash
from mcusim.devices.stm32f4_pwr import Stm32F4Pwr
from mcusim.devices.stm32f4_rcc import Stm32F4Rcc
from mcusim.devices.stm32f7_flash import Stm32F7Flash
from mcusim.devices.stm32f7_pwr import Stm32F7Pwr
from mcusim.devices.stm32f7_rcc import Stm32F7Rcc
from mcusim.devices.stm32g0_exti import Stm32G0Exti
from mcusim.devices.stm32g0_flash import Stm32G0Flash
from mcusim.devices.stm32g0_pwr import Stm32G0Pwr
from mcusim.devices.stm32g0_rcc import Stm32G0Rcc
from mcusim.devices.stm32h7_exti import Stm32H7Exti
from mcusim.devices.stm32h7_flash import Stm32H7Flash
from mcusim.devices.stm32h7_pwr import Stm32H7Pwr
from mcusim.devices.stm32h7_rcc import Stm32H7Rcc
from mcusim.devices.stm32l4_flash import Stm32L4Flash
from mcusim.devices.stm32l4_pwr import Stm32L4Pwr
from mcusim.devices.stm32l4_rcc import Stm32L4Rcc
from mcusim.devices.stm32u5_flash import Stm32U5Flash
from mcusim.devices.stm32u5_pwr import Stm32U5Pwr
from mcusim.devices.stm32u5_rcc import Stm32U5Rcc
from mcusim.errors import McusimError, unknown_name

DEVICES: dict[str, type[RegisterFile]] = {
    "cmsdk-dual-timer": CmsdkDualTimer,
    "cmsdk-gpio": CmsdkGpio,
    "cmsdk-timer": CmsdkTimer,
    "cmsdk-uart": CmsdkUart,
    "registers": Registers,
    "stm32-cache": Stm32Cache,
    "stm32-crc": Stm32Crc,
    "stm32-dbgmcu": Stm32Dbgmcu,
    "stm32-dma-channels": Stm32DmaChannels,
    "stm32-dma-streams": Stm32DmaStreams,
    "stm32-dma2d": Stm32Dma2d,
    "stm32-gpio": Stm32Gpio,
    "stm32-hsem": Stm32Hsem,
    "stm32-i2c-v2": Stm32I2cV2,
    "stm32-iwdg": Stm32Iwdg,
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
    "stm32-spi-v2": Stm32SpiV2,
    "stm32-timer": Stm32Timer,
    "stm32-usart-v1": Stm32UsartV1,
    "stm32-usart-v2": Stm32Usart,
    "stm32-wwdg": Stm32Wwdg,
    "stm32f0-flash": Stm32F0Flash,
    "stm32f0-pwr": Stm32F0Pwr,
    "stm32f0-rcc": Stm32F0Rcc,
    "stm32f1-exti": Stm32F1Exti,
    "stm32f1-flash": Stm32F1Flash,
    "stm32f1-gpio": Stm32F1Gpio,
    "stm32f1-pwr": Stm32F1Pwr,
    "stm32f1-rcc": Stm32F1Rcc,
    "stm32f4-flash": Stm32F4Flash,
    "stm32f4-pwr": Stm32F4Pwr,
    "stm32f4-rcc": Stm32F4Rcc,
    "stm32f7-flash": Stm32F7Flash,
    "stm32f7-pwr": Stm32F7Pwr,
    "stm32f7-rcc": Stm32F7Rcc,
    "stm32g0-exti": Stm32G0Exti,
    "stm32g0-flash": Stm32G0Flash,
    "stm32g0-pwr": Stm32G0Pwr,
    "stm32g0-rcc": Stm32G0Rcc,
    "stm32h7-exti": Stm32H7Exti,
    "stm32h7-flash": Stm32H7Flash,
    "stm32h7-pwr": Stm32H7Pwr,
    "stm32h7-rcc": Stm32H7Rcc,
    "stm32l4-flash": Stm32L4Flash,
    "stm32l4-pwr": Stm32L4Pwr,
    "stm32l4-rcc": Stm32L4Rcc,
    "stm32u5-flash": Stm32U5Flash,
    "stm32u5-pwr": Stm32U5Pwr,
    "stm32u5-rcc": Stm32U5Rcc,
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
