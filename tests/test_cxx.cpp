/* SPDX-License-Identifier: MIT
 * tests/test_cxx.cpp - the C++ operators new and delete as the override library provides them:
 * every form of the C++17 standard, the new_handler, failure, over-aligned types and containers. A
 * program of its own, linked with the library; it says what is wrong, and its exit status tells. */
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hakmem/hakmem.h>

namespace
{

const std::size_t MIB = std::size_t{1} << 20;
/* Not a constant, so that the compiler cannot reason about it. */
volatile std::size_t absurd = PTRDIFF_MAX;
unsigned failures;

void
expect(bool ok, const char *what, const char *name = "")
{
	if (!ok) {
		std::fprintf(stderr, "test_cxx: %s%s%s\n", name, *name ? ": " : "", what);
		failures++;
	}
}

/* Keeps the compiler from pairing a new with its delete and leaving out both. */
void *
escape(void *p)
{
	__asm__ volatile("" : "+r"(p) : : "memory");
	return p;
}

/* --- every form ------------------------------------------------------------------------------- */

const std::align_val_t ALIGN{64};

struct new_form {
	const char *name;
	void *(*allocate)(std::size_t size);
	std::size_t alignment;
	bool nothrow;
};

const new_form new_forms[] = {
	{"new", [](std::size_t n) { return ::operator new(n); }, 16, false},
	{"new[]", [](std::size_t n) { return ::operator new[](n); }, 16, false},
	{"new nothrow", [](std::size_t n) { return ::operator new(n, std::nothrow); }, 16, true},
	{"new[] nothrow", [](std::size_t n) { return ::operator new[](n, std::nothrow); }, 16,
		true},
	{"new aligned", [](std::size_t n) { return ::operator new(n, ALIGN); }, 64, false},
	{"new[] aligned", [](std::size_t n) { return ::operator new[](n, ALIGN); }, 64, false},
	{"new aligned nothrow",
		[](std::size_t n) { return ::operator new(n, ALIGN, std::nothrow); }, 64, true},
	{"new[] aligned nothrow",
		[](std::size_t n) { return ::operator new[](n, ALIGN, std::nothrow); }, 64, true},
};

struct delete_form {
	const char *name;
	void (*release)(void *p, std::size_t size);
	bool array;
	bool aligned;
};

const delete_form delete_forms[] = {
	{"delete", [](void *p, std::size_t) { ::operator delete(p); }, false, false},
	{"delete sized", [](void *p, std::size_t n) { ::operator delete(p, n); }, false, false},
	{"delete nothrow", [](void *p, std::size_t) { ::operator delete(p, std::nothrow); }, false,
		false},
	{"delete[]", [](void *p, std::size_t) { ::operator delete[](p); }, true, false},
	{"delete[] sized", [](void *p, std::size_t n) { ::operator delete[](p, n); }, true, false},
	{"delete[] nothrow", [](void *p, std::size_t) { ::operator delete[](p, std::nothrow); },
		true, false},
	{"delete aligned", [](void *p, std::size_t) { ::operator delete(p, ALIGN); }, false, true},
	{"delete sized aligned", [](void *p, std::size_t n) { ::operator delete(p, n, ALIGN); },
		false, true},
	{"delete aligned nothrow",
		[](void *p, std::size_t) { ::operator delete(p, ALIGN, std::nothrow); }, false,
		true},
	{"delete[] aligned", [](void *p, std::size_t) { ::operator delete[](p, ALIGN); }, true,
		true},
	{"delete[] sized aligned", [](void *p, std::size_t n) { ::operator delete[](p, n, ALIGN); },
		true, true},
	{"delete[] aligned nothrow",
		[](void *p, std::size_t) { ::operator delete[](p, ALIGN, std::nothrow); }, true,
		true},
};

bool
is_array(const new_form &form)
{
	return std::strstr(form.name, "[]") != nullptr;
}

bool
matches(const new_form &n, const delete_form &d)
{
	return is_array(n) == d.array && (n.alignment == 64) == d.aligned;
}

/* The first of the forms that may free what n allocates. */
const delete_form &
matching_delete(const new_form &n)
{
	const delete_form *d = delete_forms;

	while (!matches(n, *d))
		d++;
	return *d;
}

std::size_t
live_bytes()
{
	hak_stats stats;

	hak_stats_get(&stats);
	return stats.live_bytes;
}

void
check_pair(const new_form &n, const delete_form &d)
{
	const std::size_t sizes[] = {0, 1, 8, 16, 100, 1024, 5000, 40000, 3 * MIB};

	for (std::size_t size : sizes) {
		std::size_t before = live_bytes();
		void *p = escape(n.allocate(size));

		expect(p != nullptr, "gave no block", n.name);
		expect(hak_is_in_heap(p), "did not come from hakmem", n.name);
		expect(size < 16 || reinterpret_cast<std::uintptr_t>(p) % n.alignment == 0,
			"is not aligned", n.name);
		std::memset(p, 0x77, size);
		expect(live_bytes() >= before + size, "live_bytes does not count it", n.name);
		errno = 4321;
		d.release(p, size);
		expect(errno == 4321, "changed errno", d.name);
		expect(live_bytes() == before, "did not free the block", d.name);
	}
}

void
test_every_pair()
{
	for (const new_form &n : new_forms)
		for (const delete_form &d : delete_forms)
			if (matches(n, d))
				check_pair(n, d);
}

void
test_delete_null()
{
	for (const delete_form &d : delete_forms)
		d.release(nullptr, 100);
}

void
test_empty_blocks_are_unique()
{
	for (const new_form &n : new_forms) {
		void *p = escape(n.allocate(0)), *q = escape(n.allocate(0));

		expect(p != q, "two blocks of no bytes have one address", n.name);
		matching_delete(n).release(p, 0);
		matching_delete(n).release(q, 0);
	}
}

/* --- failure ---------------------------------------------------------------------------------- */

enum class outcome { block, null, bad_alloc, derived, other };

/* What a handler may throw in bad_alloc's place. */
struct derived_bad_alloc : std::bad_alloc {
};

outcome
attempt(const new_form &form, std::size_t size)
{
	try {
		void *p = escape(form.allocate(size));

		return p ? outcome::block : outcome::null;
	} catch (const derived_bad_alloc &) {
		return outcome::derived;
	} catch (const std::bad_alloc &) {
		return outcome::bad_alloc;
	} catch (...) {
		return outcome::other;
	}
}

int handler_calls;

/* Gives up at the third call, as a handler may. */
void
counting_handler()
{
	if (++handler_calls == 3)
		std::set_new_handler(nullptr);
}

void
throwing_handler()
{
	handler_calls++;
	throw derived_bad_alloc();
}

void
test_failure()
{
	for (const new_form &form : new_forms) {
		outcome refused = form.nothrow ? outcome::null : outcome::bad_alloc;
		outcome thrown = form.nothrow ? outcome::null : outcome::derived;

		for (std::size_t size : {std::size_t{absurd}, SIZE_MAX, SIZE_MAX - 15,
			     SIZE_MAX - 4096, std::size_t{absurd} + 1}) {
			std::set_new_handler(nullptr);
			expect(attempt(form, size) == refused, "without a handler", form.name);

			handler_calls = 0;
			std::set_new_handler(counting_handler);
			expect(attempt(form, size) == refused, "with a handler that gives up",
				form.name);
			expect(handler_calls == 3, "called the handler too often or too rarely",
				form.name);

			handler_calls = 0;
			std::set_new_handler(throwing_handler);
			expect(attempt(form, size) == thrown, "with a handler that throws",
				form.name);
			expect(handler_calls == 1, "did not call the throwing handler once",
				form.name);
		}
		std::set_new_handler(nullptr);
	}
}

void
test_failing_expressions()
{
	struct pixel {
		char bytes[64];
	};
	bool thrown = false;

	try {
		escape(new pixel[absurd / 4]);
	} catch (const std::bad_alloc &) {
		thrown = true;
	}
	expect(thrown, "new pixel[n] of an absurd size did not throw");
	expect(escape(new (std::nothrow) char[absurd]) == nullptr,
		"new (nothrow) char[n] of an absurd size gave a block");
}

/* --- a handler that frees memory -------------------------------------------------------------- */

const std::size_t HUGE_BLOCK = 512 * MIB;
void *ballast;

void
freeing_handler()
{
	handler_calls++;
	::operator delete(ballast);
	ballast = nullptr;
	std::set_new_handler(nullptr);
}

/* Limits the process to what it has mapped now, and a little. */
void
limit_memory()
{
	unsigned long pages = 0;
	std::FILE *statm = std::fopen("/proc/self/statm", "r");

	if (!statm || std::fscanf(statm, "%lu", &pages) != 1) {
		std::fprintf(stderr, "test_cxx: /proc/self/statm cannot be read; mount /proc\n");
		_exit(2);
	}
	std::fclose(statm);
	rlimit space{}, data{};
	space.rlim_cur = space.rlim_max = pages * sysconf(_SC_PAGESIZE) + 64 * MIB;
	/* Address space that was reserved before counts as data once it is committed. */
	data.rlim_cur = data.rlim_max = HUGE_BLOCK + 64 * MIB;
	setrlimit(RLIMIT_AS, &space);
	setrlimit(RLIMIT_DATA, &data);
}

void
test_handler_frees_memory()
{
	const new_form &form = new_forms[0];

	ballast = escape(::operator new(HUGE_BLOCK));
	limit_memory();
	int got = 0;
	/* The blocks stay: they are what uses the memory up. They are not touched. */
	while (got < 100000 && escape(::operator new(HUGE_BLOCK, std::nothrow)))
		got++;
	expect(got < 100000, "memory cannot be exhausted under a limit");
	expect(attempt(form, HUGE_BLOCK) == outcome::bad_alloc, "exhausted, but new did not throw");
	handler_calls = 0;
	std::set_new_handler(freeing_handler);
	expect(attempt(form, HUGE_BLOCK) == outcome::block,
		"no block although the handler had freed one");
	expect(handler_calls == 1, "the freeing handler was not called once");
	expect(attempt(form, 100) == outcome::block, "no small block after exhaustion");
}

/* Runs a test that spoils its process in a child. */
void
in_child(void (*test)(), const char *name)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		failures = 0;
		test();
		_exit(failures == 0 ? 0 : 1);
	}
	expect(pid > 0 && waitpid(pid, &status, 0) == pid, "fork or waitpid failed", name);
	expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "failed in its child", name);
}

