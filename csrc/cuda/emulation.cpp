// The emulation's scheduler: a thread of the grid is a fiber, run until it waits or returns.
#include "cuda/emulation.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

static constexpr size_t kStack = 128 * 1024;

// ---- fibers: a stack each, changed over without a system call where we know how ----

#if defined(__x86_64__)
struct Context {
  void* stack_pointer;
};
// Pushes the registers that a function must keep, stores the stack pointer in *from and goes on at `to`.
extern "C" void pynn_change_fiber(void** from, void* to);
asm(R"(
.pushsection .text
.local pynn_change_fiber
.type pynn_change_fiber, @function
pynn_change_fiber:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size pynn_change_fiber, .-pynn_change_fiber
.popsection
)");
static void change(Context* from, Context* to) { pynn_change_fiber(&from->stack_pointer, to->stack_pointer); }
static void prepare(Context* context, char* stack, void (*entry)()) {
  auto** top = reinterpret_cast<void**>(stack + kStack);
  *--top = nullptr;  // where entry's return address would be: at entry the stack is off by 8, as after a call
  *--top = reinterpret_cast<void*>(entry);
  for (int i = 0; i < 6; ++i) *--top = nullptr;
  context->stack_pointer = top;
}
#else
struct Context {
  ucontext_t state;
};
static void change(Context* from, Context* to) { swapcontext(&from->state, &to->state); }
static void prepare(Context* context, char* stack, void (*entry)()) {
  getcontext(&context->state);
  context->state.uc_stack.ss_sp = stack;
  context->state.uc_stack.ss_size = kStack;
  context->state.uc_link = nullptr;
  makecontext(&context->state, entry, 0);
}
#endif

