/* SPDX-License-Identifier: Apache-2.0 */
/* The console of STM32 families whose USARTs have ISR and TDR (ST RM0385, RM0433, RM0456: USART_CR1, _BRR, _ISR, _TDR)
   and whose ports have MODER (GPIO_MODER, _AFRL, _AFRH). Before this is included, a family's header defines USART (its
   base), USART_HZ (its kernel clock), TX_PORT (the port's base), TX_PIN, TX_FUNCTION, and console_clocks(). */
#define GPIO_MODER REGISTER(TX_PORT + 0x00u)
#define GPIO_AFR REGISTER(TX_PORT + 0x20u + 4u * (TX_PIN / 8u))
#define GPIO_ALTERNATE 2u
#define USART_CR1 REGISTER(USART + 0x00u)
#define USART_BRR REGISTER(USART + 0x0Cu)
#define USART_ISR REGISTER(USART + 0x1Cu)
#define USART_TDR REGISTER(USART + 0x28u)
#define USART_CR1_UE (1u << 0)
#define USART_CR1_TE (1u << 3)
#define USART_ISR_TC (1u << 6)
#define USART_ISR_TXE (1u << 7)
#define USART_ISR_TEACK (1u << 21)

void board_console_init(void)
{
    console_clocks();
    GPIO_AFR = (GPIO_AFR & ~(15u << 4u * (TX_PIN % 8u))) | TX_FUNCTION << 4u * (TX_PIN % 8u);
    GPIO_MODER = (GPIO_MODER & ~(3u << 2u * TX_PIN)) | GPIO_ALTERNATE << 2u * TX_PIN;
    USART_BRR = (USART_HZ + 57600u) / 115200u;
    USART_CR1 = USART_CR1_UE | USART_CR1_TE;
    while (!(USART_ISR & USART_ISR_TEACK))
        ;
}

void board_putc(char character)
{
    while (!(USART_ISR & USART_ISR_TXE))
        ;
    USART_TDR = (uint8_t)character;
}

void board_flush(void)
{
    while (!(USART_ISR & USART_ISR_TC))
        ;
}