/* --- types and containers --------------------------------------------------------------------- */

template <std::size_t Alignment> struct alignas(Alignment) aligned_type {
	unsigned char bytes[Alignment + 1];
};

template <std::size_t Alignment>
void
check_aligned_type()
{
	using type = aligned_type<Alignment>;
	type *one = static_cast<type *>(escape(new type)), *many = nullptr;

	many = static_cast<type *>(escape(new type[5]));
	expect(reinterpret_cast<std::uintptr_t>(one) % Alignment == 0,
		"an over-aligned object is not aligned");
	expect(reinterpret_cast<std::uintptr_t>(many) % Alignment == 0,
		"an over-aligned array is not aligned");
	std::memset(static_cast<void *>(one), 1, sizeof(type));
	std::memset(static_cast<void *>(many), 2, 5 * sizeof(type));
	expect(one->bytes[Alignment] == 1, "an over-aligned object was overwritten");
	delete one;
	delete[] many;
	std::vector<type> v(7);
	for (type &t : v)
		expect(reinterpret_cast<std::uintptr_t>(&t) % Alignment == 0,
			"a vector's over-aligned element is not aligned");
}

void
test_aligned_types()
{
	check_aligned_type<32>();
	check_aligned_type<128>();
	check_aligned_type<1024>();
	check_aligned_type<4096>();
	check_aligned_type<65536>();
	check_aligned_type<262144>();
}