namespace pynn::emulation {
namespace {

// The limits of sm_80 and later that a launch must keep to; dynamic shared memory is that of sm_90.
constexpr unsigned kMostThreads = 1024, kMostInZ = 64, kMostBlocksY = 65535;
constexpr size_t kMostShared = 227 * 1024, kGuard = 64;
constexpr unsigned char kGuardByte = 0xA5;
constexpr int kWarp = 32, kNamedBarriers = 16;

// Stacks are kept for the next launch. The page below each faults.
class Stacks {
 public:
  char* take() {
    if (free_.empty()) {
      const size_t page = size_t(sysconf(_SC_PAGESIZE));
      void* block = mmap(nullptr, kStack + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (block == MAP_FAILED || mprotect(block, page, PROT_NONE) != 0) {
        std::fprintf(stderr, "no memory for the stack of an emulated thread\n");
        std::abort();
      }
      return static_cast<char*>(block) + page;
    }
    char* stack = free_.back();
    free_.pop_back();
    return stack;
  }
  void give_back(char* stack) { free_.push_back(stack); }

 private:
  std::vector<char*> free_;
};

struct Block;

struct Thread {
  Context context;
  char* stack = nullptr;
  Block* block = nullptr;
  uint3 index{};
  int linear = 0;
  bool returned = false, scheduled = false;
  const char* waits_at = nullptr;
  // At a collective of the warp:
  void* arguments = nullptr;
  unsigned mask = 0;
  Resolve resolve = nullptr;
  int named = -1;  // the named barrier it waits at
};

struct Named {
  int arrived = 0, expected = 0;
};

struct Block {
  uint3 index{};
  unsigned rank = 0;  // in its cluster
  std::vector<Thread> threads;
  std::vector<unsigned char> memory;  // dynamic shared memory with its guards
  unsigned char* shared = nullptr;
  int returned = 0, arrived = 0, votes = 0, counted = 0;
  Named named[kNamedBarriers];
};

struct State {
  Launch launch;
  const std::function<void()>* body = nullptr;
  std::vector<Block> blocks;  // those that run at once
  std::deque<Thread*> ready;
  Thread* current = nullptr;
  Context scheduler;
  Stacks stacks;
  std::string error;
  int arrived_blocks = 0;  // threads at the barrier of the cluster or grid
  Order order = Order::forward;
  bool order_read = false;
};
State& state() {
  static State the;
  return the;
}
std::mutex one_launch;

#if defined(__SANITIZE_ADDRESS__)
void* scheduler_stack_fake = nullptr;
const void* scheduler_stack = nullptr;
size_t scheduler_stack_size = 0;
#endif

void to_scheduler(bool for_good) {
  State& all = state();
#if defined(__SANITIZE_ADDRESS__)
  void* fake = nullptr;
  __sanitizer_start_switch_fiber(for_good ? nullptr : &fake, scheduler_stack, scheduler_stack_size);
#else
  (void)for_good;
#endif
  change(&all.current->context, &all.scheduler);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake, &scheduler_stack, &scheduler_stack_size);
#endif
}

void schedule(Thread* thread) {
  thread->scheduled = true;
  thread->waits_at = nullptr;
  state().ready.push_back(thread);
}

void wake_block(Block* block, const char* name) {
  for (Thread& thread : block->threads) {
    if (thread.waits_at == name) schedule(&thread);
  }
}

// Leaves the fiber until somebody schedules it.
void wait(const char* name) {
  Thread* own = state().current;
  own->waits_at = name;
  to_scheduler(false);
}

Thread* warp_of(Thread* thread) { return &thread->block->threads[size_t(thread->linear) / kWarp * kWarp]; }
int lanes_of(Thread* warp) {
  const int left = int(warp->block->threads.size()) - warp->linear;
  return left < kWarp ? left : kWarp;
}

// Runs the collective that the lanes of `mask` wait for, if all that have not returned have arrived.
bool try_resolve(Thread* warp, unsigned mask) {
  void* arguments[kWarp] = {};
  Resolve resolve = nullptr;
  unsigned present = 0;
  for (int i = 0; i < lanes_of(warp); ++i) {
    Thread& lane = warp[i];
    if (!(mask >> i & 1) || lane.returned) continue;
    if (!lane.resolve || lane.mask != mask) return false;
    resolve = lane.resolve;
    arguments[i] = lane.arguments;
    present |= 1u << i;
  }
  if (!resolve) return false;
  const char* name = nullptr;
  for (int i = 0; i < lanes_of(warp); ++i) {
    if (!(present >> i & 1)) continue;
    if (!name) name = warp[i].waits_at;
    if (std::strcmp(name, warp[i].waits_at) != 0)
      stop("lanes of one mask (%08x) are at different steps: %s and %s", mask, name, warp[i].waits_at);
  }
  resolve(arguments, present);
  for (int i = 0; i < lanes_of(warp); ++i) {
    if (!(present >> i & 1)) continue;
    warp[i].resolve = nullptr;
    if (&warp[i] != state().current) {
      schedule(&warp[i]);
    } else {
      warp[i].waits_at = nullptr;
    }
  }
  return true;
}

void enter() {
  State& all = state();
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &scheduler_stack, &scheduler_stack_size);
#endif
  Thread* own = all.current;
  (*all.body)();
  own->returned = true;
  ++own->block->returned;
  // Who waits for this lane need not any more.
  Thread* warp = warp_of(own);
  for (int i = 0; i < lanes_of(warp); ++i) {
    if (warp[i].resolve && (warp[i].mask >> (own->linear % kWarp) & 1)) try_resolve(warp, warp[i].mask);
  }
  to_scheduler(true);
}

void resume(Thread* thread) {
  State& all = state();
  all.current = thread;
  thread->scheduled = false;
  threadIdx = thread->index;
  blockIdx = thread->block->index;
  if (!thread->stack) {
    thread->stack = all.stacks.take();
    prepare(&thread->context, thread->stack, &enter);
  }
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&scheduler_stack_fake, thread->stack, kStack);
#endif
  change(&all.scheduler, &thread->context);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(scheduler_stack_fake, nullptr, nullptr);
#endif
  if (thread->returned) {
    all.stacks.give_back(thread->stack);
    thread->stack = nullptr;
  }
}

std::string place_of(const Thread& thread) {
  char text[160];
  std::snprintf(text, sizeof text, "thread (%u, %u, %u) of block (%u, %u, %u)", thread.index.x, thread.index.y,
                thread.index.z, thread.block->index.x, thread.block->index.y, thread.block->index.z);
  return text;
}

