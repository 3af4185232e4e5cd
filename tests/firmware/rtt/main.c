/* SPDX-License-Identifier: Apache-2.0 */
/* Prints through ITM stimulus port 0 and a ring buffer as SEGGER RTT has it, waiting whenever it is full: so it ends
   only if somebody reads. Layout of the control block: SEGGER UM08001, "RTT implementation". */
#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define ITM_PORT(number) REGISTER(0xE0000000u + 4 * (number))
#define ITM_PORT_BYTE(number) (*(volatile uint8_t *)(0xE0000000u + 4 * (number)))
#define ITM_TER REGISTER(0xE0000E00u)
#define ITM_TCR REGISTER(0xE0000E80u)
#define DEMCR REGISTER(0xE000EDFCu)
#define DEMCR_TRCENA (1u << 24)

struct channel {
    const char *name;
    char *buffer;
    uint32_t size;
    volatile uint32_t write, read;
    uint32_t flags;
};

struct control_block {
    char identification[16];
    int32_t up_channels, down_channels;
    struct channel up[2], down[1];
};

extern struct control_block _SEGGER_RTT;
struct control_block _SEGGER_RTT;
static char ring[16], other_ring[16];

static void rtt_init(void)
{
    static const char backwards[] = "TTR REGGES"; /* so that flash does not hold what a probe looks for */
    _SEGGER_RTT.up_channels = 2;
    _SEGGER_RTT.down_channels = 1;
    _SEGGER_RTT.up[0] = (struct channel){"Terminal", ring, sizeof ring, 0, 0, 2};
    _SEGGER_RTT.up[1] = (struct channel){"data", other_ring, sizeof other_ring, 0, 0, 0};
    for (uint32_t index = 0; index < sizeof backwards - 1; index++)
        _SEGGER_RTT.identification[sizeof backwards - 2 - index] = backwards[index];
}

static void rtt_print(const char *text)
{
    struct channel *up = &_SEGGER_RTT.up[0];
    while (*text) {
        uint32_t next = (up->write + 1) % up->size;
        while (next == up->read)
            ;
        up->buffer[up->write] = *text++;
        up->write = next;
    }
}

static void itm_print(const char *text)
{
    for (; *text; text++) {
        while (!ITM_PORT(0))
            ;
        ITM_PORT_BYTE(0) = (uint8_t)*text;
    }
}

int main(void)
{
    ITM_PORT_BYTE(0) = '!'; /* not enabled: nobody sees it */
    DEMCR |= DEMCR_TRCENA;
    ITM_TCR = 1;
    ITM_TER = 3;
    itm_print("itm: port 0\n");
    ITM_PORT(0) = 0x0A6B6F20; /* " ok\n" */
    ITM_PORT(1) = 1;
    rtt_init();
    rtt_print("rtt: longer than the ring, which is full now and then\n");
    _SEGGER_RTT.up[1].write = 3;
    rtt_print("rtt: end\n");
    return 0;
}
