/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_FRAME_TEXT_H
#define WIRE_FRAME_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Is it UTF-8 without a NUL? (Shortest forms, no surrogates, up to U+10FFFF.) */
bool frame_text_is_valid(const uint8_t *p, size_t n);

#endif