void start_block(Block* block, const Launch& launch, uint3 index, unsigned rank) {
  block->index = index;
  block->rank = rank;
  block->returned = block->arrived = block->votes = 0;
  for (Named& named : block->named) named = Named();
  const size_t bytes = launch.shared_bytes + kGuard + 1024;
  block->memory.assign(bytes, 0xFF);
  block->shared = block->memory.data() + (1024 - reinterpret_cast<uintptr_t>(block->memory.data()) % 1024) % 1024;
  std::memset(block->shared + launch.shared_bytes, kGuardByte, kGuard);
  block->threads.assign(size_t(launch.block.x) * launch.block.y * launch.block.z, Thread());
  int linear = 0;
  for (unsigned z = 0; z < launch.block.z; ++z) {
    for (unsigned y = 0; y < launch.block.y; ++y) {
      for (unsigned x = 0; x < launch.block.x; ++x, ++linear) {
        Thread& thread = block->threads[size_t(linear)];
        thread.block = block;
        thread.index = {x, y, z};
        thread.linear = linear;
        schedule(&thread);
      }
    }
  }
}

// Runs what is ready until nothing is; then all must have returned.
void run_blocks() {
  State& all = state();
  while (!all.ready.empty() && all.error.empty()) {
    Thread* next;
    if (all.order == Order::forward) {
      next = all.ready.front();
      all.ready.pop_front();
    } else {
      next = all.ready.back();
      all.ready.pop_back();
    }
    resume(next);
  }
  if (all.error.empty()) {
    for (const Block& block : all.blocks) {
      if (block.returned == int(block.threads.size())) continue;
      for (const Thread& thread : block.threads) {
        if (thread.returned) continue;
        all.error = place_of(thread) + " waits at " + thread.waits_at + " for ever: " +
                    std::to_string(block.returned) + " of its block's " + std::to_string(block.threads.size()) +
                    " threads returned, or the others wait elsewhere";
        break;
      }
      break;
    }
  }
  for (Block& block : all.blocks) {
    for (Thread& thread : block.threads) {
      if (thread.stack) all.stacks.give_back(thread.stack);  // abandoned: kernels own nothing to destroy
      thread.stack = nullptr;
    }
    for (size_t i = 0; i < kGuard && all.error.empty(); ++i) {
      if (block.shared[all.launch.shared_bytes + i] != kGuardByte) {
        all.error = "block (" + std::to_string(block.index.x) + ", " + std::to_string(block.index.y) + ", " +
                    std::to_string(block.index.z) + ") wrote past its " + std::to_string(all.launch.shared_bytes) +
                    " bytes of dynamic shared memory";
      }
    }
  }
  all.ready.clear();
  all.current = nullptr;
}

std::string wrong_with(const Launch& launch) {
  const auto text = [](const dim3& d) {
    return "(" + std::to_string(d.x) + ", " + std::to_string(d.y) + ", " + std::to_string(d.z) + ")";
  };
  const uint64_t threads = uint64_t(launch.block.x) * launch.block.y * launch.block.z;
  if (threads < 1 || threads > kMostThreads || launch.block.z > kMostInZ)
    return "a block of " + text(launch.block) + " threads; 1 to 1024, z at most 64";
  if (launch.grid.x > 0x7fffffffu || launch.grid.y > kMostBlocksY || launch.grid.z > kMostBlocksY)
    return "a grid of " + text(launch.grid) + " blocks; at most (2^31 - 1, 65535, 65535)";
  if (launch.shared_bytes > kMostShared)
    return std::to_string(launch.shared_bytes) + " bytes of dynamic shared memory; at most 232448";
  if (launch.cluster < 1 || launch.cluster > 16 || launch.grid.x % launch.cluster != 0)
    return "clusters of " + std::to_string(launch.cluster) + " blocks in a grid of " + text(launch.grid) +
           "; 1 to 16, a divisor of x";
  return "";
}

}  // namespace

std::string run(const Launch& launch, const std::function<void()>& body) {
  const std::string wrong = wrong_with(launch);
  if (!wrong.empty()) return wrong;
  const std::lock_guard<std::mutex> only(one_launch);
  State& all = state();
  if (!all.order_read) {
    const char* order = std::getenv("PYNN_EMULATION_ORDER");
    if (order && std::strcmp(order, "reverse") == 0) all.order = Order::reverse;
    all.order_read = true;
  }
  all.launch = launch;
  all.body = &body;
  all.error.clear();
  gridDim = launch.grid;
  blockDim = launch.block;
  const uint64_t total = uint64_t(launch.grid.x) * launch.grid.y * launch.grid.z;
  const uint64_t at_once = launch.cooperative ? total : launch.cluster;
  all.blocks.resize(size_t(at_once));
  for (uint64_t first = 0; first < total && all.error.empty(); first += at_once) {
    all.arrived_blocks = 0;
    for (uint64_t i = 0; i < at_once; ++i) {
      const uint64_t linear = first + i;
      const uint3 index = {unsigned(linear % launch.grid.x), unsigned(linear / launch.grid.x % launch.grid.y),
                           unsigned(linear / launch.grid.x / launch.grid.y)};
      start_block(&all.blocks[size_t(i)], launch, index, index.x % launch.cluster);
    }
    run_blocks();
  }
  return all.error;
}

