// CUDA on a CPU, as far as the kernels use it: their GPU branch, as it is, compiled by a C++ compiler.
//
// Every thread of a block is a fiber that runs until its next barrier. Blocks run one after the other, threads in an
// order drawn from a seed (0: from the first, 1: from the last, else at random, a warp often far ahead of the others).
// What a device would leave to chance is told instead:
//  - barriers that not all threads reach, or that they reach at different places; masks that name a lane which has
//    returned, is elsewhere, or does not exist; a lane read that the mask does not name;
//  - each read and write of memory (the compiler calls __tsan_... for it, functions that stand here instead of those of
//    the thread sanitizer): two threads at one place, one of them writing, with no barrier in between; what is read of
//    shared memory before it is written; what lies in no array, nor in shared memory. A large launch is watched so only
//    for its first blocks, since that is slow.
#include <algorithm>
#include <cmath>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>
#include <ucontext.h>

#define __CUDACC__ 1  // after the headers of the C++ library, which ask for it themselves
#define __global__
#define __device__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __shared__ static __attribute__((section("shared_memory")))

#define UNSEEN static __attribute__((no_sanitize("thread"), noinline))

namespace cuda {

struct Index { unsigned x; };
enum State { RUNS, AT_WARP, AT_BLOCK, RETURNED };
enum Exchange { NOTHING, VALUE, VOTE };
constexpr size_t STACK = 128 * 1024;
constexpr unsigned ALL = 0xffffffffu;
constexpr int64_t MOST_VISITS = 200'000;  // of a launch to memory; blocks after these are not watched

struct Thread {
    Index threadIdx;
    State state;
    bool started;
    unsigned mask, line, from;  // of the barrier it waits at, and the lane it reads there
    Exchange what;
    uint64_t offered, received;
    ucontext_t start;
    jmp_buf at;
    std::unique_ptr<char[]> stack{new char[STACK]};
};

// Who was at a place of memory last. Readers of more than one warp, or lane, count as MANY.
struct Place {
    static constexpr int MANY = -2;
    int64_t written_in = -1, read_in = -1;        // block
    uint64_t write_step, read_step;               // barriers of the block so far
    uint64_t write_turn, read_turn;               // barriers of the warp so far
    int writer, reader, reader_warp;
};

static std::vector<std::unique_ptr<Thread>> pool;  // threads of all launches: their stacks are used again
static std::vector<Thread *> threads;              // of the block at work
static std::vector<uint64_t> turns;                // barriers of each of its warps so far
static Thread *current;
static jmp_buf scheduler;
static Index block_index, block_dim, grid_dim;
static uint64_t step;
static std::vector<char> dynamic;
static char *dynamic_start;
static std::vector<std::pair<uintptr_t, uintptr_t>> arrays;  // first byte, and the one after the last
static std::unordered_map<uintptr_t, Place> places;
static void (*body)(void *);
static void *body_of;
static std::string fault;
static int64_t visits;
static bool watches;  // what the threads of this block read and write
static bool watched;  // so, and it is the kernel that is at work, not this file
UNSEEN void watch(bool kernel) { watched = kernel && watches; }
__attribute__((section("shared_memory"), used)) static char first_byte = 0;
extern "C" char __start_shared_memory, __stop_shared_memory;

inline size_t number_of(const Thread &t) { return t.threadIdx.x; }
inline void tell(const std::string &what, size_t thread, unsigned line) {
    if (!fault.empty()) return;
    fault = what + " (block " + std::to_string(block_index.x) + ", thread " + std::to_string(thread);
    if (line) fault += ", line " + std::to_string(line);
    fault += ")";
}

inline void begin() {
    void (*const kernel)(void *) = body;
    void *const arguments = body_of;
    watch(true);
    kernel(arguments);
    watch(false);
    current->state = RETURNED;
    _longjmp(scheduler, 1);
}
inline void proceed(Thread &t) {
    current = &t;
    if (_setjmp(scheduler)) return;
    if (t.started) _longjmp(t.at, 1);
    t.started = true;
    setcontext(&t.start);
}

inline uint64_t wait(State state, unsigned mask, unsigned line, Exchange what = NOTHING, uint64_t offered = 0, unsigned from = 0) {
    watch(false);
    Thread &t = *current;
    t.state = state, t.mask = mask, t.line = line, t.what = what, t.offered = offered, t.from = from;
    if (!_setjmp(t.at)) _longjmp(scheduler, 1);
    const uint64_t received = current->received;
    watch(true);
    return received;
}

// The last lane that a mask names has come: hand over what each reads, and let all go on.
inline void exchange(size_t warp, unsigned mask) {
    uint64_t vote = 0;
    for (unsigned lane = 0; lane < 32; ++lane)
        if (mask >> lane & 1u) vote |= (threads[warp * 32 + lane]->offered & 1u) << lane;
    for (unsigned lane = 0; lane < 32; ++lane) {
        if (!(mask >> lane & 1u)) continue;
        Thread &t = *threads[warp * 32 + lane];
        t.state = RUNS;
        if (t.what == VOTE) t.received = vote;
        if (t.what != VALUE) continue;
        if (t.from > 31) { t.received = t.offered; continue; }  // beyond the warp: a lane keeps its own
        if (!(mask >> t.from & 1u)) tell("a lane reads one that the mask does not name", number_of(t), t.line);
        else t.received = threads[warp * 32 + t.from]->offered;
    }
    ++turns[warp];
}
// Let go those lanes of a warp that have all come to one barrier; where nothing else can go on, tell what they miss.
inline bool meet(size_t warp, bool nothing_runs) {
    const size_t start = warp * 32, end = std::min(threads.size(), start + 32);
    for (size_t i = start; i < end; ++i) {
        const Thread &t = *threads[i];
        if (t.state != AT_WARP) continue;
        if (!(t.mask >> (i - start) & 1u)) return tell("a mask does not name the lane that calls with it", i, t.line), false;
        const char *missing = nullptr;
        for (unsigned lane = 0; lane < 32 && !missing; ++lane) {
            if (!(t.mask >> lane & 1u)) continue;
            if (start + lane >= end) return tell("a mask names a lane that the block does not have", i, t.line), false;
            const Thread &other = *threads[start + lane];
            if (other.state == RETURNED) return tell("a mask names a lane that has returned", i, t.line), false;
            if (other.state != AT_WARP || other.mask != t.mask || other.line != t.line || other.what != t.what)
                missing = "a lane that a mask names is at another barrier";
        }
        if (!missing) return exchange(warp, t.mask), true;
        if (nothing_runs) return tell(missing, i, t.line), false;
    }
    return false;
}
inline void meet_as_block() {
    const Thread *first = nullptr;
    for (const Thread *t : threads) {
        if (t->state != AT_BLOCK) continue;
        if (first && t->line != first->line)
            return tell("threads wait at different barriers of the block, one at line " + std::to_string(first->line), number_of(*t), t->line);
        first = t;
    }
    for (const Thread *t : threads) {
        if (t->state == RETURNED) return tell("a thread has returned without the barrier of the block at line " + std::to_string(first->line), number_of(*t), 0);
        if (t->state != AT_BLOCK) return tell("a thread is not at the barrier of the block", number_of(*t), t->line);
    }
    for (Thread *t : threads) t->state = RUNS;
    ++step;
}

inline void run_block(std::mt19937_64 &random, int seed) {
    std::fill(dynamic.begin(), dynamic.end(), (char)0xCB);
    memset(&__start_shared_memory, 0xCB, &__stop_shared_memory - &__start_shared_memory);
    for (size_t i = 0; i < threads.size(); ++i) {
        Thread &t = *threads[i];
        t.threadIdx = {(unsigned)i}, t.state = RUNS, t.started = false;
        getcontext(&t.start);
        t.start.uc_stack.ss_sp = t.stack.get(), t.start.uc_stack.ss_size = STACK, t.start.uc_link = nullptr;
        makecontext(&t.start, begin, 0);
    }
    watches = visits < MOST_VISITS;
    turns.assign((threads.size() + 31) / 32, 0), step = 0;
    std::vector<size_t> ready, lanes;
    size_t ahead = 0;
    const auto runs = [](const Thread *t) { return t->state == RUNS; };
    for (;;) {
        ready.clear();
        for (size_t w = 0; w < turns.size(); ++w)
            if (std::any_of(&threads[w * 32], &threads[0] + std::min(threads.size(), w * 32 + 32), runs)) ready.push_back(w);
        if (ready.empty()) {
            if (std::all_of(threads.begin(), threads.end(), [](const Thread *t) { return t->state == RETURNED; })) return;
            for (size_t w = 0; w < turns.size() && fault.empty(); ++w) meet(w, true);
            if (fault.empty()) meet_as_block();
            if (!fault.empty()) return;
            continue;
        }
        const bool stays = random() % 16 && std::count(ready.begin(), ready.end(), ahead);
        if (seed == 0) ahead = ready.front();
        else if (seed == 1) ahead = ready.back();
        else if (!stays) ahead = ready[random() % ready.size()];
        lanes.clear();
        for (size_t i = ahead * 32; i < std::min(threads.size(), ahead * 32 + 32); ++i) if (runs(threads[i])) lanes.push_back(i);
        if (seed == 1) std::reverse(lanes.begin(), lanes.end());
        if (seed > 1) std::shuffle(lanes.begin(), lanes.end(), random);
        for (size_t i : lanes) {
            proceed(*threads[i]);
            if (!fault.empty()) return;
        }
        while (meet(ahead, false)) {}
        if (!fault.empty()) return;
    }
}

// A kernel at a place of memory.
inline void visit(uintptr_t at, size_t size, bool writes) {
    const auto inside = [&](const void *start, size_t length) { return at - (uintptr_t)start < length; };
    if (inside(current->stack.get(), STACK)) return;
    const bool shared = inside(&__start_shared_memory, &__stop_shared_memory - &__start_shared_memory) ||
                        (!dynamic.empty() && inside(dynamic.data(), dynamic.size()));
    const auto holds = [&](const auto &array) { return at >= array.first && at + size <= array.second; };
    if (!shared && std::none_of(arrays.begin(), arrays.end(), holds)) {
        tell(writes ? "writes outside of all arrays" : "reads outside of all arrays", number_of(*current), 0);
        _longjmp(scheduler, 1);
    }
    ++visits;
    Place &p = places[at];
    const int64_t block = block_index.x;
    const int me = (int)number_of(*current), warp = me / 32;
    const uint64_t turn = turns[warp];
    if (shared && p.written_in != block) {
        if (!writes) tell("reads shared memory that no thread has written", me, 0);
        p.read_in = -1;
    }
    // Another thread with nothing in between: no barrier of the block, nor one of the warp that both belong to.
    const auto unordered = [&](int64_t in, int who, int of_warp, uint64_t then_step, uint64_t then_turn) {
        if (in < 0) return false;
        if (in != block) return !shared;
        return then_step == step && who != me && (of_warp != warp || then_turn == turn);
    };
    if (unordered(p.written_in, p.writer, p.writer / 32, p.write_step, p.write_turn))
        tell(writes ? "two threads write to one place with no barrier in between" : "reads what another thread writes with no barrier in between", me, 0);
    if (writes) {
        if (unordered(p.read_in, p.reader, p.reader_warp, p.read_step, p.read_turn))
            tell("writes what another thread reads with no barrier in between", me, 0);
        p.written_in = block, p.writer = me, p.write_step = step, p.write_turn = turn;
        return;
    }
    const bool again = p.read_in == block && p.read_step == step;
    const bool same_warp = p.reader_warp == warp, same_turn = same_warp && p.read_turn == turn;
    p.reader = again && !(same_turn && p.reader == me) && (same_turn || !same_warp) ? Place::MANY : me;
    p.reader_warp = again && !same_warp ? Place::MANY : warp;
    p.read_in = p.read_in >= 0 && p.read_in != block && !shared ? INT64_MAX : block;
    p.read_step = step, p.read_turn = turn;
}

template <class... A, size_t... I>
const char *launch(void (*kernel)(A...), unsigned most, const int64_t *shape, void **arguments, const uintptr_t *bounds, std::index_sequence<I...>) {
    // As the driver does: of each argument, so many bytes are read as the parameter has.
    std::tuple<A...> given{*static_cast<A *>(arguments[I])...};
    struct Call { void (*kernel)(A...); decltype(given) *values; } call{kernel, &given};
    body = [](void *of) { const Call &c = *static_cast<Call *>(of); std::apply(c.kernel, *c.values); };
    body_of = &call;
    const int64_t grid = shape[0], block = shape[1], seed = shape[3];
    fault.clear(), arrays.clear(), places.clear(), threads.clear(), visits = 0;
    for (int64_t i = 0; i < shape[4]; ++i) arrays.emplace_back(bounds[2 * i], bounds[2 * i + 1]);
    arrays.emplace_back((uintptr_t)&given, (uintptr_t)(&given + 1));
    arrays.emplace_back((uintptr_t)&call, (uintptr_t)(&call + 1));
    if (block < 1 || block > most) return "more threads in a block than its launch bounds allow";
    if (grid < 1 || grid > 2147483647) return "a grid that no driver takes";
    while ((int64_t)pool.size() < block) pool.push_back(std::make_unique<Thread>());
    for (int64_t i = 0; i < block; ++i) threads.push_back(pool[i].get());
    dynamic.resize(shape[2]), dynamic_start = dynamic.data();
    block_dim = {(unsigned)block}, grid_dim = {(unsigned)grid};
    std::mt19937_64 random(seed);
    std::vector<unsigned> order(grid);
    for (unsigned b = 0; b < grid; ++b) order[b] = b;
    if (seed == 1) std::reverse(order.begin(), order.end());
    if (seed > 1) std::shuffle(order.begin(), order.end(), random);
    for (unsigned b : order) {
        block_index = {b};
        run_block(random, (int)seed);
        if (!fault.empty()) return fault.c_str();
    }
    return nullptr;
}
template <class... A>
const char *launch(void (*kernel)(A...), unsigned most, const int64_t *shape, void **arguments, const uintptr_t *bounds) {
    return launch(kernel, most, shape, arguments, bounds, std::index_sequence_for<A...>{});
}

template <class T>
T read_lane(unsigned mask, T x, unsigned from, unsigned line) {
    static_assert(sizeof(T) <= 8);
    uint64_t bits = 0;
    memcpy(&bits, &x, sizeof x);
    bits = wait(AT_WARP, mask, line, VALUE, bits, from);
    memcpy(&x, &bits, sizeof x);
    return x;
}
UNSEEN Index thread_index() { return current->threadIdx; }
UNSEEN Index block_at_work() { return block_index; }
UNSEEN Index threads_of_block() { return block_dim; }
UNSEEN Index blocks_of_grid() { return grid_dim; }
UNSEEN char *dynamic_memory() { return dynamic_start; }
inline unsigned lane() { return thread_index().x % 32; }
template <class T> T *dynamic_shared() { return reinterpret_cast<T *>(dynamic_memory()); }

}  // namespace cuda

