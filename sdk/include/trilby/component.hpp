/* trilby/component.hpp: a component as a C++17 class. Header only; nothing of C++ crosses the border.
 *
 * A component is a class that start makes and stop destroys. Its constructor connects, or throws trilby::Error. Its verbs
 * are methods that take a trilby::Call, which must be answered once, and the question:
 *
 *     void get(trilby::Call &call, const trb_state_get &q);
 *
 * trilby::verb<&Store::get> is the function that the table of verbs wants. What a method throws becomes the call's failure;
 * to answer later it moves the call away. */
#ifndef TRILBY_COMPONENT_HPP
#define TRILBY_COMPONENT_HPP

#include <exception>
#include <pthread.h>
#include <signal.h>
#include <string>
#include <string_view>
#include <thread>
#include <trilby/options.h>
#include <trilby/plugin.h>
#include <trilby/verbs.h>
#include <utility>

namespace trilby {

/* --- bytes ------------------------------------------------------------------------------------ */
/* Empty when absent. Borrowed, as what it is taken from. [any] */
inline std::string_view view(const trb_slice &s) { return {s.at ? s.at : "", s.at ? s.len : 0}; }
inline std::string_view view(const trb_name &s) { return {s.at ? s.at : "", s.at ? s.len : 0}; }
inline std::string_view view(const trb_data &s) { return {s.at ? s.at : "", s.at ? s.len : 0}; }

/* For an answer, which the host copies: borrowed from what is given. [any] */
inline trb_slice slice(std::string_view s) { return {s.data(), s.size()}; }
inline trb_name name(const std::string &s) { return {s.c_str(), s.size()}; }
inline trb_data data(std::string_view s) { return {s.data(), s.size(), nullptr}; }

/* A struct of a .def with its size filled in and all else absent. */
template <class T> T make()
{
    T made{};
    made.size = sizeof made;
    return made;
}

/* The i-th element of a list, of the type that the .def says. */
template <class T> const T &at(const trb_list &list, uint32_t i)
{
    return *static_cast<const T *>(trb_list_at(&list, i));
}

/* --- errors ----------------------------------------------------------------------------------- */
/* A failure: a code of types.h, a reason in UPPER_SNAKE, one sentence; kind is the block's word. */
class Error : public std::exception {
public:
    Error(trb_code code, const char *reason, const std::string &message, uint32_t kind = 0)
    {
        trb_error(&raw, code, reason, "%s", message.c_str());
        raw.kind = kind;
    }
    /* From errno: "what: No such file or directory". */
    static Error system(const std::string &what)
    {
        Error made(TRB_OK, "", "");
        trb_errno(&made.raw, what.c_str());
        return made;
    }
    const char *what() const noexcept override { return raw.message; }
    struct trb_error raw = {};
};

/* --- the host --------------------------------------------------------------------------------- */
/* Counted bytes of the host's; given back when this ends, unless they are given with an answer. */
class Buffer {
public:
    Buffer() = default;
    Buffer(const trb_host *host, trb_buf *raw) : host(host), raw(raw) {}
    Buffer(Buffer &&from) noexcept : host(from.host), raw(std::exchange(from.raw, nullptr)) {}
    Buffer &operator=(Buffer &&from) noexcept
    {
        std::swap(host, from.host);
        std::swap(raw, from.raw);
        return *this;
    }
    ~Buffer()
    {
        if (raw)
            host->buf_unref(raw);
    }
    explicit operator bool() const { return raw != nullptr; }
    std::string_view view() const { return trilby::view(host->buf_bytes(raw)); }
    trb_data share() const                              /* one more reference, for an answer or an event */
    {
        trb_slice s = host->buf_bytes(raw);
        return {s.at, s.len, host->buf_ref(raw)};
    }
    trb_data give()                                     /* ours goes to the host with the answer */
    {
        trb_slice s = host->buf_bytes(raw);
        return {s.at, s.len, std::exchange(raw, nullptr)};
    }

private:
    const trb_host *host = nullptr;
    trb_buf *raw = nullptr;
};

/* What an instance may say to its host, from start until stop is answered. [any] */
struct Host {
    const trb_host *table;
    const trb_origin *origin;
    void log(uint32_t level, const std::string &line) const { table->log(origin, level, line.c_str()); }
    /* Throws TRB_EXHAUSTED when the host has none left. */
    Buffer buffer(std::string_view bytes) const
    {
        char *to = nullptr;
        Buffer made(table, table->buf_new(origin, bytes.size(), &to));
        if (!made)
            throw Error(TRB_EXHAUSTED, "NO_MEMORY", "the host has no buffer left");
        bytes.copy(to, bytes.size());
        return made;
    }
    /* A body for longer than its call: a reference, or a copy where there is no owner. */
    Buffer keep(const trb_data &d) const { return d.owner ? Buffer(table, table->buf_ref(d.owner)) : buffer(view(d)); }
};

/* --- calls ------------------------------------------------------------------------------------ */
/* The duty to answer, once, from any thread. One that is let go fails. */
class Call {
public:
    explicit Call(trb_call *raw) : raw(raw) {}
    Call(Call &&from) noexcept : raw(std::exchange(from.raw, nullptr)) {}
    Call &operator=(Call &&from) noexcept
    {
        std::swap(raw, from.raw);
        return *this;
    }
    ~Call()
    {
        if (raw)
            fail(Error(TRB_INTERNAL, "NOT_ANSWERED", "the component has let the call go"));
    }
    void done() { trb_done(std::exchange(raw, nullptr)); }
    template <class A> void done(const A &answer)
    {
        trb_call *call = std::exchange(raw, nullptr);
        call->host->done(call, &answer, sizeof answer);
    }
    void fail(const Error &error)
    {
        trb_call *call = std::exchange(raw, nullptr);
        call->host->fail(call, &error.raw);
    }
    /* Bulk verbs: results one by one, before done. */
    template <class A> void item(uint32_t i, const A &answer) { raw->host->item(raw, i, &answer, sizeof answer, nullptr); }
    void item(uint32_t i, const Error &error) { raw->host->item(raw, i, nullptr, 0, &error.raw); }
    /* Streams: opened once, then events; the credit that is left, at 0 wait for resume. */
    void opened() { raw->host->opened(raw); }
    template <class E> uint32_t emit(const E &event, void *cookie = nullptr)
    {
        return raw->host->emit(raw, &event, sizeof event, cookie);
    }
    bool is_cancelled() const { return raw->host->is_cancelled(raw); }
    const trb_call *id() const { return raw; }          /* what cancel and resume are about */
    Host host() const { return {raw->host, raw->origin}; }

private:
    trb_call *raw;
};

/* A thread of the component's own, with all signals blocked, as the contract wants. Join it in the destructor. */
template <class F> std::thread thread(F run)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    std::thread made(std::move(run));
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return made;
}