void set_order(Order order) {
  state().order = order;
  state().order_read = true;
}

void* dynamic_shared() { return state().current->block->shared; }
void* dynamic_shared_of(unsigned rank) {
  State& all = state();
  if (rank >= all.launch.cluster) stop("block %u of a cluster of %u", rank, all.launch.cluster);
  const Block* own = all.current->block;
  return all.blocks[size_t(own - all.blocks.data()) - own->rank + rank].shared;
}
unsigned cluster_rank() { return state().current->block->rank; }
unsigned lane() { return unsigned(state().current->linear % kWarp); }
unsigned active_mask() {
  Thread* warp = warp_of(state().current);
  unsigned mask = 0;
  for (int i = 0; i < lanes_of(warp); ++i) mask |= warp[i].returned ? 0 : 1u << i;
  return mask;
}

void block_barrier(const char* name) {
  Block* block = state().current->block;
  if (block->returned > 0) {
    stop("%s after %d of the block's %zu threads returned: all must reach it", name, block->returned,
         block->threads.size());
  }
  if (++block->arrived == int(block->threads.size())) {
    block->arrived = 0;
    wake_block(block, name);
  } else {
    wait(name);
  }
}

int block_count(int predicate) {
  Block* block = state().current->block;
  block->votes += predicate != 0;
  if (block->arrived + 1 == int(block->threads.size())) {
    block->counted = block->votes;
    block->votes = 0;
  }
  block_barrier("a vote of the block");
  return block->counted;
}

void named_barrier(int id, int threads) {
  static const char* const kName = "a named barrier";
  Block* block = state().current->block;
  if (id < 0 || id >= kNamedBarriers || threads % kWarp != 0)
    stop("named barrier %d of %d threads; 0 to 15, whole warps", id, threads);
  Named& barrier = block->named[id];
  if (barrier.arrived > 0 && barrier.expected != threads)
    stop("named barrier %d is told of %d and of %d threads", id, barrier.expected, threads);
  barrier.expected = threads;
  if (++barrier.arrived == threads) {
    barrier.arrived = 0;
    for (Thread& thread : block->threads) {
      if (thread.waits_at == kName && thread.named == id) schedule(&thread);
    }
  } else {
    state().current->named = id;
    wait(kName);
  }
}

namespace {
// Of all threads of the blocks that run at once.
void wide_barrier(const char* name) {
  State& all = state();
  const int total = int(all.blocks.size() * all.blocks[0].threads.size());
  if (++all.arrived_blocks < total) return wait(name);
  all.arrived_blocks = 0;
  for (Block& block : all.blocks) wake_block(&block, name);
}
}  // namespace

void grid_barrier() {
  if (!state().launch.cooperative) stop("a barrier of the grid in a launch that is not cooperative");
  wide_barrier("the grid's barrier");
}
void cluster_barrier() {
  if (state().launch.cooperative) stop("a barrier of the cluster in a cooperative launch");
  wide_barrier("the cluster's barrier");
}

void pause() {
  Thread* own = state().current;
  if (own->returned) return;
  State& all = state();
  if (all.order == Order::forward) {
    schedule(own);
  } else {  // behind all others, which in this order is in front
    own->scheduled = true;
    all.ready.push_front(own);
  }
  to_scheduler(false);
}

void collective(const char* name, unsigned mask, void* arguments, Resolve resolve) {
  Thread* own = state().current;
  if (!(mask >> lane() & 1)) stop("%s with mask %08x, in which its own lane %u is not", name, mask, lane());
  own->waits_at = name;
  own->arguments = arguments;
  own->mask = mask;
  own->resolve = resolve;
  if (!try_resolve(warp_of(own), mask)) to_scheduler(false);
}

void stop(const char* format, ...) {
  State& all = state();
  char text[512];
  va_list values;
  va_start(values, format);
  std::vsnprintf(text, sizeof text, format, values);
  va_end(values);
  all.error = place_of(*all.current) + ": " + text;
  to_scheduler(true);
  std::abort();  // not reached: an ended launch resumes nobody
}

}  // namespace pynn::emulation
