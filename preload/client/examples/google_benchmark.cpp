// Allocations and bytes for each operation, beside the time that Google Benchmark takes:
//
//     g++ -O2 -std=c++17 google_benchmark.cpp -lbenchmark -pthread -o strings
//     heaptrace stat -- ./strings
#include "../heaptrace.h"
#include <benchmark/benchmark.h>
#include <string>
#include <vector>

// Counts what is allocated while it lives, and shows it for each iteration.
class Counted {
public:
    explicit Counted(benchmark::State &state) : state(state), is_counted(heaptrace_count_thread(&before)) {}
    ~Counted() {
        heaptrace_counts after;
        if (!is_counted || !heaptrace_count_thread(&after))
            return;
        auto each = [](uint64_t count) { return benchmark::Counter(count, benchmark::Counter::kAvgIterations); };
        state.counters["allocs/op"] = each(after.allocations - before.allocations);
        state.counters["B/op"] = each(after.bytes - before.bytes);
    }

private:
    benchmark::State &state;
    heaptrace_counts before;
    bool is_counted;
};

static void push_back(benchmark::State &state) {
    Counted counted(state);
    for (auto _ : state) {
        std::vector<int> numbers;
        for (int i = 0; i < 100; i++)
            numbers.push_back(i);
        benchmark::DoNotOptimize(numbers.data());
    }
}
BENCHMARK(push_back);

static void reserved(benchmark::State &state) {
    Counted counted(state);
    for (auto _ : state) {
        std::vector<int> numbers;
        numbers.reserve(100);
        for (int i = 0; i < 100; i++)
            numbers.push_back(i);
        benchmark::DoNotOptimize(numbers.data());
    }
}
BENCHMARK(reserved);

BENCHMARK_MAIN();
