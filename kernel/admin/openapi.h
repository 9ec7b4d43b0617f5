/* openapi: the description of the admin API (OpenAPI 3.1), made from calls.h and schemas.h. Private to this folder. */
#ifndef ADMIN_OPENAPI_H
#define ADMIN_OPENAPI_H

#include <base/text.h>

void openapi_write(const char *version, struct text *json);

#endif