/* --- the border ------------------------------------------------------------------------------- */
/* What the host allocates, zeroed: the options, and then what start made. */
template <class C> struct Instance {
    typename C::Options options;
    C *component;
};

template <class M> struct Method;
template <class C, class Q> struct Method<void (C::*)(Call &, const Q &)> {
    using Class = C;
    using Question = Q;
};

template <class F> void guarded(trb_call *raw, F run)
{
    try {
        run();
    } catch (const Error &error) {
        raw->host->fail(raw, &error.raw);
    } catch (const std::exception &error) {
        trb_fail(raw, TRB_INTERNAL, "EXCEPTION", "%s", error.what());
    }
}

/* The verb for a table of verbs. */
template <auto M> void verb(void *self, trb_call *raw, const void *question)
{
    using C = typename Method<decltype(M)>::Class;
    using Q = typename Method<decltype(M)>::Question;
    C *component = static_cast<Instance<C> *>(self)->component;
    Call call(raw);
    try {
        (component->*M)(call, *static_cast<const Q *>(question));
    } catch (const Error &error) {
        if (call.id())
            call.fail(error);
    } catch (const std::exception &error) {
        if (call.id())
            call.fail(Error(TRB_INTERNAL, "EXCEPTION", error.what()));
    }
}

template <class C> void start(void *self, trb_call *raw, const void *setup)
{
    auto *instance = static_cast<Instance<C> *>(self);
    guarded(raw, [&] {
        instance->component = new C(instance->options, *static_cast<const trb_setup *>(setup), Host{raw->host, raw->origin});
        trb_done(raw);
    });
}

