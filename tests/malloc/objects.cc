// C++'s new and delete in all their forms.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <new>
#include <string>
#include <vector>

static int failures;

#define CHECK(condition) \
    ((condition) ? (void)0 : (void)(failures++, fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition)))

static bool is_aligned(const void *block, std::size_t alignment)
{
    return reinterpret_cast<std::uintptr_t>(block) % alignment == 0;
}

static volatile std::size_t huge = SIZE_MAX / 4;

static void plain_forms()
{
    for (std::size_t size = 0; size < 100000; size += 1 + size / 5) {
        void *one = ::operator new(size), *many = ::operator new[](size);
        CHECK(one != many && is_aligned(one, size > 8 ? 16 : 8));
        ::operator delete(one);
        ::operator delete[](many);
        ::operator delete(::operator new(size), size);
        ::operator delete[](::operator new[](size), size);
        ::operator delete(::operator new(size, std::nothrow), std::nothrow);
        ::operator delete[](::operator new[](size, std::nothrow), std::nothrow);
    }
}

static void aligned_forms()
{
    for (std::size_t n = 1; n <= 1 << 20; n *= 2)
        for (std::size_t size = 0; size < 100000; size += 1 + size * 2) {
            std::align_val_t align{n};
            void *one = ::operator new(size, align), *many = ::operator new[](size, align);
            CHECK(one != many && is_aligned(one, n) && is_aligned(many, n));
            ::operator delete(one, align);
            ::operator delete[](many, align);
            ::operator delete(::operator new(size, align), size, align);
            ::operator delete[](::operator new[](size, align), size, align);
            ::operator delete(::operator new(size, align, std::nothrow), align, std::nothrow);
            ::operator delete[](::operator new[](size, align, std::nothrow), align, std::nothrow);
        }
}

template <class Call> static bool throws_bad_alloc(Call call)
{
    try {
        call();
    } catch (const std::bad_alloc &) {
        return true;
    }
    return false;
}

static void out_of_memory()
{
    CHECK(throws_bad_alloc([] { return ::operator new(huge); }));
    CHECK(throws_bad_alloc([] { return ::operator new[](huge); }));
    CHECK(throws_bad_alloc([] { return ::operator new(huge, std::align_val_t{64}); }));
    CHECK(throws_bad_alloc([] { return ::operator new[](huge, std::align_val_t{64}); }));
    CHECK(throws_bad_alloc([] { return new char[huge]; }));
    CHECK(::operator new(huge, std::nothrow) == nullptr);
    CHECK(::operator new[](huge, std::nothrow) == nullptr);
    CHECK(::operator new(huge, std::align_val_t{64}, std::nothrow) == nullptr);
    CHECK(::operator new[](huge, std::align_val_t{64}, std::nothrow) == nullptr);
}

static int calls;

// Makes room at its third call.
static void find_memory()
{
    if (++calls == 3)
        huge = 100;
}

static void give_up()
{
    calls++;
    throw std::bad_alloc();
}

static void handlers()
{
    std::set_new_handler(find_memory);
    // Reads `huge` once: what the handler finds is for a later request.
    CHECK(throws_bad_alloc([] {
        std::size_t size = huge;
        std::set_new_handler(give_up);
        return ::operator new(size);
    }));
    CHECK(calls == 1);
    std::set_new_handler(find_memory);
    CHECK(::operator new(huge, std::nothrow) == nullptr);
    std::set_new_handler(nullptr);
}

struct alignas(256) Wide {
    char bytes[300];
};

static void containers()
{
    std::map<int, std::vector<std::string>> map;
    for (int i = 0; i < 20000; i++)
        map[i % 500].push_back(std::string(static_cast<std::size_t>(i % 100), 'x'));
    std::size_t bytes = 0;
    for (const auto &entry : map)
        for (const auto &text : entry.second)
            bytes += text.size();
    CHECK(bytes == 990000);
    std::vector<Wide> wide(100);
    CHECK(is_aligned(wide.data(), 256));
    Wide *one = new Wide;
    CHECK(is_aligned(one, 256));
    delete one;
}

int main()
{
    plain_forms();
    aligned_forms();
    out_of_memory();
    handlers();
    containers();
    return failures != 0;
}
