/* aside: leaving the session to another client without losing what the broker is still told, and coming back. */
#include "inside.h"
#include <base/check.h>

#define GOODBYE_NS (2000 * MQTT_MS)

void mqtt_be_aside(struct mqtt *m)
{
    void (*left)(void *) = m->left;
    mqtt_drop_stream(m);
    m->timer = m->timers->cancel(m->timer);
    m->state = MQTT_ASIDE;
    m->left = NULL;
    if (left)
        left(m->left_arg);
}

static void on_left(void *arg)
{
    mqtt_be_aside(checked(arg, struct mqtt, MQTT_MAGIC));
}

/* A connection that is closed while something of the broker's is unread is reset, and acknowledgements on their way are lost
 * with it. So the broker closes it: it does when it has read our goodbye. */
static void leave_broker(struct mqtt *m)
{
    struct trb_error err = {0};
    trb_error(&err, TRB_UNAVAILABLE, "ASIDE", "another takes the session over");
    mqtt_send_short(m, MQTT_DISCONNECT, 0);
    if (m->is_paused)
        m->streams->read_on(m->stream, 1);
    m->is_paused = false;
    m->state = MQTT_LEAVING;
    mqtt_timer_set(m, GOODBYE_NS, on_left);
    mqtt_tell_down(m, &err);
}

void mqtt_step_aside(struct mqtt *m, void (*then)(void *), void *arg)
{
    m->left = then;
    m->left_arg = arg;
    mqtt_enter(m);
    if (m->state == MQTT_UP)
        leave_broker(m);
    else
        mqtt_be_aside(m);
    mqtt_leave(m);
}

void mqtt_step_in(struct mqtt *m)
{
    if (m->state == MQTT_LEAVING)
        mqtt_be_aside(m);
    if (m->state == MQTT_ASIDE)
        mqtt_dial(m);
}