// What the thread sanitizer makes the compiler call; deaf while this file is at work.
#define CALLED extern "C" __attribute__((no_sanitize("thread"), noinline, used))
#define VISIT(name, size, writes)                      \
    CALLED void name(void *at) {                       \
        if (!cuda::watched) return;                    \
        cuda::watched = false;                         \
        cuda::visit((uintptr_t)at, size, writes);      \
        cuda::watched = true;                          \
    }
VISIT(__tsan_read1, 1, false) VISIT(__tsan_read2, 2, false) VISIT(__tsan_read4, 4, false) VISIT(__tsan_read8, 8, false)
VISIT(__tsan_write1, 1, true) VISIT(__tsan_write2, 2, true) VISIT(__tsan_write4, 4, true) VISIT(__tsan_write8, 8, true)
CALLED void __tsan_read16(void *at) { __tsan_read8(at), __tsan_read8((char *)at + 8); }
CALLED void __tsan_write16(void *at) { __tsan_write8(at), __tsan_write8((char *)at + 8); }
CALLED void __tsan_read_range(void *at, size_t size) { for (size_t i = 0; i + 8 <= size; i += 8) __tsan_read8((char *)at + i); }
CALLED void __tsan_write_range(void *at, size_t size) { for (size_t i = 0; i + 8 <= size; i += 8) __tsan_write8((char *)at + i); }
CALLED void __tsan_init() {}
CALLED void __tsan_func_entry(void *) {}
CALLED void __tsan_func_exit() {}

