#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/arena.h"
#include "base/isa.h"
#include "base/pool.h"
#include "base/status.h"
#include "base/testing.h"

using namespace pynn;
using namespace pynn::testing;

namespace {

template <class F>
int in_child(const F& f) {
  std::fflush(stdout);
  const pid_t pid = fork();
  if (pid == 0) {
    alarm(20);  // a hang is a failure
    _exit(f() ? 0 : 1);
  }
  int status = -1;
  waitpid(pid, &status, 0);
  return status;
}

void test_isa() {
  CHECK(isa_supported(Isa::portable));
  CHECK(isa_supported(active_isa()));
  CHECK(!isa_supported(Isa(7)));
  CHECK(!set_isa(Isa(-1)));
  int seen = 0;
  for_each_isa([&](const char* name) {
    ++seen;
    CHECK(std::strcmp(name, pynn_isa()) == 0);
  });
  CHECK(seen >= 1);
  CHECK_EQ(pynn_set_isa("sse9"), PYNN_INVALID);
  CHECK(std::strstr(pynn_last_error(), "sse9") != nullptr);
  CHECK_EQ(pynn_set_isa(nullptr), PYNN_INVALID);
  CHECK_EQ(pynn_set_isa("portable"), PYNN_OK);
  CHECK(std::strcmp(pynn_isa(), "portable") == 0);
}

void test_status() {
  CHECK_EQ(fail(PYNN_INVALID, "got %d", 3), PYNN_INVALID);
  CHECK(std::strcmp(pynn_last_error(), "got 3") == 0);
  std::thread([] { CHECK(*pynn_last_error() == '\0'); }).join();  // messages are a thread's own
  const std::string longer(5000, 'x');
  fail(PYNN_INVALID, "%s", longer.c_str());
  CHECK_EQ(std::strlen(pynn_last_error()), 511);
}

void test_arena_blocks() {
  const ArenaStats before = arena_stats();
  Random random(1);
  std::vector<std::pair<unsigned char*, size_t>> blocks;
  size_t total = 0;
  for (int i = 0; i < 3000; ++i) {
    const size_t bytes = size_t(std::exp(random.uniform(0, 16))) - 1;
    unsigned char* block = static_cast<unsigned char*>(arena_alloc(bytes));
    CHECK(block != nullptr && reinterpret_cast<uintptr_t>(block) % 64 == 0);
    std::memset(block, int(i & 255), bytes);
    total += bytes;
    blocks.push_back({block, bytes});
    if (i % 3 == 0) {
      const size_t at = size_t(random.below(int64_t(blocks.size())));
      total -= blocks[at].second;
      arena_free(blocks[at].first);
      blocks[at] = blocks.back();
      blocks.pop_back();
    }
  }
  const ArenaStats during = arena_stats();
  CHECK(during.in_use_bytes - before.in_use_bytes >= total);
  CHECK(double(during.in_use_bytes - before.in_use_bytes) <= 1.3 * double(total) + 64.0 * 3000);
  CHECK(during.peak_bytes >= during.in_use_bytes);
  CHECK_EQ(during.allocations - before.allocations, 3000);
  CHECK(during.reused > before.reused);
  for (auto& block : blocks) {  // nobody wrote into another's block
    for (size_t i = 1; i < block.second; i += 97) {
      if (block.first[i] != block.first[0]) CHECK(false);
    }
    arena_free(block.first);
  }
  CHECK_EQ(arena_stats().in_use_bytes, before.in_use_bytes);
  arena_trim();
  CHECK_EQ(arena_stats().cached_bytes, 0);
}

void test_arena_large() {
  arena_trim();
  char* block = static_cast<char*>(arena_alloc(5 << 20));
  CHECK(reinterpret_cast<uintptr_t>(block) % 64 == 0);
  block[0] = block[(5 << 20) - 1] = 1;
  arena_free(block);
  CHECK(arena_stats().cached_bytes >= 5u << 20);
  CHECK(arena_alloc(5 << 20) == block);  // the same block again
  arena_free(block);
  arena_free(nullptr);
  CHECK(arena_alloc(SIZE_MAX) == nullptr);
  CHECK(arena_alloc(size_t(1) << 45) == nullptr);
  Scratch scratch(100);
  CHECK(bool(scratch) && scratch.as<float>() != nullptr);
}

void test_arena_limit() {
  arena_trim();
  const uint64_t chosen = arena_limit();
  CHECK(chosen >= 256u << 20);
  void* blocks[6];
  for (void*& block : blocks) block = arena_alloc(4 << 20);
  arena_set_limit(10 << 20);
  CHECK_EQ(arena_limit(), 10 << 20);
  for (void* block : blocks) arena_free(block);
  CHECK(arena_stats().cached_bytes <= 10u << 20);
  CHECK(arena_stats().cached_bytes >= 6u << 20);
  arena_set_limit(1 << 20);  // what is over it goes at once
  CHECK(arena_stats().cached_bytes <= 1u << 20);
  arena_set_limit(0);
  arena_free(arena_alloc(100000));
  CHECK_EQ(arena_stats().cached_bytes, 0);
  arena_set_limit(UINT64_MAX);
  CHECK_EQ(arena_limit(), chosen);
}

void test_arena_peak() {
  void* large = arena_alloc(9 << 20);
  CHECK(arena_stats().peak_bytes >= arena_stats().in_use_bytes);
  arena_free(large);
  CHECK(arena_stats().peak_bytes >= 9u << 20);
  arena_reset_peak();
  CHECK(arena_stats().peak_bytes < 9u << 20);
  arena_free(arena_alloc(3 << 20));
  CHECK(arena_stats().peak_bytes >= 3u << 20);
}

void test_arena_threads() {
  const ArenaStats before = arena_stats();
  std::vector<std::thread> threads;
  std::atomic<void*> slots[64] = {};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&slots, t] {  // blocks are freed by other threads than took them
      Random random{uint64_t(t)};
      for (int i = 0; i < 20000; ++i) {
        const size_t bytes = size_t(64) << random.below(11);
        uint64_t* block = static_cast<uint64_t*>(arena_alloc(bytes));
        if (block == nullptr) std::abort();
        block[0] = bytes;
        block[bytes / 8 - 1] = bytes;
        uint64_t* old = static_cast<uint64_t*>(slots[random.below(64)].exchange(block));
        if (old != nullptr && old[0] != old[old[0] / 8 - 1]) std::abort();
        arena_free(old);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (auto& slot : slots) arena_free(slot.load());
  const ArenaStats after = arena_stats();
  CHECK_EQ(after.in_use_bytes, before.in_use_bytes);
  CHECK_EQ(after.allocations - before.allocations, 80000);
  arena_trim();
  CHECK_EQ(arena_stats().cached_bytes, 0);  // the ended threads' caches were handed on
}

int64_t sum_of(int64_t chunks) {
  std::vector<int64_t> values(static_cast<size_t>(chunks));
  parallel(chunks, [&](int64_t i) { values[size_t(i)] += i + 1; });
  int64_t sum = 0;
  for (int64_t value : values) sum += value;
  return sum;
}
int64_t triangle(int64_t n) { return n * (n + 1) / 2; }

void test_pool() {
  CHECK(num_threads() >= 1);
  for (int threads : {1, 2, 5, 3, 1, 4}) {
    set_num_threads(threads);
    CHECK_EQ(num_threads(), threads);
    for (int64_t chunks : {0, 1, 2, 3, 7, 1000}) CHECK_EQ(sum_of(chunks), triangle(chunks));
  }
  // Short jobs are done whether or not anyone else is awake, and in a row they wake the others.
  set_num_threads(3);
  std::atomic<int64_t> done{0}, helped{0};
  const std::thread::id caller = std::this_thread::get_id();
  for (int pause : {0, 200, 0}) {
    for (int i = 0; i < 300; ++i) {
      const auto chunk = [&](int64_t) {
        done.fetch_add(1);
        if (std::this_thread::get_id() != caller) helped.fetch_add(1);
        for (volatile int spin = 0; spin < 2000;) spin = spin + 1;
      };
      parallel(8, chunk, Wake::no);
      if (pause) usleep(unsigned(pause));
    }
  }
  CHECK_EQ(done.load(), 3 * 300 * 8);
  for (int round = 0; round < 200 && helped.load() == 0; ++round) {
    const auto chunk = [&](int64_t) {
      if (std::this_thread::get_id() != caller) helped.fetch_add(1);
      for (volatile int spin = 0; spin < 2000;) spin = spin + 1;
    };
    for (int i = 0; i < 100; ++i) parallel(8, chunk, Wake::no);
  }
  CHECK(helped.load() > 0);
  // Workers take part, and nested calls run where they are.
  std::atomic<int> others{0}, nested{0}, astray{0};
  for (int round = 0; round < 50 && others.load() == 0; ++round) {
    parallel(64, [&](int64_t) {
      if (std::this_thread::get_id() != caller) others.fetch_add(1);
      const std::thread::id here = std::this_thread::get_id();
      parallel(8, [&](int64_t) {
        nested.fetch_add(1);
        if (std::this_thread::get_id() != here) astray.fetch_add(1);
      });
      usleep(50);
    });
  }
  CHECK(others.load() > 0);
  CHECK(nested.load() >= 8 * 64);
  CHECK_EQ(astray.load(), 0);
  // Many callers at once, with pauses that let the workers park.
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&wrong, t] {
      for (int i = 0; i < 2000; ++i) {
        if (sum_of(1 + i % 17) != triangle(1 + i % 17)) wrong.fetch_add(1);
        if (i % 500 == t) usleep(300);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK_EQ(wrong.load(), 0);
}

void test_fork() {
  set_num_threads(3);
  CHECK_EQ(sum_of(100), triangle(100));
  void* block = arena_alloc(1000);
  CHECK_EQ(in_child([block] {
             arena_free(block);
             void* other = arena_alloc(3 << 20);
             arena_free(other);
             arena_trim();
             return sum_of(1000) == triangle(1000) && arena_stats().cached_bytes == 0;
           }),
           0);
  arena_free(block);
  // Forked while other threads use the pool and the arena.
  std::atomic<bool> stop{false};
  std::thread user([&] {
    while (!stop.load()) {
      sum_of(50);
      arena_free(arena_alloc(100000));
    }
  });
  for (int i = 0; i < 20; ++i) {
    CHECK_EQ(in_child([] {
               arena_free(arena_alloc(100000));
               return sum_of(1000) == triangle(1000);
             }),
             0);
  }
  stop.store(true);
  user.join();
  CHECK_EQ(sum_of(100), triangle(100));
  // A child that leaves through exit() runs the library's destructors.
  std::fflush(stdout);
  const pid_t pid = fork();
  if (pid == 0) {
    alarm(20);
    std::exit(sum_of(100) == triangle(100) ? 7 : 8);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

// PYNN_ISA is read once, so each value needs a process of its own.
bool isa_of_environment(const char* program, const char* value, const char* isa, bool noted) {
  const char* emulator = std::getenv("PYNN_TEST_EMULATOR");  // where the programs of another processor run
  const std::string launcher = emulator ? emulator : "";
  const std::string command = "PYNN_ISA='" + std::string(value) + "' " + launcher + " '" + program +
                              "' isa " + isa + (noted ? " noted" : " silent");
  return std::system(command.c_str()) == 0;
}
int report_isa(char** argv) {
  const bool noted = std::strcmp(argv[3], "noted") == 0;
  return std::strcmp(pynn_isa(), argv[2]) == 0 && noted == (*pynn_isa_note() != '\0') ? 0 : 1;
}
void test_isa_environment(const char* program) {
  const char* best = "portable";
  for (int i = 0; i < kIsaCount; ++i) {
    if (isa_supported(Isa(i))) best = isa_name(Isa(i));
  }
  for (int i = 0; i < kIsaCount; ++i) {
    const bool supported = isa_supported(Isa(i));
    CHECK(isa_of_environment(program, isa_name(Isa(i)), supported ? isa_name(Isa(i)) : best, !supported));
  }
  CHECK(isa_of_environment(program, "neon9", best, true));
  CHECK(isa_of_environment(program, "", best, false));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4 && std::strcmp(argv[1], "isa") == 0) return report_isa(argv);
  test_isa_environment(argv[0]);
  test_isa();
  test_status();
  test_arena_blocks();
  test_arena_large();
  test_arena_limit();
  test_arena_peak();
  test_arena_threads();
  test_pool();
#ifdef __SANITIZE_THREAD__
  constexpr bool kThreadsAfterFork = false;  // the thread sanitizer knows none
#else
  constexpr bool kThreadsAfterFork = true;
#endif
  if (kThreadsAfterFork) test_fork();
  set_num_threads(4);  // and leave with parked workers
  CHECK_EQ(sum_of(100), triangle(100));
  return summary();
}