void
fill_containers(unsigned seed)
{
	std::vector<std::string> strings;
	std::map<unsigned, std::string> map;
	std::unordered_map<std::string, unsigned> hash;
	std::list<std::unique_ptr<unsigned>> list;
	std::deque<std::shared_ptr<unsigned>> deque;

	for (unsigned i = 0; i < 5000; i++) {
		unsigned value = (i + seed) * 2654435761u;
		std::string text(value % 300, static_cast<char>('a' + i % 26));

		strings.push_back(text);
		map[value] = text;
		hash[text + std::to_string(i)] = value;
		list.push_back(std::make_unique<unsigned>(value));
		deque.push_front(std::make_shared<unsigned>(value));
		if (i % 3 == 0)
			map.erase(map.begin());
	}
	for (unsigned i = 0; i < 5000; i++) {
		unsigned value = (i + seed) * 2654435761u;
		std::string text(value % 300, static_cast<char>('a' + i % 26));

		expect(strings[i] == text, "a vector's string is wrong");
		expect(hash.at(text + std::to_string(i)) == value, "a hash table's entry is wrong");
		expect(*list.front() == value && *deque.back() == value,
			"a smart pointer's object is wrong");
		list.pop_front();
		deque.pop_back();
	}
	for (const auto &entry : map)
		expect(entry.second.size() == entry.first % 300, "a map's entry is wrong");
}

void
test_containers()
{
	std::vector<std::thread> threads;

	fill_containers(0);
	for (unsigned i = 1; i <= 4; i++)
		threads.emplace_back([i] { fill_containers(i * 100000); });
	for (std::thread &t : threads)
		t.join();
}

/* An exception's object comes from the C++ runtime's malloc. */
void
test_exceptions()
{
	int caught = 0;

	for (int i = 0; i < 1000; i++) {
		try {
			throw std::string(100, 'x');
		} catch (const std::string &text) {
			caught += text.size() == 100;
		}
	}
	expect(caught == 1000, "an exception was lost");
}

} // namespace

int
main()
{
	test_every_pair();
	test_delete_null();
	test_empty_blocks_are_unique();
	test_failure();
	test_failing_expressions();
	in_child(test_handler_frees_memory, "handler that frees memory");
	test_aligned_types();
	test_containers();
	test_exceptions();
	hak_audit();
	std::printf("test_cxx: %s: %u failures\n", hak_variant(), failures);
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
