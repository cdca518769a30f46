// Names that clang 18 and later mangle with the declarations and constraints of template parameters.
#include <memory>
#include <string>
#include <type_traits>
#include <vector>
void *volatile sink;
struct Foo { char data[5000]; };
template <class T, std::enable_if_t<std::is_integral_v<T>, int> = 0>
__attribute__((noinline)) T *fresh(T n) { T *p = new T[n]; sink = p; return p; }
template <class T> concept Small = sizeof(T) <= 8;
template <Small T> __attribute__((noinline)) T *constrained(T n) { T *p = new T[n]; sink = p; return p; }
__attribute__((noinline)) auto generic = [](auto n) __attribute__((noinline)) { char *p = new char[n]; sink = p; return p; };
template <class T, T V> struct Const { static __attribute__((noinline)) char *get() { char *p = new char[V]; sink = p; return p; } };
template <template <class...> class C, class T> __attribute__((noinline)) C<T> *wrap(T) { return new C<T>(3000); }
std::vector<std::unique_ptr<Foo>> keep;
int main(int argc, char **) {
  for (int i = 0; i < 100; i++) keep.push_back(std::make_unique<Foo>());
  auto s = std::make_shared<Foo>();
  long sum = (long)fresh(1000 * argc) + (long)constrained(2000L * argc) + (long)generic(7000 * argc) + (long)Const<int, 600>::get() + (long)wrap<std::vector>(1);
  return sum == 1;
}
