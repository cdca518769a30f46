// A C++ program that has the standard library allocate in many ways.
#include <cstdio>
#include <deque>
#include <list>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

__attribute__((noinline)) static std::vector<int> reserves() {
    std::vector<int> numbers;
    numbers.reserve(50000);
    return numbers;
}

__attribute__((noinline)) static std::vector<int> sized() {
    return std::vector<int>(3000);
}

int main() {
    std::vector<long> pushed;
    std::map<long, long> tree;
    std::unordered_map<long, long> map;
    std::deque<long> queue;
    std::list<long> list;
    std::string text;
    for (long i = 0; i < 1000; i++) {
        pushed.push_back(i);
        tree[i] = i;
        map.emplace(i, i);
        queue.push_back(i);
        list.push_back(i);
        text += "some text";
    }
    text.resize(100000);
    printf("%zu\n", reserves().size() + sized().size() + pushed.size() + tree.size() + map.size() + queue.size() + list.size() + text.size());
}
