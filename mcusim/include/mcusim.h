/* SPDX-License-Identifier: Apache-2.0 */
/* Marks parts of a firmware as layers for mcusim's profile: the simulator sees calls of the two functions below, by
   their symbols. On silicon they are two near-empty functions that return at once.

       MCUSIM_LAYER("conv 1") {              the block that follows, C99 or C++11; also when it is left by return,
           convolve(input, output);          break, continue, goto or (C++) an exception
       }

       void convolve(...) {                  the rest of the enclosing block
           MCUSIM_LAYER_SCOPE("conv 1");
           ...
       }

       mcusim::Layer layer("conv 1");        the same in C++, as an object

       mcusim_layer_begin("conv 1");         by hand: every begin needs its end, on every way out
       mcusim_layer_end();

   Layers nest. `break` and `continue` in the block of MCUSIM_LAYER leave that block, not a loop around it. longjmp runs
   no end: mcusim closes the layers of the functions that it leaves. Names are read when the layer begins, up to a zero
   byte, and may stand anywhere in memory.

   With MCUSIM_OFF defined before it is included, the header leaves nothing in the firmware.

   Needs GCC, Clang or a compiler that knows their attributes. docs/markers.md of mcusim says more. */
#ifndef MCUSIM_H
#define MCUSIM_H

#define MCUSIM_JOIN_(a, b) a##b
#define MCUSIM_JOIN(a, b) MCUSIM_JOIN_(a, b)

#if defined(MCUSIM_OFF)

/* Still a loop of one turn: break and continue in its block mean the same. */
#define mcusim_layer_begin(name) ((void)(name))
#define mcusim_layer_end() ((void)0)
#define MCUSIM_LAYER_(open, name) for (int open = ((void)(name), 1); open; open = 0)
#define MCUSIM_LAYER(name) MCUSIM_LAYER_(MCUSIM_JOIN(mcusim_open_, __LINE__), name)
#define MCUSIM_LAYER_SCOPE(name) ((void)(name))

#elif !defined(__GNUC__)

#error "mcusim.h needs GCC, Clang or a compiler that knows their attributes; define MCUSIM_OFF to do without its layers"

#else

/* Never inlined, cloned, merged or left without their argument, link-time optimisation included. Weak: however many
   files include this, one copy is linked, and no optimiser may look inside a function that could be replaced. */
#if defined(__has_attribute)
#if __has_attribute(noipa)
#define MCUSIM_KEPT __attribute__((weak, used, noinline, noipa))
#endif
#endif
#if !defined(MCUSIM_KEPT)
#define MCUSIM_KEPT __attribute__((weak, used, noinline))
#endif

/* Bodies that differ from each other and from any empty function, so that no linker folds them into one. */
#if defined(__arm__)
#define MCUSIM_BODY(instruction) instruction
#else
#define MCUSIM_BODY(instruction) ""
#endif

#if defined(__cplusplus)
extern "C" {
#endif

void mcusim_layer_begin(const char *name);
void mcusim_layer_end(void);

/* Begins a layer. `name` is in r0 at the first instruction. */
MCUSIM_KEPT void mcusim_layer_begin(const char *name)
{
    __asm__ volatile(MCUSIM_BODY("mov r10, r10") : : "r"(name) : "memory");
}

/* Ends the layer that began last. */
MCUSIM_KEPT void mcusim_layer_end(void)
{
    __asm__ volatile(MCUSIM_BODY("mov r11, r11") : : : "memory");
}

#if defined(__cplusplus)
}
#endif

static inline void mcusim_layer_leave(const int *open)
{
    (void)open;
    mcusim_layer_end();
}

#define MCUSIM_OPEN __attribute__((cleanup(mcusim_layer_leave), unused)) int

/* A loop of one turn, whose variable ends the layer when it goes out of scope. */
#define MCUSIM_LAYER_(open, name) for (MCUSIM_OPEN open = (mcusim_layer_begin(name), 1); open; open = 0)
#define MCUSIM_LAYER(name) MCUSIM_LAYER_(MCUSIM_JOIN(mcusim_open_, __LINE__), name)
#define MCUSIM_LAYER_SCOPE(name) MCUSIM_OPEN MCUSIM_JOIN(mcusim_open_, __LINE__) = (mcusim_layer_begin(name), 1)

#endif

#if defined(__cplusplus) && __cplusplus >= 201103L

namespace mcusim
{
/* A layer from here to the end of the block. It needs a name of its own: a temporary would end at once. */
class Layer
{
public:
    explicit Layer(const char *name) noexcept { mcusim_layer_begin(name); }
    ~Layer() { mcusim_layer_end(); }
    Layer(const Layer &) = delete;
    Layer &operator=(const Layer &) = delete;
};
} // namespace mcusim

#endif
#endif
