/* http2_window: see http2_window.h. */
#include <net/http2_window.h>

#include <base/clock.h>

/* Half of a window may be on its way back to the peer at any moment, and a measurement may see only
 * the other half: four times what was measured lets a peer that is held up by nothing else go on. */
#define GENEROSITY 4u
/* Two schedulers take this long whatever the line does; shorter measurements say nothing about it. */
#define LEAST_DELAY_NS (CLOCK_MS / 4)
#define MOST_FRUITLESS 5u

static _Thread_local uint64_t lent;

void http2_window_init(struct http2_window *w)
{
    *w = (struct http2_window){.size = HTTP2_WINDOW, .quiet = HTTP2_WINDOW / 2};
}

void http2_window_fini(struct http2_window *w)
{
    lent -= w->size - HTTP2_WINDOW;
    w->size = HTTP2_WINDOW;
}

bool http2_window_came(struct http2_window *w, size_t len, uint64_t now_ns)
{
    if (w->is_measuring) {
        w->came += len;
        return false;
    }
    if (len < w->quiet) {
        w->quiet -= (uint32_t)len;
        return false;
    }
    w->is_measuring = true;
    w->asked_ns = now_ns;
    w->came = 0;
    return true;
}

static uint64_t at_least(uint64_t delay_ns)
{
    return delay_ns > LEAST_DELAY_NS ? delay_ns : LEAST_DELAY_NS;
}

/* The least delay, because a longer one was spent in queues that a larger window would only fill. */
static uint64_t measure(struct http2_window *w, uint64_t delay_ns)
{
    if (!w->delay_ns || delay_ns < w->delay_ns)
        w->delay_ns = delay_ns;
    return (uint64_t)((double)w->came * (double)at_least(w->delay_ns) / (double)at_least(delay_ns));
}

/* Limited for one window, and for all of them together. */
static bool grow(struct http2_window *w, uint64_t wanted)
{
    if (wanted > HTTP2_MAX_WINDOW)
        wanted = HTTP2_MAX_WINDOW;
    if (wanted > w->size + (HTTP2_LENT_WINDOW - lent))
        wanted = w->size + (HTTP2_LENT_WINDOW - lent);
    if (wanted < w->size + w->size / 4)
        return false;
    lent += wanted - w->size;
    w->size = (uint32_t)wanted;
    return true;
}

bool http2_window_answered(struct http2_window *w, uint64_t now_ns)
{
    if (!w->is_measuring)
        return false;
    bool grew = grow(w, GENEROSITY * measure(w, now_ns - w->asked_ns));
    w->is_measuring = false;
    if (grew)
        w->fruitless = 0;
    else if (w->fruitless < MOST_FRUITLESS)
        w->fruitless++;
    w->quiet = grew ? 1 : (w->size / 2) << w->fruitless;
    return grew;
}
