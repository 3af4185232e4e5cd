# SPDX-License-Identifier: Apache-2.0
"""Device models. A board file names them by `type`; `DEVICES` is the list, and a test holds it against the folder."""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Device, Host, RegisterFile
from mcusim.devices.cmsdk_uart import CmsdkUart
from mcusim.devices.registers import Registers
from mcusim.devices.stm32_crc import Stm32Crc
from mcusim.devices.stm32_dbgmcu import Stm32Dbgmcu
from mcusim.devices.stm32_dma_channels import Stm32DmaChannels
from mcusim.devices.stm32_dma_streams import Stm32DmaStreams
from mcusim.devices.stm32_gpio import Stm32Gpio
from mcusim.devices.stm32_iwdg import Stm32Iwdg
from mcusim.devices.stm32_rng import Stm32Rng
from mcusim.devices.stm32_timer import Stm32Timer
from mcusim.devices.stm32_usart import Stm32Usart
from mcusim.devices.stm32_usart_v1 import Stm32UsartV1
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
from mcusim.devices.stm32g0_exti import Stm32G0Exti
from mcusim.devices.stm32g0_flash import Stm32G0Flash
from mcusim.devices.stm32g0_pwr import Stm32G0Pwr
from mcusim.devices.stm32g0_rcc import Stm32G0Rcc
from mcusim.devices.stm32h7_exti import Stm32H7Exti
from mcusim.devices.stm32l4_flash import Stm32L4Flash
from mcusim.devices.stm32l4_pwr import Stm32L4Pwr
from mcusim.devices.stm32l4_rcc import Stm32L4Rcc
from mcusim.errors import McusimError, unknown_name

DEVICES: dict[str, type[RegisterFile]] = {
    "cmsdk-uart": CmsdkUart,
    "registers": Registers,
    "stm32-crc": Stm32Crc,
    "stm32-dbgmcu": Stm32Dbgmcu,
    "stm32-dma-channels": Stm32DmaChannels,
    "stm32-dma-streams": Stm32DmaStreams,
    "stm32-gpio": Stm32Gpio,
    "stm32-iwdg": Stm32Iwdg,
    "stm32-rng": Stm32Rng,
    "stm32-timer": Stm32Timer,
    "stm32-usart-v1": Stm32UsartV1,
    "stm32-usart-v2": Stm32Usart,
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
    "stm32g0-exti": Stm32G0Exti,
    "stm32g0-flash": Stm32G0Flash,
    "stm32g0-pwr": Stm32G0Pwr,
    "stm32g0-rcc": Stm32G0Rcc,
    "stm32h7-exti": Stm32H7Exti,
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
