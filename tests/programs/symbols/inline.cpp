// C++: templates, lambdas, constructors, an anonymous namespace, and the standard library inlined.
#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

namespace {
int secret(int x) {
    return x * 7 + 1;
}
} // namespace

namespace shop {
template <typename T> class Shelf {
  public:
    explicit Shelf(std::size_t size) : items(size) {
        std::iota(items.begin(), items.end(), T(secret(static_cast<int>(size))));
    }
    template <typename F> void each(F f) const {
        for (const T &item : items)
            f(item);
    }
    T operator()(std::size_t index) const {
        return items.at(index);
    }

  private:
    std::vector<T> items;
};

struct Item {
    virtual ~Item() = default;
    virtual std::string name() const = 0;
};

struct Book final : Item {
    std::string title = std::string(40, 'b');
    std::string name() const override {
        return title + "!";
    }
};

__attribute__((noinline)) std::map<std::string, std::unique_ptr<Item>> stock(int count) {
    std::map<std::string, std::unique_ptr<Item>> items;
    for (int i = 0; i < count; i++)
        items["item" + std::to_string(i)] = std::make_unique<Book>();
    return items;
}
} // namespace shop

int main(int argc, char **) {
    shop::Shelf<long> shelf(argc + 3);
    std::vector<std::string> texts;
    shelf.each([&](long item) { texts.push_back(std::to_string(item)); });
    std::sort(texts.begin(), texts.end(), [](auto &a, auto &b) { return a > b; });
    auto items = shop::stock(argc);
    return items.begin()->second->name().size() + texts.size() + shelf(1) > 3 ? 0 : 1;
}
