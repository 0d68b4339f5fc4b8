/* SPDX-License-Identifier: Apache-2.0 */
/* Which cells: everything; or one of every class at every moment, and a sample. */

#include <stdlib.h>
#include <string.h>

#include "tests/faults/matrix.h"

static uint64_t draw_state;

static unsigned draw(unsigned n) {
	draw_state ^= draw_state << 13;
	draw_state ^= draw_state >> 7;
	draw_state ^= draw_state << 17;
	return (unsigned)(draw_state >> 33) % n;
}

static unsigned variants_of(const struct fault *f) {
	return f->variants > 0 ? f->variants : 1;
}

static bool is_wanted(const struct options *o, unsigned fault, unsigned moment) {
	const struct fault *f = &faults[fault];

	return (f->moments & (1u << moment)) &&
	       (!o->fault || strstr(f->name, o->fault) || strcmp(f->group, o->fault) == 0) &&
	       (!o->moment || strstr(moments[moment].name, o->moment));
}

static bool is_turn(const struct options *o, const struct fault *f, unsigned moment,
                    unsigned variant) {
	if (o->variant >= 0)
		return variant == (unsigned)o->variant;
	return !f->rotates || variant % N_MOMENTS == moment;
}

static unsigned add(struct place *places, unsigned n, struct place place) {
	for (unsigned i = 0; i < n; ++i)
		if (memcmp(&places[i], &place, sizeof(place)) == 0)
			return n;
	places[n] = place;
	return n + 1;
}

static unsigned select_all(const struct options *o, struct place *places) {
	unsigned n = 0;

	for (unsigned f = 0; f < n_faults; ++f)
		for (unsigned m = 0; m < N_MOMENTS; ++m)
			for (unsigned v = 0; v < variants_of(&faults[f]); ++v)
				if (is_wanted(o, f, m) && is_turn(o, &faults[f], m, v))
					places[n++] = (struct place){ f, m, v };
	return n;
}

/* One of those of @group that can be played at @moment. */
static unsigned draw_one(const struct options *o, const char *group, unsigned moment,
                         struct place *places, unsigned n) {
	unsigned found[128], n_found = 0;
	unsigned f;

	for (f = 0; f < n_faults && n_found < 128; ++f)
		if (is_wanted(o, f, moment) && !faults[f].long_only &&
		    (!group || strcmp(faults[f].group, group) == 0))
			found[n_found++] = f;
	if (n_found == 0)
		return n;
	f = found[draw(n_found)];
	return add(places, n, (struct place){ f, moment, draw(variants_of(&faults[f])) });
}

static unsigned select_some(const struct options *o, struct place *places) {
	unsigned n = 0;

	for (unsigned f = 0; f < n_faults; ++f) {
		bool is_first = f == 0 || strcmp(faults[f].group, faults[f - 1].group) != 0;

		for (unsigned m = 0; is_first && m < N_MOMENTS; ++m)
			n = draw_one(o, faults[f].group, m, places, n);
	}
	for (unsigned i = 0; i < o->sample; ++i)
		n = draw_one(o, NULL, draw(N_MOMENTS), places, n);
	return n;
}

unsigned matrix_select(const struct options *o, struct place **ret_places) {
	unsigned most = o->sample + n_faults * N_MOMENTS, n = 0, kept = 0;

	for (unsigned f = 0; f < n_faults; ++f)
		most += variants_of(&faults[f]) * N_MOMENTS;
	*ret_places = calloc(most, sizeof(**ret_places));
	if (!*ret_places)
		return 0;
	draw_state = 0x9e3779b97f4a7c15u ^ (o->seed * 0x2545f4914f6cdd1du);
	n = o->all ? select_all(o, *ret_places) : select_some(o, *ret_places);
	for (unsigned i = 0; i < n; ++i)
		if (i % o->parts == o->part)
			(*ret_places)[kept++] = (*ret_places)[i];
	return kept;
}
