// A service that answers requests until it is stopped, and keeps every answer for good: docs/tutorial.md watches it.
#include <chrono>
#include <string>
#include <thread>
#include <unordered_map>

static std::unordered_map<long, std::string> answers;

std::string answer(long request) {
    return "answer to request " + std::to_string(request) + std::string(1000, '.');
}

// The leak: a cache of which nothing is ever taken out, with keys that never come back.
const std::string &cached_answer(long request) {
    return answers.try_emplace(request, answer(request)).first->second;
}

int main() {
    for (long request = 0;; request++) {
        cached_answer(request);
        std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
}
