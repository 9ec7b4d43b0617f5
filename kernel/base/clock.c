/* clock: the two clocks, and the time texts of the wire. */
#include <base/clock.h>
#include <base/slice.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

uint64_t clock_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * CLOCK_S + (uint64_t)t.tv_nsec;
}

int64_t clock_wall_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * (int64_t)CLOCK_S + t.tv_nsec;
}

static int64_t split_ns(int64_t ns, int64_t *ret_rest)
{
    int64_t s = ns / (int64_t)CLOCK_S;
    *ret_rest = ns % (int64_t)CLOCK_S;
    if (*ret_rest < 0) {
        *ret_rest += (int64_t)CLOCK_S;
        s--;
    }
    return s;
}

static size_t fits(int len)
{
    return len < 0 ? 0 : len < CLOCK_TEXT ? (size_t)len : CLOCK_TEXT - 1;
}

size_t clock_http_date(int64_t wall_s, char ret_text[CLOCK_TEXT])
{
    time_t s = wall_s;
    struct tm tm = {0};
    gmtime_r(&s, &tm);
    return fits(snprintf(ret_text, CLOCK_TEXT, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday],
                         tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                         tm.tm_sec));
}

static size_t write_seconds(const struct tm *tm, char ret_text[CLOCK_TEXT])
{
    return fits(snprintf(ret_text, CLOCK_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d", tm->tm_year + 1900,
                         tm->tm_mon + 1, tm->tm_mday, tm->tm_hour, tm->tm_min, tm->tm_sec));
}

size_t clock_rfc3339(int64_t wall_ns, char ret_text[CLOCK_TEXT])
{
    int64_t rest;
    time_t s = split_ns(wall_ns, &rest);
    struct tm tm = {0};
    gmtime_r(&s, &tm);
    size_t len = write_seconds(&tm, ret_text);
    return len + fits(snprintf(ret_text + len, CLOCK_TEXT - len, "Z"));
}

/* ".5", ".000000001", or nothing. */
static size_t write_fraction(int64_t ns, char *ret_text)
{
    if (!ns)
        return 0;
    size_t len = 10;
    ret_text[0] = '.';
    for (size_t i = 9; i > 0; i--, ns /= 10)
        ret_text[i] = (char)('0' + ns % 10);
    while (ret_text[len - 1] == '0')
        len--;
    return len;
}

size_t clock_rfc3339_nano(int64_t wall_ns, char ret_text[CLOCK_TEXT])
{
    int64_t rest;
    time_t s = split_ns(wall_ns, &rest);
    struct tm tm = {0};
    gmtime_r(&s, &tm);
    size_t len = write_seconds(&tm, ret_text);
    len += write_fraction(rest, ret_text + len);
    ret_text[len++] = 'Z';
    ret_text[len] = 0;
    return len;
}

static size_t write_local(time_t s, char ret_text[CLOCK_TEXT])
{
    struct tm tm = {0};
    localtime_r(&s, &tm);
    size_t len = write_seconds(&tm, ret_text);
    int minutes = (int)(tm.tm_gmtoff / 60);
    int ahead = minutes < 0 ? -minutes : minutes;
    if (!minutes)
        return len + fits(snprintf(ret_text + len, CLOCK_TEXT - len, "Z"));
    return len + fits(snprintf(ret_text + len, CLOCK_TEXT - len, "%c%02d:%02d", minutes < 0 ? '-' : '+',
                               ahead / 60, ahead % 60));
}

/* Asked for each event: a thread remembers its last second. */
size_t clock_rfc3339_local(int64_t wall_ns, char ret_text[CLOCK_TEXT])
{
    static _Thread_local struct {
        time_t s;
        size_t len;
        char text[CLOCK_TEXT];
    } last;
    int64_t rest;
    time_t s = split_ns(wall_ns, &rest);
    if (last.s != s || !last.len) {
        last.len = write_local(s, last.text);
        last.s = s;
    }
    memcpy(ret_text, last.text, last.len + 1);
    return last.len;
}

/* ------------------------------------------------------------------------------------- reading */
static bool read_digits(struct trb_slice *s, size_t count, int max, int *ret_value)
{
    int value = 0;
    if (s->len < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (s->at[i] < '0' || s->at[i] > '9')
            return false;
        value = value * 10 + (s->at[i] - '0');
    }
    *s = slice_skip(*s, count);
    *ret_value = value;
    return value <= max;
}

static bool read_char(struct trb_slice *s, const char *any)
{
    if (!s->len || !s->at[0] || !strchr(any, s->at[0]))
        return false;
    *s = slice_skip(*s, 1);
    return true;
}

static int64_t read_fraction(struct trb_slice *s)
{
    int64_t ns = 0, unit = (int64_t)CLOCK_S / 10;
    while (s->len && s->at[0] >= '0' && s->at[0] <= '9') {
        ns += (s->at[0] - '0') * unit;
        unit /= 10;
        *s = slice_skip(*s, 1);
    }
    return ns;
}

static bool read_offset(struct trb_slice *s, int *ret_seconds)
{
    int hours, minutes, sign = s->len && s->at[0] == '-' ? -1 : 1;
    *ret_seconds = 0;
    if (read_char(s, "Zz"))
        return true;
    if (!read_char(s, "+-") || !read_digits(s, 2, 23, &hours) || !read_char(s, ":") ||
        !read_digits(s, 2, 59, &minutes))
        return false;
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

static int days_of(int year, int month)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return lengths[month - 1] + (month == 2 && leap);
}