template <class C> void stop(void *self, trb_call *raw, const void *)
{
    delete std::exchange(static_cast<Instance<C> *>(self)->component, nullptr);
    trb_done(raw);
}

/* void cancel(const trb_call *id, uint32_t why); [loop], or any thread when on workers. */
template <class C> void cancel(void *self, trb_call *raw, uint32_t why)
{
    static_cast<Instance<C> *>(self)->component->cancel(raw, why);
}
/* void resume(const trb_call *id); there is credit again. */
template <class C> void resume(void *self, trb_call *raw)
{
    static_cast<Instance<C> *>(self)->component->resume(raw);
}
/* void settle(void *cookie, const trb_settlement &how); once per event. */
template <class C> void settle(void *self, void *cookie, const trb_settlement *how)
{
    static_cast<Instance<C> *>(self)->component->settle(cookie, *how);
}

/* The manifest's row for C; caps, run, max_parallel, writes, cancel, resume and settle are set behind it. */
template <class C, class Ops, size_t N>
constexpr trb_component component(const char *block, const char *type, const char *summary, const trb_option (&options)[N],
                                  const Ops &ops)
{
    trb_component made{};
    made.size = sizeof made;
    made.block = block;
    made.type = type;
    made.version = "v1";
    made.summary = summary;
    made.self_size = sizeof(Instance<C>);
    made.options = options;
    made.option_count = N;
    made.option_size = sizeof(trb_option);
    made.ops = &ops;
    made.start = start<C>;
    made.stop = stop<C>;
    return made;
}

/* --- options ---------------------------------------------------------------------------------- */
/* One row of the options' table; the member's type says what it is. */
struct Option : trb_option {
    constexpr Option(const char *name_, uint32_t type_, size_t offset_, size_t size_) : trb_option{}
    {
        name = name_;
        type = type_;
        offset = static_cast<uint32_t>(offset_);
        member_size = static_cast<uint32_t>(size_);
    }
    constexpr Option is(const char *sentence) const { return with(&trb_option::doc, sentence); }
    constexpr Option like(const char *text) const { return with(&trb_option::example, text); }
    constexpr Option or_else(const char *text) const { return with(&trb_option::fallback, text); }
    constexpr Option also(const char *names) const { return with(&trb_option::aliases, names); }
    constexpr Option is_required() const { return with(&trb_option::required, 1u); }
    constexpr Option is_secret() const { return with(&trb_option::sensitive, 1u); }
    constexpr Option is_deprecated() const { return with(&trb_option::deprecated, 1u); }
    constexpr Option is_duration() const { return with(&trb_option::type, TRB_OPTION_DURATION); }
    constexpr Option one_of(const char *words) const
    {
        return with(&trb_option::choices, words).with(&trb_option::type, TRB_OPTION_CHOICE);
    }
    constexpr Option between(int64_t low, int64_t high) const { return with(&trb_option::min, low).with(&trb_option::max, high); }

private:
    template <class T, class V> constexpr Option with(T trb_option::*member, V value) const
    {
        Option made = *this;
        made.*member = static_cast<T>(value);
        return made;
    }
};
template <class T> struct OptionType;
template <> struct OptionType<const char *> { static constexpr uint32_t value = TRB_OPTION_STRING; };
template <> struct OptionType<uint32_t> { static constexpr uint32_t value = TRB_OPTION_BOOL; };
template <> struct OptionType<int64_t> { static constexpr uint32_t value = TRB_OPTION_INT; };
template <> struct OptionType<uint64_t> { static constexpr uint32_t value = TRB_OPTION_BYTES; };
template <> struct OptionType<double> { static constexpr uint32_t value = TRB_OPTION_NUMBER; };

/* TRB_CXX_OPTION(Options, max_bytes, "maxSize").or_else("64KiB").is("Refuse to read a larger file.") */
#define TRB_CXX_OPTION(self, member, name)                                                         \
    ::trilby::Option(name, ::trilby::OptionType<decltype(self::member)>::value, offsetof(self, member), \
                     sizeof(self::member))
/* Accepts any name that begins with this one; read through setup.properties. */
#define TRB_CXX_OPEN(name) ::trilby::Option(name, TRB_OPTION_OPEN, 0, 0)

} /* namespace trilby */
#endif