#define threadIdx (cuda::thread_index())
#define blockIdx (cuda::block_at_work())
#define blockDim (cuda::threads_of_block())
#define gridDim (cuda::blocks_of_grid())
static inline void __syncthreads(unsigned line = __builtin_LINE()) { cuda::wait(cuda::AT_BLOCK, 0, line); }
static inline void __syncwarp(unsigned mask = cuda::ALL, unsigned line = __builtin_LINE()) { cuda::wait(cuda::AT_WARP, mask, line); }
template <class T> T __shfl_down_sync(unsigned mask, T x, unsigned by, unsigned line = __builtin_LINE()) {
    return cuda::read_lane(mask, x, cuda::lane() + by, line);
}
template <class T> T __shfl_up_sync(unsigned mask, T x, unsigned by, unsigned line = __builtin_LINE()) {
    return cuda::read_lane(mask, x, cuda::lane() - by, line);
}
template <class T> T __shfl_xor_sync(unsigned mask, T x, unsigned by, unsigned line = __builtin_LINE()) {
    return cuda::read_lane(mask, x, cuda::lane() ^ by, line);
}
template <class T> T __shfl_sync(unsigned mask, T x, unsigned from, unsigned line = __builtin_LINE()) {
    return cuda::read_lane(mask, x, from, line);
}
static inline unsigned __ballot_sync(unsigned mask, bool holds, unsigned line = __builtin_LINE()) {
    return (unsigned)cuda::wait(cuda::AT_WARP, mask, line, cuda::VOTE, holds);
}
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline double __longlong_as_double(long long x) { double y; memcpy(&y, &x, 8); return y; }

// exp(x^2) erfc(x): of long doubles where the exponential has room, by Laplace's continued fraction beyond.
static inline double erfcx(double x) {
    const long double y = x;
    if (x < 8.0) return (double)(expl(y * y) * erfcl(y));
    long double f = y;
    for (int k = 60; k > 0 && x < 1e8; --k) f = y + 0.5L * k / f;
    return (double)(0.564189583547756286948L / f);  // over the root of pi
}