bool clock_parse_rfc3339(struct trb_slice text, int64_t *ret_wall_ns)
{
    struct tm tm = {0};
    int year, month, offset;
    int64_t rest = 0, ns;
    if (!read_digits(&text, 4, 9999, &year) || !read_char(&text, "-") ||
        !read_digits(&text, 2, 12, &month) || month < 1 || !read_char(&text, "-") ||
        !read_digits(&text, 2, days_of(year, month), &tm.tm_mday) || tm.tm_mday < 1 ||
        !read_char(&text, "Tt") || !read_digits(&text, 2, 23, &tm.tm_hour) || !read_char(&text, ":") ||
        !read_digits(&text, 2, 59, &tm.tm_min) || !read_char(&text, ":") ||
        !read_digits(&text, 2, 59, &tm.tm_sec))
        return false;
    if (read_char(&text, ".,")) {
        if (!text.len || text.at[0] < '0' || text.at[0] > '9')
            return false;
        rest = read_fraction(&text);
    }
    if (!read_offset(&text, &offset) || text.len)
        return false;
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    if (__builtin_mul_overflow((int64_t)timegm(&tm) - offset, (int64_t)CLOCK_S, &ns) ||
        __builtin_add_overflow(ns, rest, &ns))
        return false;
    *ret_wall_ns = ns;
    return true;
}

/* ----------------------------------------------------------------------------------- durations */
static uint64_t read_unit(struct trb_slice *s)
{
    static const struct {
        struct trb_slice text;
        uint64_t ns;
    } units[] = {
        {{"ns", 2}, 1}, {{"us", 2}, 1000}, {{"\xc2\xb5s", 3}, 1000}, {{"\xce\xbcs", 3}, 1000},
        {{"ms", 2}, CLOCK_MS}, {{"s", 1}, CLOCK_S}, {{"m", 1}, 60 * CLOCK_S}, {{"h", 1}, 3600 * CLOCK_S},
    };
    size_t len = 0;
    while (len < s->len && s->at[len] != '.' && (s->at[len] < '0' || s->at[len] > '9'))
        len++;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (slice_is(slice_cut(*s, len), units[i].text)) {
            *s = slice_skip(*s, len);
            return units[i].ns;
        }
    return 0;
}

static struct trb_slice take_digits(struct trb_slice *s)
{
    size_t len = 0;
    while (len < s->len && s->at[len] >= '0' && s->at[len] <= '9')
        len++;
    struct trb_slice digits = slice_cut(*s, len);
    *s = slice_skip(*s, len);
    return digits;
}

/* One "1.5h": a number and its unit. */
static bool read_part(struct trb_slice *s, uint64_t *ret_ns)
{
    struct trb_slice whole = take_digits(s), fraction = {0};
    uint64_t value = 0, unit, part;
    if (s->len && s->at[0] == '.') {
        *s = slice_skip(*s, 1);
        fraction = take_digits(s);
    }
    if (!(whole.len + fraction.len) || (whole.len && !slice_to_u64(whole, &value)))
        return false;
    unit = read_unit(s);
    if (!unit || __builtin_mul_overflow(value, unit, ret_ns))
        return false;
    uint64_t digits = 0;
    double scale = 1;
    for (size_t i = 0; i < fraction.len && digits < INT64_MAX / 10 - 9; i++) {
        digits = digits * 10 + (uint64_t)(fraction.at[i] - '0');
        scale *= 10;
    }
    part = (uint64_t)((double)digits * ((double)unit / scale));
    return !__builtin_add_overflow(*ret_ns, part, ret_ns);
}

bool clock_parse_duration(struct trb_slice text, int64_t *ret_ns)
{
    uint64_t sum = 0, part;
    bool negative = text.len && text.at[0] == '-';
    read_char(&text, "+-");
    if (slice_is(text, SLICE("0"))) {
        *ret_ns = 0;
        return true;
    }
    if (!text.len)
        return false;
    while (text.len)
        if (!read_part(&text, &part) || __builtin_add_overflow(sum, part, &sum))
            return false;
    if (sum > (uint64_t)INT64_MAX + negative)
        return false;
    *ret_ns = negative ? (int64_t)(0 - sum) : (int64_t)sum;
    return true;
}

static size_t write_small(uint64_t ns, char *ret_text)
{
    const char *unit = ns < 1000 ? "ns" : ns < CLOCK_MS ? "\xc2\xb5s" : "ms";
    uint64_t scale = ns < 1000 ? 1 : ns < CLOCK_MS ? 1000 : CLOCK_MS;
    size_t len = (size_t)snprintf(ret_text, 8, "%" PRIu64, ns / scale);
    len += write_fraction((int64_t)(ns % scale * (CLOCK_S / scale)), ret_text + len);
    return len + (size_t)snprintf(ret_text + len, 8, "%s", unit);
}

size_t clock_duration_text(int64_t ns, char ret_text[CLOCK_TEXT])
{
    uint64_t left = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    size_t len = 0;
    if (ns < 0)
        ret_text[len++] = '-';
    if (left && left < CLOCK_S)
        return len + write_small(left, ret_text + len);
    uint64_t s = left / CLOCK_S;
    if (s >= 3600)
        len += (size_t)snprintf(ret_text + len, 16, "%" PRIu64 "h", s / 3600);
    if (s >= 60)
        len += (size_t)snprintf(ret_text + len, 8, "%" PRIu64 "m", s / 60 % 60);
    len += (size_t)snprintf(ret_text + len, 8, "%" PRIu64, s % 60);
    len += write_fraction((int64_t)(left % CLOCK_S), ret_text + len);
    return len + (size_t)snprintf(ret_text + len, 2, "s");
}
